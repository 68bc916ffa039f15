/**
 * A table of LevelDB: sorted blocks, each with a sum that LevelDB does not look at when it reads. Pure.
 * Source: doc/table_format.md of LevelDB 1.20.
 */
import { crc32c, maskCrc } from './crc32c.ts'
import { decompressSnappy } from './snappy.ts'
import { readVarint } from './varint.ts'

const footerBytes = 48
const sumBytes = 4
/** An index of a 2 MiB table is some 50 KiB. */
const indexBytesMax = 64 << 20

/** What is wrong with a table, or null: every block is held against its sum. */
export const checkTable = (bytes: Uint8Array): string | null => {
  const footer = bytes.subarray(bytes.length - footerBytes)
  const isTable = footer.length === footerBytes && new DataView(footer.buffer, footer.byteOffset, footerBytes).getBigUint64(40, true) === 0xdb4775248b80fb57n
  const metaHandle = isTable ? readHandle(footer, 0) : null
  const indexHandle = metaHandle === null ? null : readHandle(footer, metaHandle.next)
  if (metaHandle === null || indexHandle === null) return 'the footer was changed'
  if (!isSoundBlock(bytes, metaHandle) || !isSoundBlock(bytes, indexHandle)) return 'the index was changed'
  const handles = readIndex(bytes, indexHandle)
  if (handles === null) return 'the index cannot be read'
  const bad = handles.find((handle) => !isSoundBlock(bytes, handle))
  return bad === undefined ? null : `the block at ${bad.offset} was changed`
}

interface Handle {
  readonly offset: number
  readonly sizeBytes: number
}

const readHandle = (bytes: Uint8Array, at: number): (Handle & { readonly next: number }) | null => {
  const offset = readVarint(bytes, at)
  const size = offset === null ? null : readVarint(bytes, offset.next)
  return offset === null || size === null ? null : { offset: offset.value, sizeBytes: size.value, next: size.next }
}

const isSoundBlock = (bytes: Uint8Array, { offset, sizeBytes }: Handle): boolean => {
  const end = offset + sizeBytes + 1
  if (end + sumBytes > bytes.length) return false
  return maskCrc(crc32c(bytes, offset, end)) === new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(end, true)
}

/** The data blocks that an index names. */
const readIndex = (bytes: Uint8Array, { offset, sizeBytes }: Handle): Handle[] | null => {
  const stored = bytes.subarray(offset, offset + sizeBytes)
  const block = bytes[offset + sizeBytes] === 1 ? decompressSnappy(stored, indexBytesMax) : stored
  if (block === null || block.length < 4) return null
  const restarts = new DataView(block.buffer, block.byteOffset, block.length).getUint32(block.length - 4, true)
  const end = block.length - 4 - 4 * restarts
  const handles: Handle[] = []
  for (let at = 0; at < end; ) {
    const shared = readVarint(block, at)
    const unshared = shared === null ? null : readVarint(block, shared.next)
    const length = unshared === null ? null : readVarint(block, unshared.next)
    if (unshared === null || length === null) return null
    const value = length.next + unshared.value
    const handle = readHandle(block, value)
    if (handle === null || value + length.value > end) return null
    handles.push(handle)
    at = value + length.value
  }
  return handles
}
