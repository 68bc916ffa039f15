/**
 * Where an indication says that its payload is: judged before anything is fetched.
 * A payload of one block is `raw`, so that its CID and its flat digest must be one and the same hash.
 */
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { limits } from '../base/limits.ts'
import { accept, reject, type Result } from '../base/result.ts'
import type { PayloadRef } from './indication.ts'

const rawCodec = 0x55
const dagPbCodec = 0x70
const sha256Code = 0x12

export const checkLocation = (payload: PayloadRef): Result<CID> => {
  const cid = parseCid(payload.cid)
  if (cid === undefined) return reject('bad-location', `${payload.cid} is no CID`)
  if (cid.version !== 1 || cid.toString() !== payload.cid) return reject('bad-location', 'the CID is not version 1 in base32')
  if (cid.code !== rawCodec && cid.code !== dagPbCodec) return reject('bad-location', 'the CID names a codec other than raw and dag-pb')
  if (cid.multihash.code !== sha256Code || cid.multihash.digest.length !== 32) return reject('bad-location', 'the CID is hashed by something other than sha2-256')
  if (cid.code === rawCodec && Buffer.from(cid.multihash.digest).toString('hex') !== payload.sha256) {
    return reject('bad-location', 'the CID and the SHA-256 of the payload contradict each other')
  }
  return accept(cid)
}

/** How many blocks a payload of this size may have, nodes above the leaves included. */
export const computeBlocksMax = (sizeBytes: number): number => 16 + Math.ceil(sizeBytes / limits.payload.averageBlockBytesMin)

/** The `raw` CID of bytes whose SHA-256 is `digest`. */
export const rawCidOf = (digest: Uint8Array): CID => CID.createV1(rawCodec, createDigest(sha256Code, digest))

const parseCid = (text: string): CID | undefined => {
  try {
    return CID.parse(text)
  } catch {
    return undefined
  }
}
