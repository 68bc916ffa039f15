/**
 * A key-value store in memory. Keys are sorted when a range is read: what was written since is merged into what was
 * sorted before, so that a hundred thousand writes between two ranges cost one pass.
 */
import { compareCodePoints } from './bytes.ts'
import type { Change, KeyValueStore, Range } from './key-value-store.ts'

export class MemoryStore implements KeyValueStore {
  readonly #values = new Map<string, Uint8Array>()
  /** In order; may still hold keys that were removed since. */
  #sorted: string[] = []
  /** Keys that are not in `#sorted` yet. */
  #fresh = new Set<string>()
  #removed = new Set<string>()

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#values.get(key)
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.#values.get(key))
  }

  async *entries(range: Range): AsyncIterable<readonly [string, Uint8Array]> {
    const sorted = this.#sort()
    const selected = sorted.slice(lowerBound(sorted, range.from), lowerBound(sorted, range.to))
    if (range.reverse === true) selected.reverse()
    const keys = selected.slice(0, range.limit ?? selected.length)
    // Read before the first is given out: what is written during the iteration stays unseen, as in LevelDB.
    const values = keys.map((key) => this.#values.get(key))
    for (const [index, key] of keys.entries()) {
      const value = values[index]
      if (value !== undefined) yield [key, value]
    }
  }

  async write(changes: readonly Change[], _options: { durable: boolean }): Promise<void> {
    // Copied before the first is applied: a value that is none fails the whole batch.
    const copied = changes.map((change) => (change.kind === 'put' ? { ...change, value: change.value.slice() } : change))
    for (const change of copied) {
      if (change.kind === 'put') {
        if (!this.#values.has(change.key) && !this.#removed.delete(change.key)) this.#fresh.add(change.key)
        this.#values.set(change.key, change.value)
      } else if (this.#values.delete(change.key) && !this.#fresh.delete(change.key)) {
        this.#removed.add(change.key)
      }
    }
  }

  async close(): Promise<void> {}

  #sort(): readonly string[] {
    if (this.#fresh.size === 0 && this.#removed.size === 0) return this.#sorted
    const kept = this.#removed.size === 0 ? this.#sorted : this.#sorted.filter((key) => !this.#removed.has(key))
    this.#sorted = mergeSorted(kept, [...this.#fresh].sort(compareCodePoints))
    this.#fresh = new Set()
    this.#removed = new Set()
    return this.#sorted
  }
}

const mergeSorted = (left: readonly string[], right: readonly string[]): string[] => {
  if (right.length === 0) return [...left]
  const merged: string[] = []
  let start = 0
  for (const key of right) {
    const end = lowerBound(left, key)
    for (let index = start; index < end; index += 1) merged.push(left[index] ?? '')
    merged.push(key)
    start = end
  }
  return merged.concat(left.slice(start))
}

const lowerBound = (keys: readonly string[], wanted: string): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareCodePoints(keys[middle] ?? '', wanted) < 0) low = middle + 1
    else high = middle
  }
  return low
}
