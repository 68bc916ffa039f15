/**
 * Decompression of one Snappy block, the form in which LevelDB may keep a table's index (format description of Snappy,
 * 2011). Pure. Bytes that are no Snappy block give null, whatever they are.
 */
import { readVarint } from './varint.ts'

export const decompressSnappy = (bytes: Uint8Array, sizeBytesMax: number): Uint8Array | null => {
  const head = readVarint(bytes, 0)
  if (head === null || head.value > sizeBytesMax) return null
  const out = new Uint8Array(head.value)
  let at = head.next
  let length = 0
  while (at < bytes.length) {
    const element = readElement(bytes, at)
    if (element === null || length + element.length > out.length) return null
    at = element.next
    if (element.kind === 'literal') {
      if (at + element.length > bytes.length) return null
      out.set(bytes.subarray(at, at + element.length), length)
      at += element.length
    } else {
      if (element.offset === 0 || element.offset > length) return null
      // Byte by byte: a copy may read what it has just written.
      for (let index = 0; index < element.length; index += 1) out[length + index] = out[length + index - element.offset] ?? 0
    }
    length += element.length
  }
  return length === out.length ? out : null
}

type Element = { readonly kind: 'literal'; readonly length: number; readonly next: number } | { readonly kind: 'copy'; readonly length: number; readonly offset: number; readonly next: number }

const readElement = (bytes: Uint8Array, at: number): Element | null => {
  const tag = bytes[at] ?? 0
  const extra = [tag >>> 2 < 60 ? 0 : (tag >>> 2) - 59, 1, 2, 4][tag & 3] ?? 0
  const next = at + 1 + extra
  if (next > bytes.length) return null
  let number = 0
  for (let index = extra; index > 0; index -= 1) number = number * 256 + (bytes[at + index] ?? 0)
  if ((tag & 3) === 0) return { kind: 'literal', length: extra === 0 ? (tag >>> 2) + 1 : number + 1, next }
  if ((tag & 3) === 1) return { kind: 'copy', length: ((tag >>> 2) & 7) + 4, offset: (tag >>> 5) * 256 + number, next }
  return { kind: 'copy', length: (tag >>> 2) + 1, offset: number, next }
}
