/**
 * Canonical dag-cbor: one value has one encoding, and only that encoding is accepted.
 */
import { createHash, hash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { isEqualBytes } from './bytes.ts'
import { readCanonical } from './cbor-reader.ts'
import { writeCanonical } from './cbor-writer.ts'
import type { ReadOptions } from './cbor-reader.ts'
import { accept, reject, type Result } from './result.ts'

export const encodeCbor = (value: unknown): Uint8Array => writeCanonical(value) ?? encodeByLibrary(value)

const encodeByLibrary = (value: unknown): Uint8Array => {
  const { buffer, byteOffset, length } = encode(value)
  // The library gives Buffers at times, whose `slice` is no copy.
  return new Uint8Array(buffer, byteOffset, length)
}

const copies: ReadOptions = { views: false }

/** Untrusted bytes to a plain value; rejects what is not the canonical encoding of itself. */
export const decodeCbor = (bytes: Uint8Array, options: ReadOptions = copies): Result<unknown> => {
  const read = readCanonical(bytes, options)
  if (read !== undefined) return accept(read)
  try {
    const value: unknown = decode(bytes)
    if (!isEqualBytes(encode(value), bytes)) return reject('malformed', 'the bytes are not canonical dag-cbor')
    return accept(value)
  } catch (error) {
    return reject('malformed', error instanceof Error ? error.message : 'the bytes are not dag-cbor')
  }
}

/** Bytes that this process wrote itself, in its own store: decoded without proof that they are canonical. */
export const decodeOwn = (bytes: Uint8Array): unknown => readCanonical(bytes, copies) ?? decode(bytes)

export const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const [only] = parts
  // A third of the cost of a hash object, which is what most hashes of small records would be spent on.
  if (only !== undefined && parts.length === 1) return new Uint8Array(hash('sha256', only, 'buffer'))
  const whole = createHash('sha256')
  for (const part of parts) whole.update(part)
  return new Uint8Array(whole.digest())
}
