/** Releases of this very code that say they are of another version, and how much of one is new beside another. */
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Scope } from './processes.ts'

export interface MadeRelease {
  readonly version: string
  readonly directory: string
  readonly sizeBytes: number
}

/** What an agent runs before its first update: the installed package, on the runtime of this process. */
export const installed: readonly string[] = [fileURLToPath(new URL('../dist', import.meta.url)), process.execPath]

const builder = fileURLToPath(new URL('../scripts/release.ts', import.meta.url))

export const makeRelease = async (scope: Scope, version: string, ...flags: readonly string[]): Promise<MadeRelease> => {
  const directory = scope.path(`release-${version}`)
  const build = scope.node('release', [builder, '--out', directory, '--version', version, ...flags])
  await build.ended()
  if (build.child.exitCode !== 0) throw new Error(`release ${version} was not made: ${build.log()}`)
  return measured(version, directory)
}

/** The same, as `version`, but for an executor that crashes at its start. */
export const breakRelease = (scope: Scope, { directory }: MadeRelease, version: string): MadeRelease => {
  const broken = scope.path(`release-${version}`)
  cpSync(directory, broken, { recursive: true })
  writeFileSync(join(broken, 'executor.js'), 'throw new Error("broken on purpose")\n')
  writeFileSync(join(broken, 'release.json'), JSON.stringify({ ...JSON.parse(readFileSync(join(directory, 'release.json'), 'utf8')), version }))
  return measured(version, broken)
}

const measured = (version: string, directory: string): MadeRelease => ({ version, directory, sizeBytes: sizeOf(directory) })

const filesBelow = (path: string): string[] =>
  statSync(path).isFile() ? [path] : readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))

/** Of all files below; 0 for a directory that is not there. */
export const sizeOf = (directory: string): number => (existsSync(directory) ? filesBelow(directory).reduce((sum, file) => sum + statSync(file).size, 0) : 0)

const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Of the files of a release that are in none of `held`, directories and files, whatever their names. */
export const changedBytes = ({ directory }: MadeRelease, held: readonly string[]): number => {
  const known = new Set(held.flatMap(filesBelow).map(digestOf))
  return filesBelow(directory).reduce((sum, file) => sum + (known.has(digestOf(file)) ? 0 : statSync(file).size), 0)
}
