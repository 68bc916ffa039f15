/**
 * Writes canonical dag-cbor in one pass, for what the reader beside it knows: integers within 2^53, bytes, text, lists, plain
 * maps, true, false and null. All else, and what is nested deeply, it leaves to the library by giving undefined.
 */

/** Deeper than any shape here; a circle ends here as well. */
const depthMax = 32

/** The only encoding of `value`, in memory of its own; undefined when this writer has no say. */
export const writeCanonical = (value: unknown): Uint8Array | undefined => {
  used = 0
  const written = writeValue(value, 0) ? room.slice(0, used) : undefined
  if (room.length > keptBytesMax) room = new Uint8Array(keptBytesMax)
  return written
}

const keptBytesMax = 65_536

/** Where a value is written before it is copied: nothing here waits, so one is enough. */
let room = new Uint8Array(keptBytesMax)
let used = 0

const reserve = (sizeBytes: number): void => {
  if (used + sizeBytes <= room.length) return
  const larger = new Uint8Array(Math.max(room.length * 2, used + sizeBytes))
  larger.set(room.subarray(0, used))
  room = larger
}

const writeValue = (value: unknown, depth: number): boolean => {
  switch (typeof value) {
    case 'string': return writeText(value)
    case 'number': return writeInteger(value)
    case 'boolean': return writeSimple(value ? 0xf5 : 0xf4)
    case 'object': return value === null ? writeSimple(0xf6) : depth < depthMax && writeObject(value, depth)
    default: return false
  }
}

const writeSimple = (byte: number): boolean => {
  reserve(1)
  room[used++] = byte
  return true
}

/** In its shortest form. */
const writeHead = (major: number, argument: number): void => {
  reserve(9)
  const type = major << 5
  if (argument < 24) {
    room[used++] = type | argument
    return
  }
  const size = argument < 0x100 ? 0 : argument < 0x1_0000 ? 1 : argument < 0x1_0000_0000 ? 2 : 3
  room[used++] = type | (24 + size)
  const end = used + (1 << size)
  for (let index = end - 1, rest = argument; index >= used; index -= 1) {
    room[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
  used = end
}

const writeInteger = (value: number): boolean => {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return false
  if (value >= 0) writeHead(0, value)
  else writeHead(1, -1 - value)
  return true
}

const writeText = (text: string): boolean => {
  const { length } = text
  reserve(9 + length)
  const start = used
  writeHead(3, length)
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7f) {
      used = start
      return writeUtf8(text)
    }
    room[used++] = unit
  }
  return true
}

const encoder = new TextEncoder()

const writeUtf8 = (text: string): boolean => text.isWellFormed() && writeBytes(3, encoder.encode(text))

const writeBytes = (major: number, bytes: Uint8Array): boolean => {
  writeHead(major, bytes.length)
  reserve(bytes.length)
  room.set(bytes, used)
  used += bytes.length
  return true
}

const writeObject = (value: object, depth: number): boolean => {
  if (value instanceof Uint8Array) return writeBytes(2, value)
  if (Array.isArray(value)) return writeList(value, depth)
  return Object.getPrototypeOf(value) === Object.prototype && writeMap(value as Readonly<Record<string, unknown>>, depth)
}

const writeList = (list: readonly unknown[], depth: number): boolean => {
  writeHead(4, list.length)
  for (const item of list) if (!writeValue(item, depth + 1)) return false
  return true
}

const writeMap = (map: Readonly<Record<string, unknown>>, depth: number): boolean => {
  const keys = orderOf(Object.keys(map))
  if (keys === undefined) return false
  writeHead(5, keys.length)
  for (const key of keys) if (!writeText(key) || !writeValue(map[key], depth + 1)) return false
  return true
}

/** Sorted by length, then by bytes. Those beyond ASCII are left to the library. */
const orderOf = (keys: readonly string[]): readonly string[] | undefined => {
  const known = orders[keys.length]
  if (known !== undefined && isSame(known.keys, keys)) return known.sorted
  if (keys.some((key) => beyondAscii.test(key))) return undefined
  const sorted = keys.toSorted((left, right) => left.length - right.length || (left < right ? -1 : 1))
  if (keys.length < ordersMax) orders[keys.length] = { keys, sorted }
  return sorted
}

/** Rows and records of one shape come one after another: the last order of so many keys is most often the next. */
const orders: ({ readonly keys: readonly string[]; readonly sorted: readonly string[] } | undefined)[] = []
const ordersMax = 64

const isSame = (left: readonly string[], right: readonly string[]): boolean => {
  for (let index = 0; index < left.length; index += 1) if (left[index] !== right[index]) return false
  return true
}

const beyondAscii = /[^\0-\x7f]/
