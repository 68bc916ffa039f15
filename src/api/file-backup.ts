/**
 * A home into one file. A backup is taken of a home that nobody uses, so all of it is of one moment; what the home would
 * have again by itself is left out.
 */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { CarWriter } from '../base/file-car.ts'
import { encodeCbor } from '../base/codec.ts'
import { describeError, isWritError, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { openGuarded } from '../base/level-guard.ts'
import { release } from '../base/release.ts'
import { statGuarded } from '../base/file-durable.ts'
import { systemClock } from '../base/system-clock.ts'
import { loadSigner, openHome, type Home } from '../trust/file-home.ts'
import { isBackedUp, storesOf, type BackupBlock, type BackupHead } from './backup-format.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { LevelStore } from '../base/level-store.ts'

/** What a backup holds, or what was restored from it. */
export interface BackupReport extends BackupHead {
  readonly files: number
  readonly rows: number
  readonly sizeBytes: number
}

/** Errors: `home-in-use`, `file-exists`, `store-damaged`, those of `openHome`, and those of writing a file. */
export const backUp = async (options: { readonly home: string; readonly out: string }): Promise<BackupReport> => {
  const home = openHome(options.home)
  const { kind } = home.config
  const stores: LevelStore[] = []
  try {
    for (const name of storesOf(kind)) if (existsSync(join(home.paths.home, name))) stores.push(await openIdle(home, name))
    return await writeBackup(home, stores, options.out)
  } finally {
    for (const store of stores) await store.close()
  }
}

const openIdle = async ({ paths, config }: Home, name: string): Promise<LevelStore> => {
  try {
    return await openGuarded(join(paths.home, name))
  } catch (error) {
    if (!isWritError(error, 'store-locked')) throw error
    const what = config.kind === 'node' ? 'a node runs' : 'another command works'
    throw new WritError('home-in-use', `${what} in ${paths.home}; a backup is of one moment: stop it first`, { details: { home: paths.home }, cause: error })
  }
}

const writeBackup = async (home: Home, stores: readonly LevelStore[], out: string): Promise<BackupReport> => {
  const { config, paths } = home
  const { kind, name, mesh, meshName } = config
  const signer = loadSigner(kind === 'admin' ? paths.adminKey : paths.peerKey)
  const head: BackupHead = { archive: 'writ-backup', version: 1, kind, name, mesh, meshName, key: signer.key, at: systemClock.now(), release }
  const archive = new CarWriter(out, encodeCbor(head))
  try {
    const files = listFiles(paths.home, '').filter((path) => isBackedUp(path, kind))
    for (const path of files) addFile(archive, paths.home, path)
    let rows = 0
    for (const [index, store] of stores.entries()) rows += await addRows(archive, storesOf(kind)[index] ?? '', store)
    archive.finish()
    return { ...head, files: files.length, rows, sizeBytes: archive.sizeBytes }
  } catch (error) {
    archive.abandon()
    throw error
  }
}

const listFiles = (home: string, within: string): string[] =>
  readdirSync(join(home, within), { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      const path = within === '' ? entry.name : `${within}/${entry.name}`
      return entry.isDirectory() ? listFiles(home, path) : [path]
    })

const addFile = (archive: CarWriter, home: string, path: string): void => {
  const mode = statGuarded(join(home, path)).mode & 0o777
  const file = openSync(join(home, path), 'r')
  try {
    for (let more = true; more; ) {
      const bytes = new Uint8Array(limits.archive.pieceBytesMax)
      const count = readSync(file, bytes)
      more = count === bytes.length
      archive.add(encodeCbor({ kind: 'file', path, mode, bytes: bytes.subarray(0, count), more } satisfies BackupBlock))
    }
  } catch (error) {
    throw isWritError(error) ? error : new WritError('home-unreadable', `cannot read ${join(home, path)}: ${describeError(error)}`, { details: { path }, cause: error })
  } finally {
    closeSync(file)
  }
}

/** An empty block at least, so that a store that is empty is there again. */
const addRows = async (archive: CarWriter, store: string, from: KeyValueStore): Promise<number> => {
  let count = 0
  let rows: [string, Uint8Array][] = []
  let sizeBytes = 0
  for await (const [key, value] of from.entries({ from: '', to: '\u{10FFFF}' })) {
    rows.push([key, value])
    count += 1
    sizeBytes += key.length + value.length
    if (sizeBytes < limits.archive.pieceBytesMax) continue
    archive.add(encodeCbor({ kind: 'rows', store, rows }))
    rows = []
    sizeBytes = 0
  }
  archive.add(encodeCbor({ kind: 'rows', store, rows }))
  return count
}
