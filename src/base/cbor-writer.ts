/**
 * Writes canonical dag-cbor in one pass, into memory that is used again. It knows what `cbor-reader.ts` knows: integers
 * within 2^53, bytes, text, lists, maps, true, false and null, with text in ASCII. All else, and what dag-cbor cannot
 * hold, it leaves to the library by giving undefined.
 */

/** Deeper than any shape here; more, as of something that holds itself, is left to the library. */
const depthMax = 32
/** Holds all but payloads: what is longer is written into memory of its own, which is not kept. */
const keptBytes = 64 * 1024

/** Longer text is copied sooner by the engine than character by character. */
const loopedMax = 24

/** The encoding of `value`, in memory of its own; undefined when this writer has no say. */
export const writeCanonical = (value: unknown): Uint8Array | undefined => {
  const writer = new Writer()
  return writer.write(value, 0) ? writer.take() : undefined
}

const kept = Buffer.allocUnsafeSlow(keptBytes)

class Writer {
  #bytes = kept
  #offset = 0

  take(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#offset))
  }

  /** False when there is something in it that this writer does not know. */
  write(value: unknown, depth: number): boolean {
    if (depth > depthMax) return false
    switch (typeof value) {
      case 'string': return this.#text(value)
      case 'number': return this.#integer(value)
      case 'boolean': return this.#simple(value ? 0xf5 : 0xf4)
      case 'object': return value === null ? this.#simple(0xf6) : this.#compound(value, depth)
      default: return false
    }
  }

  #compound(value: object, depth: number): boolean {
    if (value instanceof Uint8Array) return this.#string(value)
    if (Array.isArray(value)) return this.#list(value, depth)
    const prototype: unknown = Object.getPrototypeOf(value)
    return (prototype === Object.prototype || prototype === null) && this.#map(value as Readonly<Record<string, unknown>>, depth)
  }

  #simple(initial: number): boolean {
    this.#reserve(1)
    this.#bytes[this.#offset] = initial
    this.#offset += 1
    return true
  }

  #integer(value: number): boolean {
    if (!Number.isSafeInteger(value)) return false
    this.#head(value < 0 ? 1 : 0, value < 0 ? -1 - value : value)
    return true
  }

  #string(bytes: Uint8Array): boolean {
    this.#head(2, bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#offset)
    this.#offset += bytes.length
    return true
  }

  #text(text: string): boolean {
    const { length } = text
    this.#head(3, length)
    this.#reserve(3 * length)
    const bytes = this.#bytes
    const start = this.#offset
    this.#offset += length
    if (length > loopedMax) return bytes.write(text, start, 'utf8') === length
    for (let index = 0; index < length; index += 1) {
      const unit = text.charCodeAt(index)
      if (unit > 0x7f) return false
      bytes[start + index] = unit
    }
    return true
  }

  #list(list: readonly unknown[], depth: number): boolean {
    this.#head(4, list.length)
    for (let index = 0; index < list.length; index += 1) if (!this.write(list[index], depth + 1)) return false
    return true
  }

  #map(map: Readonly<Record<string, unknown>>, depth: number): boolean {
    const keys = Object.keys(map)
    sortKeys(keys)
    this.#head(5, keys.length)
    for (const key of keys) if (!this.#text(key) || !this.write(map[key], depth + 1)) return false
    return true
  }

  /** The argument in its shortest form. */
  #head(major: number, argument: number): void {
    if (argument < 24) return void this.#simple((major << 5) | argument)
    this.#reserve(9)
    const size = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8
    this.#bytes[this.#offset] = (major << 5) | (24 + Math.log2(size))
    let rest = argument
    for (let place = this.#offset + size; place > this.#offset; place -= 1) {
      this.#bytes[place] = rest % 256
      rest = Math.floor(rest / 256)
    }
    this.#offset += 1 + size
  }

  #reserve(length: number): void {
    const needed = this.#offset + length
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(2 * needed)
    larger.set(this.#bytes.subarray(0, this.#offset))
    this.#bytes = larger
  }
}

/** In place, shorter ones first, then by bytes; those that are not ASCII are never written. By insertion: there are few, mostly in order. */
const sortKeys = (keys: string[]): void => {
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index] ?? ''
    let place = index
    for (; place > 0 && isBelow(key, keys[place - 1] ?? ''); place -= 1) keys[place] = keys[place - 1] ?? ''
    keys[place] = key
  }
}

const isBelow = (left: string, right: string): boolean => (left.length === right.length ? left < right : left.length < right.length)
