/**
 * Canonical dag-cbor: one value has one encoding, and only that encoding is accepted.
 */
import { createHash, hash as hashOnce } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { isEqualBytes } from './bytes.ts'
import { isPlainCbor } from './plain-cbor.ts'
import { accept, reject, type Result } from './result.ts'

export const encodeCbor = (value: unknown): Uint8Array => encode(value)

/** Untrusted bytes to a plain value; rejects what is not the canonical encoding of itself. */
export const decodeCbor = (bytes: Uint8Array): Result<unknown> => {
  try {
    const value: unknown = decode(bytes)
    if (!isPlainCbor(bytes) && !isEqualBytes(encode(value), bytes)) return reject('malformed', 'the bytes are not canonical dag-cbor')
    return accept(value)
  } catch (error) {
    return reject('malformed', error instanceof Error ? error.message : 'the bytes are not dag-cbor')
  }
}

/** Bytes that this process wrote itself, in its own store: decoded without proof that they are canonical. */
export const decodeOwn = (bytes: Uint8Array): unknown => decode(bytes)

export const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return new Uint8Array(hashOnce('sha256', only, 'buffer'))
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}
