/**
 * Notices when the wall clock was set: when it moved otherwise than time went by. A clock that has just jumped is not
 * believed for a while, so that a jump that is taken back does nothing that cannot be undone.
 */
import { limits } from './limits.ts'
import type { Millis } from './brand.ts'
import type { SteadyClock } from './clock.ts'

/** One look at both clocks. */
export interface Moment {
  readonly wall: Millis
  readonly steady: Millis
  /** False when nothing final may be decided by `wall`. */
  readonly isTrusted: boolean
}

export class ClockWatch {
  readonly #clock: SteadyClock
  #last: { readonly wall: Millis; readonly steady: Millis }
  #distrustedUntil = Number.NEGATIVE_INFINITY

  constructor(clock: SteadyClock) {
    this.#clock = clock
    this.#last = { wall: clock.now(), steady: clock.monotonic() }
  }

  look(): Moment {
    const now = { wall: this.#clock.now(), steady: this.#clock.monotonic() }
    const jumpMs = Math.abs(now.wall - this.#last.wall - (now.steady - this.#last.steady))
    if (jumpMs > limits.trust.clockToleranceMs) this.#distrustedUntil = now.steady + limits.trust.clockSettleMs
    this.#last = now
    return { ...now, isTrusted: now.steady >= this.#distrustedUntil }
  }
}
