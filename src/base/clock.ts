/**
 * Time as a dependency: production passes the system's, tests and simulations pass their own.
 */
import type { Millis } from './brand.ts'

export interface Clock {
  /** Wall-clock milliseconds since the Unix epoch. */
  now(): Millis
}

export interface SteadyClock extends Clock {
  /** Milliseconds since some moment, which go on evenly whatever is done to the wall clock: for spans alone. */
  monotonic(): Millis
}

export interface Timers {
  /** Calls `action` once after `delayMs`; the returned function cancels it. */
  after(delayMs: Millis, action: () => void): () => void
}
