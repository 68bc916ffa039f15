/** A key-value store in memory, as ready for ranges as for single keys. */
import { SortedKeys } from './sorted-keys.ts'
import type { Change, KeyValueStore, Range } from './key-value-store.ts'

export class MemoryStore implements KeyValueStore {
  readonly #values = new Map<string, Uint8Array>()
  readonly #keys = new SortedKeys()

  /** As they are now: no copies. */
  get values(): ReadonlyMap<string, Uint8Array> {
    return this.#values
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#values.get(key)
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.#values.get(key))
  }

  async *entries(range: Range): AsyncIterable<readonly [string, Uint8Array]> {
    // Read before the first is given out: what is written during the iteration stays unseen, as in LevelDB.
    const found = this.#keys.range(range).map((key) => [key, this.#values.get(key)] as const)
    for (const [key, value] of found) if (value !== undefined) yield [key, value]
  }

  async write(changes: readonly Change[], _options: { durable: boolean }): Promise<void> {
    // Copied before the first is applied: a value that is none fails the whole batch.
    const copies = changes.map((change) => (change.kind === 'put' ? copyOf(change.value) : undefined))
    for (const [index, { key }] of changes.entries()) {
      const value = copies[index]
      if (value === undefined) {
        if (this.#values.delete(key)) this.#keys.delete(key)
      } else {
        if (!this.#values.has(key)) this.#keys.add(key)
        this.#values.set(key, value)
      }
    }
  }

  async close(): Promise<void> {}
}

/** In memory that Node hands out in large pieces: a fleet of simulated disks is made of millions of small values. */
const copyOf = (value: Uint8Array): Uint8Array => {
  const { buffer, byteOffset, length } = Buffer.from(value)
  return new Uint8Array(buffer, byteOffset, length)
}
