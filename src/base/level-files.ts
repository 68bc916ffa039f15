/**
 * The files of a LevelDB directory, looked at before they are opened. LevelDB itself opens over much that is missing:
 * without `CURRENT` it begins an empty database, a lost or flipped log is passed over in silence, and the sums in its
 * tables are not looked at when they are read. What was acknowledged must not vanish like that.
 *
 * Promises: a directory that a killed process or a power cut left is sound, for a record cut off at the end of a log is
 * how these end. A file that is missing, shorter than it was, or has a byte changed is named. Writes nothing.
 */
import { closeSync, copyFileSync, existsSync, linkSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from './errors.ts'
import { toText } from './bytes.ts'
import { readLog, readVersion, type Version } from './level-log.ts'
import { checkTable } from './level-table.ts'

/** What is wrong with the directory, or null. With `whole` every table is read, else only its size is compared. */
export const findDamage = (directory: string, options: { readonly whole: boolean }): string | null => {
  const names = namesIn(directory)
  if (names.length === 0) return null
  const current = join(directory, 'CURRENT')
  // One that was killed while it was made has a first manifest, and nothing else yet.
  if (!existsSync(current)) return names.some((name) => /^[0-9]+\.(log|ldb|sst)$/.test(name)) ? 'CURRENT is missing' : null
  const manifest = toText(readFileSync(current)).trim()
  if (!isManifest(manifest)) return 'CURRENT names no manifest'
  if (!names.includes(manifest)) return `${manifest} is missing`
  const log = readLog(readFileSync(join(directory, manifest)))
  if (log.damage !== null) return `${manifest}: ${log.damage}`
  const version = readVersion(log.records)
  if (version === null || log.records.length === 0) return `${manifest} cannot be read`
  return findLogDamage(directory, names, version.logNumber) ?? findTableDamage(directory, version.tables, options.whole)
}

const isManifest = (name: string): boolean => /^MANIFEST-[0-9]+$/.test(name)

/** Bytes of the tables: what a whole check reads. */
export const tableBytes = (directory: string): number =>
  namesIn(directory).reduce((total, name) => (/\.(ldb|sst)$/.test(name) ? total + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0) : total), 0)

/** Changes whenever somebody opens or writes. */
export const fingerprint = (directory: string): string =>
  namesIn(directory).sort().map((name) => `${name} ${statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0}`).join('\n')

const namesIn = (directory: string): string[] => (existsSync(directory) && statSync(directory).isDirectory() ? readdirSync(directory) : [])

const numbered = (number: number, extension: string): string => `${String(number).padStart(6, '0')}.${extension}`

const findLogDamage = (directory: string, names: readonly string[], logNumber: number): string | null => {
  // LevelDB makes the log before it names it, and removes it after it names the next.
  if (logNumber > 0 && !names.includes(numbered(logNumber, 'log'))) return `${numbered(logNumber, 'log')} is missing`
  for (const name of names) {
    if (!/^[0-9]+\.log$/.test(name) || Number.parseInt(name, 10) < logNumber) continue
    const { damage } = readLog(readFileSync(join(directory, name)))
    if (damage !== null) return `${name}: ${damage}`
  }
  return null
}

const findTableDamage = (directory: string, tables: Version['tables'], whole: boolean): string | null => {
  for (const { number, sizeBytes } of tables) {
    const name = [numbered(number, 'ldb'), numbered(number, 'sst')].find((candidate) => existsSync(join(directory, candidate)))
    if (name === undefined) return `${numbered(number, 'ldb')} is missing`
    const path = join(directory, name)
    if (statSync(path).size !== sizeBytes) return `${name} has ${statSync(path).size} bytes, and had ${sizeBytes}`
    const damage = whole ? checkTable(readWhole(path, sizeBytes)) : null
    if (damage !== null) return `${name}: ${damage}`
  }
  return null
}

/**
 * Copies a store that may be in use to `target`, as it would look after a kill at this moment: tables never change once
 * they are named, and logs only grow. False when it changed too fast, and should be tried again.
 */
export const copyFiles = (directory: string, target: string): boolean => {
  mkdirSync(target, { recursive: true, mode: 0o700 })
  try {
    const manifest = toText(readFileSync(join(directory, 'CURRENT'))).trim()
    if (!isManifest(manifest)) return false // it could lead anywhere
    const names = namesIn(directory)
    // The manifest first: what it names may be gone by the time it is copied, and that is noticed.
    copyFileSync(join(directory, manifest), join(target, manifest))
    for (const name of names) if (/\.(ldb|sst)$/.test(name)) shareFile(join(directory, name), join(target, name))
    for (const name of namesIn(directory)) if (name.endsWith('.log')) copyFileSync(join(directory, name), join(target, name))
    writeFileSync(join(target, 'CURRENT'), `${manifest}\n`)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
  return true
}

/** By a link where that can be: tables are only ever read and removed. */
const shareFile = (from: string, to: string): void => {
  try {
    linkSync(from, to)
    if (lstatSync(to).isFile()) return
    rmSync(to) // a symbolic link of whoever owns the store: what LevelDB does with it would be done elsewhere
    copyFileSync(from, to)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw error
    copyFileSync(from, to)
  }
}

/** Whether a process holds the directory's lock, which LevelDB takes by fcntl(2): the kernel lists those. */
export const isLocked = (directory: string): boolean => {
  const lock = join(directory, 'LOCK')
  if (!existsSync(lock) || !existsSync('/proc/locks')) return false
  const { ino } = statSync(lock)
  return readFileSync('/proc/locks', 'utf8').split('\n').some((line) => line.includes('POSIX') && line.split(/\s+/).some((field) => /^[0-9a-f]+:[0-9a-f]+:[0-9]+$/.test(field) && field.endsWith(`:${ino}`)))
}

const readWhole = (path: string, sizeBytes: number): Uint8Array => {
  const bytes = new Uint8Array(sizeBytes)
  const file = openSync(path, 'r')
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      const count = readSync(file, bytes, offset, sizeBytes - offset, offset)
      if (count === 0) break
      offset += count
    }
  } finally {
    closeSync(file)
  }
  return bytes
}
