/**
 * A map that forgets what was not used for a while when it is full: for what can be read again. In two halves: what is
 * used moves to the younger one, and when that is full the older one is forgotten, so that reading mostly changes nothing.
 */
export class BoundedMap<Key, Value> {
  readonly #halfMax: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()

  /** Holds at most `sizeMax`, and whatever was used last. */
  constructor(sizeMax: number) {
    this.#halfMax = Math.max(1, Math.floor(sizeMax / 2))
  }

  get(key: Key): Value | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const older = this.#old.get(key)
    if (older !== undefined) this.set(key, older)
    return older
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#halfMax && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  /** Without counting as use. */
  has(key: Key): boolean {
    return this.#young.has(key) || this.#old.has(key)
  }
}
