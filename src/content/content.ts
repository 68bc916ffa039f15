/**
 * The payloads that a node holds: added, fetched from peers, read, and collected when no order needs them.
 * Whatever `read` yields matches the hashes of its blocks; the flat digest is the executor's to check.
 */
import type { KeyId, Millis } from '../base/brand.ts'
import type { ByteRange } from '../base/byte-range.ts'
import type { Result } from '../base/result.ts'
import type { PayloadRef } from '../record/indication.ts'

export interface RetrieveOptions {
  readonly signal: AbortSignal
  /** From now; `limits.fetch.deadlineMs` when absent. */
  readonly deadlineMs?: Millis
  /** What of the payload is wanted; all of it when absent. Blocks that hold nothing of it are not fetched. */
  readonly ranges?: readonly ByteRange[]
  /** Bytes of the payload that are held, blocks of an earlier attempt included. */
  readonly onProgress?: (heldBytes: number, sizeBytes: number) => void
}

export interface Content {
  /**
   * Stores a payload and says how an indication names it: one raw block up to `limits.payload.blockBytesMax`, UnixFS
   * above. A block ends at each of `cuts`, ascending offsets, which are few enough that blocks stay large on the average.
   * It is kept for `limits.payload.unreferencedMsMax` even if no order names it. Errors: `payload-too-large`, `disk-full`.
   */
  add(source: AsyncIterable<Uint8Array> | Uint8Array, cuts?: readonly number[]): Promise<PayloadRef>
  /** Stores a small payload that travelled beside its indication. Errors: `bad-inline-payload`, `bad-location`. */
  addInline(ref: PayloadRef, bytes: Uint8Array): Promise<Result<null>>
  /** Whether every block is here. Asks nobody. */
  has(ref: PayloadRef): Promise<boolean>
  /**
   * Fetches what is missing from these peers, who are asked for anew before each attempt. Blocks that are here are
   * not fetched again. Errors: `payload-unavailable`, `retrieve-cancelled`, `bad-payload`, `bad-location`.
   */
  retrieve(ref: PayloadRef, providers: () => readonly KeyId[], options: RetrieveOptions): Promise<Result<null>>
  /** The bytes in order, those of `range` or all, from the blocks that are here. Throws `payload-incomplete` where one is missing or damaged. */
  read(ref: PayloadRef, range?: ByteRange): AsyncIterable<Uint8Array>
  /** The bytes of a payload small enough to travel beside its indication, if it is here. */
  readInline(ref: PayloadRef): Promise<Uint8Array | null>
  /** Removes every block that belongs neither to these payloads nor to one that is in use or was stored lately. */
  retain(needed: readonly PayloadRef[]): Promise<{ removedBlocks: number }>
}
