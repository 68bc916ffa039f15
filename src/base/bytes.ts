/**
 * Pure helpers on byte arrays and their text forms. Order is always by bytes, never by locale.
 */
import { base32 } from 'multiformats/bases/base32'

const alphabet = Buffer.from('abcdefghijklmnopqrstuvwxyz234567')

/** RFC 4648, lower case, without padding. Made in one piece: ids are made of every record that is read. */
export const toBase32 = (bytes: Uint8Array): string => {
  const characters = Buffer.allocUnsafe(Math.ceil((bytes.length * 8) / 5))
  let used = 0
  let bits = 0
  let count = 0
  for (let index = 0; index < bytes.length; index += 1) {
    // Never more than 12 bits: what was taken is cut off.
    bits = ((bits & 0xf) << 8) | (bytes[index] ?? 0)
    for (count += 8; count >= 5; ) {
      count -= 5
      characters[used++] = alphabet[(bits >> count) & 31] ?? 0
    }
  }
  if (count > 0) characters[used] = alphabet[(bits << (5 - count)) & 31] ?? 0
  return characters.toString('latin1')
}

export const fromBase32 = (text: string): Uint8Array => base32.baseDecode(text)

/** -1, 0 or 1 by UTF-16 code unit; for the ASCII ids used here that is the order of their bytes. */
export const compareText = (left: string, right: string): -1 | 0 | 1 => (left < right ? -1 : left > right ? 1 : 0)

/** -1, 0 or 1 by code point, which is the order of the UTF-8 bytes. UTF-16 puts U+E000 to U+FFFF above the surrogate pairs. */
export const compareCodePoints = (left: string, right: string): -1 | 0 | 1 => {
  // Without surrogates and what lies above them the orders agree, and the engine's own comparison is many times faster.
  if (isPlainText(left) && isPlainText(right)) return compareText(left, right)
  const length = Math.min(left.length, right.length)
  let index = 0
  while (index < length && left.charCodeAt(index) === right.charCodeAt(index)) index += 1
  if (index === length) return left.length === right.length ? 0 : left.length < right.length ? -1 : 1
  return codePointRank(left.charCodeAt(index)) < codePointRank(right.charCodeAt(index)) ? -1 : 1
}

/** Whether nothing in it is a surrogate or above: of two such texts `compareText` gives the order of the bytes. */
export const isPlainText = (text: string): boolean => !surrogatesAndAbove.test(text)

const surrogatesAndAbove = /[\ud800-\uffff]/
const codePointRank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

export const compareBytes = (left: Uint8Array, right: Uint8Array): -1 | 0 | 1 => {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference < 0 ? -1 : 1
  }
  return left.length === right.length ? 0 : left.length < right.length ? -1 : 1
}

export const isEqualBytes = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && Buffer.compare(left, right) === 0

export const concatBytes = (parts: readonly Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const kept = new Uint8Array(16 * 1024)

/** As `concatBytes`, in memory that the next call writes over: for what is hashed at once. None of the parts may come from here. */
export const concatBriefly = (parts: readonly Uint8Array[]): Uint8Array => {
  const length = parts.reduce((total, part) => total + part.length, 0)
  if (length > kept.length) return concatBytes(parts)
  let offset = 0
  for (const part of parts) {
    kept.set(part, offset)
    offset += part.length
  }
  return kept.subarray(0, length)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8')

export const utf8 = (text: string): Uint8Array => encoder.encode(text)
/** Bytes as text; what is not UTF-8 becomes U+FFFD. */
export const toText = (bytes: Uint8Array): string => decoder.decode(bytes)
