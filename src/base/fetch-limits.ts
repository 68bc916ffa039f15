/** The bounds of fetching payloads: a part of `limits.ts`, where all others are. */
import { hour, MiB, second } from './units.ts'

export const fetchLimits = {
  /** An attempt ends when no block arrived for this long. */
  attemptTimeoutMs: 30 * second,
  /** One block from one peer: 8 in flight of 256 KiB arrive within it from 0.9 Mbit/s upwards. */
  blockTimeoutMs: 20 * second,
  blocksInFlightMax: 8,
  /** Asked in turn within one attempt, so that the load spreads and a silent peer does not stop it. */
  providersPerAttemptMax: 3,
  /** The wait between attempts varies by this share, so that a fleet does not come back at once. */
  backoffJitterShare: 0.25,
  /** A bitswap message: three blocks. Each resets the receiver's timeout, so smaller is safer on slow links. */
  messageBytesMax: 1 * MiB,
  /** A peer that had not the block earlier is asked again: the answer to a later question, and this, are waited for. */
  secondLookMs: 500,
  /** All that a peer asked for in one go; 10 s, the library's default, cut transfers off on slow links. */
  messageTimeoutMs: 120 * second,
  deadlineMs: 1 * hour,
  backoffMsMin: 500,
  backoffMsMax: 30 * second,
  concurrentMax: 2
} as const
