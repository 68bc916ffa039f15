/** The clock on one machine's wall: it may be wrong by a constant, and be set forwards and backwards. */
import type { Clock, SteadyClock } from '../src/base/clock.ts'
import type { Millis } from '../src/base/brand.ts'

export class MachineClock implements SteadyClock {
  readonly #trueTime: Clock
  #aheadMs: Millis = 0

  constructor(trueTime: Clock) {
    this.#trueTime = trueTime
  }

  now(): Millis {
    return this.#trueTime.now() + this.#aheadMs
  }

  /** Milliseconds from any beginning, that only ever grow, whatever the clock is set to. */
  monotonic(): Millis {
    return this.#trueTime.now()
  }

  get aheadMs(): Millis {
    return this.#aheadMs
  }

  set(aheadMs: Millis): void {
    this.#aheadMs = aheadMs
  }
}
