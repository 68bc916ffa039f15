/** The formats of a node, by name. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { release } from '../base/release.ts'
import { createCommandFormat } from './command-format.ts'
import { createConfiguredFormat } from './configured-format.ts'
import { fileExecutables } from './file-executables.ts'
import { createCollectLogsFormat, createFactsFormat, createFilesFormat, createLeaveFormat, createPackageFormat } from './job-format.ts'
import { createReleaseFormat } from './release-format.ts'
import { createScriptFormat } from './script-format.ts'
import { readPlatform } from '../base/system-platform.ts'
import type { Program } from './file-program.ts'
import type { Format, Launch } from './format.ts'
import type { NodeConfig } from '../trust/home-config.ts'
import type { ReleaseFormatDeps } from './release-format.ts'

/** The job program: part of a release, in the source tree its entry. */
const findJobs = ({ directory, runtime }: Program): Launch => {
  const bundled = join(directory, 'jobs.js')
  return { file: runtime, args: [existsSync(bundled) ? bundled : fileURLToPath(new URL('./jobs/main.ts', import.meta.url))] }
}

export interface FormatsOptions {
  readonly program: Program
  readonly configured: NodeConfig['formats']
  /** PATH of the executor. */
  readonly searchPath: string
  /** The file that marks the home as left. */
  readonly leftMark: string
  readonly launcher: ReleaseFormatDeps['launcher']
}

export const createFormats = ({ program, configured, searchPath, leftMark, launcher }: FormatsOptions): ReadonlyMap<string, Format> => {
  const jobs = findJobs(program)
  const formats = [
    createCommandFormat(fileExecutables),
    createScriptFormat(fileExecutables),
    createFilesFormat(jobs),
    createPackageFormat(jobs, fileExecutables),
    createCollectLogsFormat(jobs),
    createFactsFormat(jobs),
    createLeaveFormat(jobs, leftMark),
    createReleaseFormat({ jobs, launcher, running: release, platform: readPlatform }),
    ...Object.entries(configured).map(([name, { command }]) => createConfiguredFormat(name, command, fileExecutables, searchPath))
  ]
  return new Map(formats.map((format) => [format.name, format]))
}
