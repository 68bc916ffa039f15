/** A disk that a machine dies with: after so many writes nothing is written any more, and what was not synced is lost. */
import { MemoryStore } from '../../src/base/memory-store.ts'
import type { Change, KeyValueStore, Range } from '../../src/base/key-value-store.ts'

export class CrashingStore implements KeyValueStore {
  readonly #disk: MemoryStore
  readonly #view: MemoryStore
  #unsynced: Change[] = []
  #writesLeft: number
  writes = 0

  private constructor(disk: MemoryStore, view: MemoryStore, writesLeft: number) {
    this.#disk = disk
    this.#view = view
    this.#writesLeft = writesLeft
  }

  static create(writesLeft: number): CrashingStore {
    return new CrashingStore(new MemoryStore(), new MemoryStore(), writesLeft)
  }

  get hasCrashed(): boolean {
    return this.#writesLeft < 0
  }

  /** What a restart finds. */
  get survivor(): MemoryStore {
    this.#writesLeft = -1
    return this.#disk
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#view.get(key)
  }

  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#view.getMany(keys)
  }

  entries(range: Range): AsyncIterable<readonly [string, Uint8Array]> {
    return this.#view.entries(range)
  }

  async write(changes: readonly Change[], options: { durable: boolean }): Promise<void> {
    this.#writesLeft -= 1
    if (this.hasCrashed) throw new Error('the machine has died')
    this.writes += 1
    await this.#view.write(changes, options)
    this.#unsynced.push(...changes)
    if (!options.durable) return
    await this.#disk.write(this.#unsynced, options)
    this.#unsynced = []
  }

  async close(): Promise<void> {}
}
