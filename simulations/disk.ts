/**
 * A disk that outlives the processes that use it. Batches are atomic, and on disk in the order in which they were
 * written, as in LevelDB's log: a durable one takes all before it along, and a power cut loses some of the last ones that
 * were not, never one in the middle. It can be full for a while, it can be copied and put back, and it can be told to end
 * its process in the very moment of a write.
 */
import { MemoryStore } from '../src/base/memory-store.ts'
import { WritError } from '../src/base/errors.ts'
import type { Change, KeyValueStore, Range } from '../src/base/key-value-store.ts'
import type { Life } from './life.ts'
import type { SeededRandom } from './seeded-random.ts'

/** All that is on a disk at one moment. */
export type DiskImage = ReadonlyMap<string, Uint8Array>

/** What happens at the next durable write: the process ends right before it is on disk, or right after. */
export interface Trap {
  readonly at: 'before' | 'after'
  readonly spring: () => void
}

export class Disk {
  isFull = false
  trap: Trap | undefined
  readonly #onDurable: (changes: readonly Change[]) => void
  #store = new MemoryStore()
  /** Of each batch that is not durable yet, what undoes it. */
  #undo: Change[][] = []
  #generation = 0

  /** `onDurable` is told of each batch that no crash can take back any more, as it is written. */
  constructor(onDurable: (changes: readonly Change[]) => void = () => undefined) {
    this.#onDurable = onDurable
  }

  /** Grows whenever something is on disk no more that was there before. */
  get generation(): number {
    return this.#generation
  }

  /** For one process: nothing comes of what it does after its end. */
  open(life: Life): KeyValueStore {
    return {
      get: (key) => life.guard(this.#store.get(key)),
      getMany: (keys) => life.guard(this.#store.getMany(keys)),
      entries: (range) => this.#entries(range, life),
      write: (changes, { durable }) => life.guard(this.#write(changes, durable, life)),
      close: async () => undefined
    }
  }

  /** For whoever looks behind the processes' backs: what is written through it is forgotten. */
  peek(): KeyValueStore {
    return {
      get: (key) => this.#store.get(key),
      getMany: (keys) => this.#store.getMany(keys),
      entries: (range) => this.#store.entries(range),
      write: async () => undefined,
      close: async () => undefined
    }
  }

  /** The power is cut: of what was not synced, only the first part is there afterwards. */
  async loseUnsynced(random: SeededRandom): Promise<number> {
    const lost = this.#undo.splice(random.between(0, this.#undo.length))
    for (const undo of lost.reverse()) await this.#put(undo)
    if (lost.length > 0) this.#generation += 1
    this.#undo = []
    return lost.length
  }

  image(): DiskImage {
    return new Map(this.#store.values)
  }

  async restore(image: DiskImage): Promise<void> {
    this.#store = new MemoryStore()
    this.#undo = []
    this.#generation += 1
    await this.#put([...image].map(([key, value]) => ({ kind: 'put' as const, key, value })))
  }

  async #write(changes: readonly Change[], durable: boolean, life: Life): Promise<void> {
    if (!life.isAlive) return
    if (this.isFull) throw new WritError('store-write-failed', 'a write to the store failed: no space left on device')
    const { trap } = this
    if (trap !== undefined && durable) {
      this.trap = undefined
      if (trap.at === 'after') await this.#apply(changes, durable)
      return trap.spring()
    }
    return this.#apply(changes, durable)
  }

  async #apply(changes: readonly Change[], durable: boolean): Promise<void> {
    if (!durable) this.#undo.push(changes.map(({ key }) => this.#undoOf(key)).reverse())
    const written = this.#put(changes)
    if (durable) {
      this.#undo = []
      this.#onDurable(changes)
    }
    return written
  }

  #put(changes: readonly Change[]): Promise<void> {
    return this.#store.write(changes, { durable: true })
  }

  #undoOf(key: string): Change {
    const value = this.#store.values.get(key)
    return value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value }
  }

  async *#entries(range: Range, life: Life): AsyncIterable<readonly [string, Uint8Array]> {
    for await (const entry of this.#store.entries(range)) yield await life.guard(Promise.resolve(entry))
  }
}
