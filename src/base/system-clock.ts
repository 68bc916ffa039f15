/** The machine's clock and timers. */
import type { SteadyClock, Timers } from './clock.ts'

export const systemClock: SteadyClock = { now: () => Date.now(), monotonic: () => Math.round(performance.now()) }

export const systemTimers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  }
}
