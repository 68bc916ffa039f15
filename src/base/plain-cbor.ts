/**
 * Whether bytes are, beyond any doubt, the canonical dag-cbor of plain data: whole numbers, bytes, ASCII text, lists, maps
 * whose keys ascend, true, false and null, each in its shortest form. Nearly all that crosses the mesh is; what is more
 * than that may be canonical too, and is told by encoding it again.
 */

const depthMax = 32
const [uint, negative, byteString, text, list, map, simple] = [0, 1, 2, 3, 4, 5, 7]

export const isPlainCbor = (bytes: Uint8Array): boolean => {
  const reader = new Reader(bytes)
  return reader.item(0) && reader.isAtEnd()
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  item(depth: number): boolean {
    const initial = this.#bytes[this.#at]
    if (initial === undefined || depth > depthMax) return false
    const major = initial >> 5
    if (major === simple) {
      this.#at += 1
      return initial >= 0xf4 && initial <= 0xf6
    }
    const count = this.#argument()
    if (count === undefined) return false
    if (major === uint || major === negative) return true
    if (major === byteString) return this.#skip(count)
    if (major === text) return this.#ascii(count)
    if (major === list) return this.#items(count, depth + 1)
    return major === map && this.#pairs(count, depth + 1)
  }

  /** The number that an item begins with: undefined unless it is in its shortest form and a safe integer. */
  #argument(): number | undefined {
    const bytes = this.#bytes
    const short = (bytes[this.#at] ?? 0) & 31
    this.#at += 1
    if (short < 24) return short
    if (short > 27) return undefined
    const length = 1 << (short - 24)
    const end = this.#at + length
    if (end > bytes.length) return undefined
    let value = 0
    for (; this.#at < end; this.#at += 1) value = value * 256 + (bytes[this.#at] ?? 0)
    const least = length === 1 ? 24 : 2 ** (4 * length)
    return value >= least && value < Number.MAX_SAFE_INTEGER ? value : undefined
  }

  #skip(count: number): boolean {
    this.#at += count
    return this.#at <= this.#bytes.length
  }

  #ascii(count: number): boolean {
    const start = this.#at
    if (!this.#skip(count)) return false
    for (let index = start; index < this.#at; index += 1) if ((this.#bytes[index] ?? 0) > 0x7f) return false
    return true
  }

  #items(count: number, depth: number): boolean {
    for (let index = 0; index < count; index += 1) if (!this.item(depth)) return false
    return true
  }

  #pairs(count: number, depth: number): boolean {
    let before: readonly [start: number, end: number] = [0, 0]
    for (let index = 0; index < count; index += 1) {
      const start = this.#at
      if ((this.#bytes[start] ?? 0) >> 5 !== text || !this.item(depth)) return false
      const key = [start, this.#at] as const
      if (this.#isReserved(key) || (index > 0 && !this.#isBefore(before, key))) return false
      before = key
      if (!this.item(depth)) return false
    }
    return true
  }

  /** Keys ascend with their heads, so that shorter ones come first. */
  #isBefore([left, leftEnd]: readonly [number, number], [right, rightEnd]: readonly [number, number]): boolean {
    if (leftEnd - left !== rightEnd - right) return leftEnd - left < rightEnd - right
    for (let index = 0; index < leftEnd - left; index += 1) {
      const difference = (this.#bytes[left + index] ?? 0) - (this.#bytes[right + index] ?? 0)
      if (difference !== 0) return difference < 0
    }
    return false
  }

  /** `__proto__` is no field of an object like the others. */
  #isReserved([start, end]: readonly [number, number]): boolean {
    return end - start === 10 && this.#bytes[start + 1] === 0x5f && this.#bytes[start + 2] === 0x5f
  }
}
