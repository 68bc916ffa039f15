/**
 * The blocks of this node, apart from any network. What `load` returns has been checked against its hash.
 */
import { toBase32 } from '../base/bytes.ts'
import type { CID } from 'multiformats/cid'

export interface BlockStore {
  has(cid: CID): Promise<boolean>
  /** Undefined when it is missing, or was damaged and has been removed. Errors: `blocks-unreadable`. */
  load(cid: CID): Promise<Uint8Array | undefined>
  /** Errors: `disk-full`, `blocks-unwritable`. */
  put(cid: CID, bytes: Uint8Array): Promise<unknown>
  delete(cid: CID): Promise<void>
  /** The blocks there are, by hash: the codec of the CIDs means nothing. */
  list(): AsyncIterable<CID>
}

/** One text for one block, whatever codec a CID gives it. */
export const blockKeyOf = (cid: CID): string => toBase32(cid.multihash.bytes)
