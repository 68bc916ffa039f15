/**
 * A home out of a backup. It says so in a mark, from which its executor knows that orders may have been started of which
 * the backup knows nothing, and goes on in a new life of its log: so it neither runs anything twice nor contradicts what it
 * said before. A file that is damaged is refused before anything is made of it.
 */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readdirSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkShape } from '../base/schema.ts'
import { decodeOwn } from '../base/codec.ts'
import { drawNonce } from '../base/random.ts'
import { isWritError, WritError } from '../base/errors.ts'
import { LevelStore } from '../base/level-store.ts'
import { makeDirectory, readFileGuarded, removeTree, syncDirectory, writeError } from '../base/file-durable.ts'
import { put, type Change } from '../base/key-value-store.ts'
import { readCar } from '../base/file-car.ts'
import { systemClock } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { OwnLog } from '../queue/own-log.ts'
import { keys, putRow, readRow, type StoreMeta } from '../queue/queue-store.ts'
import { homePaths, loadSigner, refuseExistingHome } from '../trust/file-home.ts'
import { saveRestored } from '../trust/file-restored.ts'
import { backupBlockSchema, backupHeadSchema, type BackupBlock, type BackupHead } from './backup-format.ts'
import type { BackupReport } from './file-backup.ts'

/**
 * Checks the whole file before anything is made of it. Errors: `home-exists`, `archive-foreign`, `archive-damaged`,
 * `archive-unreadable`, and those of writing files.
 */
export const restore = async (options: { readonly file: string; readonly home: string }): Promise<BackupReport> => {
  refuseExistingHome(options.home)
  if (existsSync(options.home) && readdirSync(options.home).length > 0) throw new WritError('home-exists', `${options.home} is not empty; choose another directory`, { details: { home: options.home } })
  for (const _ of readBlocks(options.file)) continue
  const isNew = !existsSync(options.home)
  try {
    return await rebuild(options.file, options.home)
  } catch (error) {
    if (isNew) removeTree(options.home)
    throw error
  }
}

/** The head first. */
function* readBlocks(file: string): Generator<BackupHead | BackupBlock> {
  let isFirst = true
  for (const bytes of readCar(file)) {
    const block = isFirst ? checkShape(backupHeadSchema, decodeOwn(bytes)) : checkShape(backupBlockSchema, decodeOwn(bytes))
    if (!block.ok) throw new WritError('archive-foreign', `${file} is no backup that this release can read: ${block.detail}`, { details: { file } })
    isFirst = false
    yield block.value
  }
}

const configPath = 'writ.json'

/** `writ.json` comes last, so that a home that was cut short is none. */
const rebuild = async (file: string, home: string): Promise<BackupReport> => {
  makeDirectory(home)
  let head: BackupHead | undefined
  const config: Extract<BackupBlock, { kind: 'file' }>[] = []
  const stores = new Map<string, LevelStore>()
  const files = new Set<string>()
  let rows = 0
  let sizeBytes = 0
  try {
    for (const block of readBlocks(file)) {
      if ('archive' in block) head = block
      else if (block.kind === 'rows') {
        await addToStore(stores, home, block.store, block.rows)
        rows += block.rows.length
      } else {
        sizeBytes += block.bytes.length
        if (block.path === configPath) config.push(block)
        else appendPiece(home, block, !files.has(block.path))
        files.add(block.path)
      }
    }
  } finally {
    for (const store of stores.values()) await store.close()
  }
  if (head === undefined || config.length === 0) throw new WritError('archive-foreign', `${file} holds no home`, { details: { file } })
  makeDirectory(join(home, head.kind === 'admin' ? 'admin' : 'run'))
  await begin(home, head)
  for (const [index, piece] of config.entries()) appendPiece(home, piece, index === 0)
  syncDirectory(home)
  return { ...head, files: files.size, rows, sizeBytes }
}

/** The mark, a new life of the own log, and a new name for the queues: what came after the backup was of the old ones. */
const begin = async (home: string, { kind, mesh, at }: BackupHead): Promise<void> => {
  const paths = homePaths(home)
  saveRestored(paths, { at: systemClock.now(), backupAt: at })
  const directory = kind === 'admin' ? paths.adminLog : paths.agentState
  if (!existsSync(directory)) return
  const store = await LevelStore.open(directory)
  try {
    const first = kind === 'admin' ? {} : { first: { kind: 'credential' as const, credential: readFileGuarded(paths.credential('agent'), { secret: false }) } }
    const log = await OwnLog.open({ store, signer: loadSigner(kind === 'admin' ? paths.adminKey : paths.peerKey), mesh, random: systemRandom, clock: systemClock, ...first })
    await log.startIncarnation()
    const meta = await store.get(keys.meta)
    if (meta !== undefined) await store.write([putRow(keys.meta, { ...readRow<StoreMeta>(meta), storeId: drawNonce(systemRandom) })], { durable: true })
  } finally {
    await store.close()
  }
}

const addToStore = async (stores: Map<string, LevelStore>, home: string, name: string, rows: readonly (readonly [string, Uint8Array])[]): Promise<void> => {
  let store = stores.get(name)
  if (store === undefined) {
    makeDirectory(dirname(join(home, name)))
    store = await LevelStore.open(join(home, name))
    stores.set(name, store)
  }
  await store.write(rows.map(([key, value]): Change => put(key, value)), { durable: true })
}

const appendPiece = (home: string, { path, mode, bytes, more }: Extract<BackupBlock, { kind: 'file' }>, isFirst: boolean): void => {
  const target = join(home, path)
  try {
    makeDirectory(dirname(target))
    const file = openSync(target, isFirst ? 'wx' : 'a', mode)
    try {
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset)
      if (!more) fsyncSync(file)
    } finally {
      closeSync(file)
    }
    chmodSync(target, mode) // whatever the umask
  } catch (error) {
    throw isWritError(error) ? error : writeError(target, error)
  }
}
