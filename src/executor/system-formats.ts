/** The formats of a node, by name. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { release } from '../base/release.ts'
import { createCommandFormat } from './command-format.ts'
import { fileExecutables } from './file-executables.ts'
import { createFilesFormat } from './files-format.ts'
import { createReleaseFormat } from './release-format.ts'
import { createScriptFormat } from './script-format.ts'
import { readPlatform } from '../base/system-platform.ts'
import type { Format, Launch } from './format.ts'
import type { Slots } from './file-slots.ts'

/** The job program: beside this file in a release, in the source tree its entry. */
const findJobs = (): Launch => {
  const bundled = fileURLToPath(new URL('./jobs.js', import.meta.url))
  return { file: process.execPath, args: [existsSync(bundled) ? bundled : fileURLToPath(new URL('./jobs/main.ts', import.meta.url))] }
}

/** `launcher`: what runs this executor, if anything does. */
export const createFormats = (launcher: { readonly protocol: number; readonly slots: Pick<Slots, 'pathOf'> } | null): ReadonlyMap<string, Format> => {
  const jobs = findJobs()
  const formats = [
    createCommandFormat(fileExecutables),
    createScriptFormat(fileExecutables),
    createFilesFormat(jobs),
    createReleaseFormat({ jobs, launcher, running: release, platform: readPlatform })
  ]
  return new Map(formats.map((format) => [format.name, format]))
}
