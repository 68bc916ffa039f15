/**
 * What the executor makes of its clock. It never starts an order while the clock shows less than the newest time that it
 * has verified, in charters and in its credential, nor right after the clock was set by more than the tolerance. Orders
 * are held meanwhile, and the log says so.
 */
import { limits } from '../base/limits.ts'
import { ClockWatch } from '../base/clock-watch.ts'
import type { JobMoment } from './job-events.ts'
import type { Log } from '../base/log.ts'
import type { Millis } from '../base/brand.ts'
import type { SteadyClock } from '../base/clock.ts'

export class ClockGuard {
  readonly #watch: ClockWatch
  readonly #floor: () => Millis
  readonly #log: Log
  #wasRight = true

  /** `floor` is the newest time that was verified. */
  constructor(clock: SteadyClock, floor: () => Millis, log: Log) {
    this.#watch = new ClockWatch(clock)
    this.#floor = floor
    this.#log = log
  }

  look(): JobMoment {
    const { wall, steady, isTrusted } = this.#watch.look()
    const floor = this.#floor()
    const isBehind = wall < floor - limits.trust.clockToleranceMs
    const mayAct = isTrusted && !isBehind
    if (this.#wasRight && !mayAct) this.#log.warn(isBehind ? 'the clock is behind a time that was signed: set it; orders wait' : 'the clock was set: orders wait until it has been steady for a while', { clock: wall, newestVerified: floor })
    if (!this.#wasRight && mayAct) this.#log.info('the clock is believed again', { clock: wall })
    this.#wasRight = mayAct
    return { wall, steady, mayAct }
  }
}
