/**
 * Randomness as a dependency. No file draws its own.
 */
import { toBase32 } from './bytes.ts'
import type { Incarnation } from './brand.ts'

export interface Random {
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1). */
  fraction(): number
}

/** `baseMs` spread evenly over ± `share` of itself, so that a fleet's timers do not fire together. */
export const jitter = (random: Random, baseMs: number, share: number): number =>
  Math.round(baseMs * (1 - share + 2 * share * random.fraction()))

export const drawIncarnation = (random: Random): Incarnation => toBase32(random.bytes(16)) as Incarnation
/** 16 random bytes in base32: makes two otherwise equal records differ. */
export const drawNonce = (random: Random): string => toBase32(random.bytes(16))
