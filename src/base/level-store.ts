/**
 * A key-value store in LevelDB. One process holds a directory at a time; LevelDB's own lock says so.
 *
 * Every batch carries the number of writes so far. LevelDB goes on after a write that failed half-way, and its log is
 * then unreadable from there: so after a failure the directory is opened anew before the next write, once there is space.
 * A batch that failed and turns up all the same is taken back: what was refused is not there.
 */
import { statfsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Level } from 'level'
import { decodeOwn, encodeCbor } from './codec.ts'
import { assert, describeError, errorCode, WritError } from './errors.ts'
import { limits } from './limits.ts'
import { Mutex } from './mutex.ts'
import { put, type Change, type KeyValueStore, type Range } from './key-value-store.ts'
import type { StoreMark } from './file-store-mark.ts'

/**
 * Directories that this process has open. LevelDB's lock is one of the process, and trying to open a directory twice
 * ends it: another process could then open it as well, and both would ruin it.
 */
const held = new Set<string>()

/** Before every key that anybody gives. */
const countKey = '\0count'
const firstKey = '\u0001'

type Database = Level<string, Uint8Array>

interface Failure {
  readonly count: number
  /** What was there before, to be put back should the write turn up. */
  readonly undo: readonly Change[]
}

export interface StoreOptions {
  /** Gathered in memory before it becomes a table, twice at most. */
  readonly writeBufferBytes: number
}

const usualOptions: StoreOptions = { writeBufferBytes: limits.store.writeBufferBytes }

export class LevelStore implements KeyValueStore {
  readonly #directory: string
  readonly #options: StoreOptions
  readonly #turn = new Mutex()
  #db: Database
  #count: number
  #mark: StoreMark | undefined
  #failure: Failure | undefined
  #isClosed = false
  /** No read has met bytes that cannot be. */
  #isSound = true

  private constructor(directory: string, options: StoreOptions, db: Database, count: number) {
    this.#directory = directory
    this.#options = options
    this.#db = db
    this.#count = count
  }

  /** Opens or creates `directory`. Errors: `store-locked` (another process has it, or this one), `store-unusable`, `store-damaged`. */
  static async open(directory: string, options: StoreOptions = usualOptions): Promise<LevelStore> {
    const path = resolve(directory)
    if (held.has(path)) throw new WritError('store-locked', `${directory} is in use by this process`, { details: { directory } })
    held.add(path)
    try {
      const db = await openDatabase(path, options)
      return new LevelStore(path, options, db, await readCount(db))
    } catch (error) {
      held.delete(path)
      throw error
    }
  }

  /** Whether this process has it open. */
  static isHeld(directory: string): boolean {
    return held.has(resolve(directory))
  }

  /** How many writes it has had. */
  get count(): number {
    return this.#count
  }

  /** From now on `mark` is told of each durable write, and of the end. */
  keepMark(mark: StoreMark): void {
    this.#mark = mark
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#db.get(key))
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.length === 0 ? [] : this.#read(() => this.#db.getMany([...keys]))
  }

  async *entries(range: Range): AsyncIterable<readonly [string, Uint8Array]> {
    await this.#ready()
    const from = range.from < firstKey ? firstKey : range.from
    try {
      yield* this.#db.iterator({ gte: from, lt: range.to, reverse: range.reverse ?? false, limit: range.limit ?? -1 })
    } catch (error) {
      throw this.#readError(error)
    }
  }

  async write(changes: readonly Change[], options: { durable: boolean }): Promise<void> {
    if (changes.length > 0) await this.#turn.run(() => this.#write(changes, options.durable))
  }

  async close(): Promise<void> {
    await this.#turn.run(async () => {
      if (this.#isClosed) return
      this.#isClosed = true
      await this.#db.close()
      this.#mark?.close(this.#count, this.#isSound && this.#failure === undefined)
      held.delete(this.#directory)
    })
  }

  async #write(changes: readonly Change[], durable: boolean): Promise<void> {
    if (this.#isClosed) throw writeError('it is closed')
    if (this.#failure !== undefined) await this.#recover()
    const count = this.#count + 1
    try {
      await batch(this.#db, [...changes, put(countKey, encodeCbor(count))], durable)
    } catch (error) {
      this.#failure = { count, undo: await this.#undoOf(changes) }
      throw writeError(error)
    }
    this.#count = count
    if (durable) this.#mark?.note(count)
  }

  /** LevelDB gives out nothing of a batch that failed, so what it reads now is what was before. */
  async #undoOf(changes: readonly Change[]): Promise<Change[]> {
    const keys = [...new Set(changes.map(({ key }) => key))]
    const values = await this.#db.getMany(keys).catch(() => [])
    return keys.flatMap((key, index): Change[] => {
      const value = values[index]
      return [value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value }]
    })
  }

  /** Errors: `store-write-failed` while there is no space, and then all that was held can still be read. */
  async #recover(): Promise<void> {
    const failure = this.#failure
    if (failure === undefined || this.#isClosed) return
    if (this.#db.status === 'open') {
      if (!hasRoom(this.#directory, this.#options)) throw writeError('there is no space left')
      await this.#db.close()
    }
    try {
      this.#db = await openDatabase(this.#directory, this.#options)
      if ((await readCount(this.#db)) >= failure.count) await batch(this.#db, [...failure.undo, put(countKey, encodeCbor(this.#count))], true)
    } catch (error) {
      if (this.#db.status === 'open') await this.#db.close()
      throw writeError(error)
    }
    this.#failure = undefined
  }

  /** Only after a failure it may be closed for a while. */
  async #ready(): Promise<void> {
    if (this.#failure !== undefined && this.#db.status !== 'open') await this.#turn.run(() => this.#recover())
  }

  async #read<T>(action: () => Promise<T>): Promise<T> {
    await this.#ready()
    try {
      return await action()
    } catch (error) {
      throw this.#readError(error)
    }
  }

  #readError(error: unknown): unknown {
    if (errorCode(error) !== 'LEVEL_CORRUPTION') return error
    this.#isSound = false
    return damaged(this.#directory, describeError(error), error)
  }
}

/** Errors: `store-locked`, `store-damaged`, `store-unusable`. */
const openDatabase = async (directory: string, { writeBufferBytes }: StoreOptions): Promise<Database> => {
  const db = new Level<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view', cacheSize: 2 << 20, maxOpenFiles: limits.store.openTablesMax, writeBufferSize: writeBufferBytes })
  try {
    await db.open()
    return db
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    if (errorCode(cause) === 'LEVEL_LOCKED') throw new WritError('store-locked', `${directory} is in use by another process`, { details: { directory }, cause })
    if (errorCode(cause) === 'LEVEL_CORRUPTION') throw damaged(directory, describeError(cause), cause)
    throw new WritError('store-unusable', `cannot open the store at ${directory}: ${describeError(cause)}`, { details: { directory }, cause })
  }
}

const readCount = async (db: Database): Promise<number> => {
  const bytes = await db.get(countKey)
  if (bytes === undefined) return 0
  const count = decodeOwn(bytes)
  assert(typeof count === 'number', 'the count of writes is a number')
  return count
}

/** A chained batch takes its operations over one by one, without an object for each. */
const batch = (db: Database, changes: readonly Change[], durable: boolean): Promise<void> => {
  const chained = db.batch()
  for (const change of changes) {
    if (change.kind === 'put') chained.put(change.key, change.value)
    else chained.del(change.key)
  }
  return chained.write({ sync: durable })
}

/** Opening writes the log into tables: less room than this, and it would fail half-way as well. */
const hasRoom = (directory: string, { writeBufferBytes }: StoreOptions): boolean => {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize >= limits.store.reopenBytesMin + 2 * writeBufferBytes
}

const writeError = (error: unknown): WritError =>
  new WritError('store-write-failed', `a write to the store failed: ${typeof error === 'string' ? error : describeError(error)}`, typeof error === 'string' ? {} : { cause: error })

export const damaged = (directory: string, what: string, cause?: unknown): WritError =>
  new WritError('store-damaged', `the store at ${directory} is damaged: ${what}`, { details: { directory }, cause })
