/**
 * A home into one file. A backup is taken of a home that nobody uses, so all of it is of one moment; what the home would
 * have again by itself is left out.
 */
import { closeSync, existsSync, readdirSync, readSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CarWriter } from '../base/file-car.ts'
import { encodeCbor } from '../base/codec.ts'
import { describeError, isWritError, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { openGuarded } from '../base/level-guard.ts'
import { release } from '../base/release.ts'
import { openUnlinked, statGuarded } from '../base/file-durable.ts'
import { systemClock } from '../base/system-clock.ts'
import { isOfAgent, loadSigner, openHome, type Home } from '../trust/file-home.ts'
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

const openIdle = async (home: Home, name: string): Promise<LevelStore> => {
  const { paths, config } = home
  if (isOfAgent(name)) guardFiles(home, name)
  try {
    return await openGuarded(join(paths.home, name))
  } catch (error) {
    if (!isWritError(error, 'store-locked')) throw error
    const what = config.kind === 'node' ? 'a node runs' : 'another command works'
    throw new WritError('home-in-use', `${what} in ${paths.home}; a backup is of one moment: stop it first`, { details: { home: paths.home }, cause: error })
  }
}

/** LevelDB writes where a link leads, and this may be the store of another user. */
const guardFiles = ({ paths, agentOwner }: Home, store: string): void => {
  const files = readdirSync(join(paths.home, store)).map((name) => join(store, name))
  const beside = readdirSync(join(paths.home, dirname(store))).map((name) => join(dirname(store), name))
  for (const path of [...files, ...beside]) statGuarded(join(paths.home, path), agentOwner)
}

const writeBackup = async (home: Home, stores: readonly LevelStore[], out: string): Promise<BackupReport> => {
  const { config, paths, agentOwner } = home
  const { kind, name, mesh, meshName } = config
  const signer = loadSigner(kind === 'admin' ? paths.adminKey : paths.peerKey, agentOwner)
  const head: BackupHead = { archive: 'writ-backup', version: 1, kind, name, mesh, meshName, key: signer.key, at: systemClock.now(), release }
  const archive = new CarWriter(out, encodeCbor(head))
  try {
    const files = listFiles(paths.home, '').filter((path) => isBackedUp(path, kind))
    for (const path of files) addFile(archive, home, path)
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

const addFile = (archive: CarWriter, { paths, agentOwner }: Home, path: string): void => {
  const mode = statGuarded(join(paths.home, path), isOfAgent(path) ? agentOwner : null).mode & 0o777
  const file = openUnlinked(join(paths.home, path))
  try {
    for (let more = true; more; ) {
      const bytes = new Uint8Array(limits.archive.pieceBytesMax)
      const count = readSync(file, bytes)
      more = count === bytes.length
      archive.add(encodeCbor({ kind: 'file', path, mode, bytes: bytes.subarray(0, count), more } satisfies BackupBlock))
    }
  } catch (error) {
    throw isWritError(error) ? error : new WritError('home-unreadable', `cannot read ${join(paths.home, path)}: ${describeError(error)}`, { details: { path }, cause: error })
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
