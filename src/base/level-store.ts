/** A key-value store in LevelDB. One process holds a directory at a time; LevelDB's own lock says so. */
import { resolve } from 'node:path'
import { Level } from 'level'
import { describeError, errorCode, WritError } from './errors.ts'
import type { Change, KeyValueStore, Range } from './key-value-store.ts'

/**
 * Directories that this process has open. LevelDB's lock is one of the process, and trying to open a directory twice
 * ends it: another process could then open it as well, and both would ruin it.
 */
const held = new Set<string>()

export class LevelStore implements KeyValueStore {
  readonly #db: Level<string, Uint8Array>
  readonly #path: string

  private constructor(db: Level<string, Uint8Array>, path: string) {
    this.#db = db
    this.#path = path
  }

  /** Opens or creates `directory`. Errors: `store-locked` (another process has it, or this one), `store-unusable`. */
  static async open(directory: string): Promise<LevelStore> {
    const path = resolve(directory)
    if (held.has(path)) throw new WritError('store-locked', `${directory} is in use by this process`, { details: { directory } })
    held.add(path)
    const db = new Level<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view', cacheSize: 2 << 20, writeBufferSize: 2 << 20 })
    try {
      await db.open()
    } catch (error) {
      held.delete(path)
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
      if (errorCode(cause) === 'LEVEL_LOCKED') throw new WritError('store-locked', `${directory} is in use by another process`, { details: { directory }, cause })
      throw new WritError('store-unusable', `cannot open the store at ${directory}: ${describeError(cause)}`, { details: { directory }, cause })
    }
    return new LevelStore(db, path)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#db.get(key)
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.length === 0 ? [] : this.#db.getMany([...keys])
  }

  entries(range: Range): AsyncIterable<readonly [string, Uint8Array]> {
    return this.#db.iterator({ gte: range.from, lt: range.to, reverse: range.reverse ?? false, limit: range.limit ?? -1 })
  }

  async write(changes: readonly Change[], options: { durable: boolean }): Promise<void> {
    if (changes.length === 0) return
    try {
      const batch = this.#db.batch()
      for (const change of changes) {
        if (change.kind === 'put') batch.put(change.key, change.value)
        else batch.del(change.key)
      }
      await batch.write({ sync: options.durable })
    } catch (error) {
      throw new WritError('store-write-failed', `a write to the store failed: ${describeError(error)}`, { cause: error })
    }
  }

  async close(): Promise<void> {
    if (this.#db.status === 'closed') return
    await this.#db.close()
    held.delete(this.#path)
  }
}
