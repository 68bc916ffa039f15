/**
 * The files that run: those of the release that this process is of, and its runtime. A release in a slot lies where only the
 * executor may look; for processes of other users it is linked to a place that all may read.
 */
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { removeTree, writeError } from '../base/file-durable.ts'
import type { HomePaths } from '../trust/file-home.ts'

export interface Program {
  readonly directory: string
  readonly runtime: string
}

/** The same program, where other users can read it, if it runs from a slot of this home. Errors: `disk-full`, `home-unwritable`. */
export const shareProgram = (program: Program, { releases, program: shared }: Pick<HomePaths, 'releases' | 'program'>): Program => {
  removeTree(shared)
  const directory = resolve(program.directory)
  if (!existsSync(releases) || dirname(directory) !== realpathSync(releases)) return program
  try {
    shareDirectory(directory, shared)
  } catch (error) {
    throw writeError(shared, error)
  }
  const { runtime } = program
  return { directory: shared, runtime: runtime.startsWith(directory + sep) ? join(shared, runtime.slice(directory.length + 1)) : runtime }
}

/** Links take no room; modes are of the files, whatever their names. */
const shareDirectory = (from: string, to: string): void => {
  mkdirSync(to, { mode: 0o755 })
  chmodSync(to, 0o755) // whatever the umask
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) shareDirectory(source, target)
    else if (entry.isFile()) shareFile(source, target)
  }
}

const shareFile = (source: string, target: string): void => {
  linkSync(source, target)
  chmodSync(target, (statSync(target).mode & 0o100) === 0 ? 0o644 : 0o755)
}
