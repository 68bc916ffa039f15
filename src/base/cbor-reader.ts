/**
 * Reads canonical dag-cbor in one pass: what it accepts is the one encoding of the value that it gives, so nothing has to
 * be encoded again to find that out. It knows what records, messages and rows are made of: integers within 2^53, bytes,
 * text, lists, maps, true, false and null. All else, and all that is malformed, it leaves to the library by giving
 * undefined.
 */

/** Deeper than any shape here; more is left to the library. */
const depthMax = 32

export interface ReadOptions {
  /** Byte strings are views of the input, which then must not change; otherwise they are copies. */
  readonly views: boolean
}

/** The value of `bytes`, all of them; undefined when this reader has no say. */
export const readCanonical = (bytes: Uint8Array, options: ReadOptions): unknown => {
  const reader = new Reader(bytes, options.views)
  const value = reader.read(0)
  return reader.isDone ? value : undefined
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #text: Buffer
  readonly #views: boolean
  #offset = 0
  /** Bytes of the key that was read last. */
  #keySize = 0

  constructor(bytes: Uint8Array, views: boolean) {
    this.#bytes = bytes
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#views = views
  }

  get isDone(): boolean {
    return this.#offset === this.#bytes.length
  }

  /** One value; undefined when there is none that this reader knows, and then nothing may be read any more. */
  read(depth: number): unknown {
    const initial = this.#bytes[this.#offset]
    if (initial === undefined || depth > depthMax) return undefined
    this.#offset += 1
    const major = initial >> 5
    if (major === 7) return initial === 0xf4 ? false : initial === 0xf5 ? true : initial === 0xf6 ? null : undefined
    const argument = this.#argument(initial & 0x1f)
    if (argument === -1) return undefined
    switch (major) {
      case 0: return argument
      case 1: return argument === Number.MAX_SAFE_INTEGER ? undefined : -1 - argument
      case 2: return this.#take(argument)
      case 3: return this.#string(argument)
      case 4: return this.#list(argument, depth)
      case 5: return this.#map(argument, depth)
      default: return undefined
    }
  }

  /** In its shortest form; -1 otherwise, and above 2^53. */
  #argument(size: number): number {
    if (size < 24) return size
    if (size > 27) return -1
    const width = 1 << (size - 24)
    if (this.#offset + width > this.#bytes.length) return -1
    let value = 0
    for (let end = this.#offset + width; this.#offset < end; this.#offset += 1) value = value * 256 + (this.#bytes[this.#offset] ?? 0)
    return value >= (leastOfWidth[size - 24] ?? 0) && value <= Number.MAX_SAFE_INTEGER ? value : -1
  }

  #take(length: number): Uint8Array | undefined {
    const start = this.#offset
    if (start + length > this.#bytes.length) return undefined
    this.#offset += length
    const view = this.#bytes.subarray(start, start + length)
    return this.#views ? view : new Uint8Array(view)
  }

  #string(length: number): string | undefined {
    const start = this.#offset
    const end = start + length
    if (end > this.#bytes.length) return undefined
    const known = this.#knownText(start, length)
    this.#offset = end
    if (known !== undefined) return known
    for (let index = start; index < end; index += 1) if ((this.#bytes[index] ?? 0) > 0x7f) return decodeUtf8(this.#bytes.subarray(start, end))
    const text = this.#text.toString('latin1', start, end)
    if (length <= knownLengthMax && length > 0) knownTexts[this.#slot(start, length)] = text
    return text
  }

  #list(length: number, depth: number): unknown[] | undefined {
    const list: unknown[] = []
    for (let index = 0; index < length; index += 1) {
      const item = this.read(depth + 1)
      if (item === undefined) return undefined
      list.push(item)
    }
    return list
  }

  #map(length: number, depth: number): Record<string, unknown> | undefined {
    const map: Record<string, unknown> = {}
    let [start, size] = [0, -1]
    for (let index = 0; index < length; index += 1) {
      const key = this.#key(start, size)
      if (key === undefined || key === '__proto__') return undefined
      size = this.#keySize
      start = this.#offset - size
      const value = this.read(depth + 1)
      if (value === undefined) return undefined
      map[key] = value
    }
    return map
  }

  /** Keys are sorted by length, then by bytes, each once; the one before is given by its place. */
  #key(startBefore: number, sizeBefore: number): string | undefined {
    const initial = this.#bytes[this.#offset] ?? 0
    if (initial >> 5 !== 3) return undefined
    this.#offset += 1
    const size = this.#argument(initial & 0x1f)
    if (size < sizeBefore || this.#offset + size > this.#bytes.length) return undefined
    if (size === sizeBefore && !this.#isBelow(startBefore, this.#offset, size)) return undefined
    this.#keySize = size
    return this.#string(size)
  }

  #isBelow(left: number, right: number, length: number): boolean {
    for (let index = 0; index < length; index += 1) {
      const difference = (this.#bytes[left + index] ?? 0) - (this.#bytes[right + index] ?? 0)
      if (difference !== 0) return difference < 0
    }
    return false
  }

  /** The same few keys and words come in every record: a text that was made before is compared sooner than it is made again. */
  #knownText(start: number, length: number): string | undefined {
    const known = length > knownLengthMax ? undefined : knownTexts[this.#slot(start, length)]
    if (known?.length !== length) return undefined
    for (let index = 0; index < length; index += 1) if (known.charCodeAt(index) !== this.#bytes[start + index]) return undefined
    return known
  }

  #slot(start: number, length: number): number {
    return ((this.#bytes[start] ?? 0) * 31 + (this.#bytes[start + length - 1] ?? 0) * 7 + length) & (slots - 1)
  }
}

/** The least value that needs an argument of 1, 2, 4 and 8 bytes. */
const leastOfWidth = [24, 0x100, 0x1_0000, 0x1_0000_0000]
/** Ids, of 52 characters, come again and again as well. */
const knownLengthMax = 64
const slots = 1024
const knownTexts: (string | undefined)[] = Array.from({ length: slots }, () => undefined)

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const decodeUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined // no UTF-8
  }
}
