/** The machine's clock and timers. */
import type { Clock, Timers } from './clock.ts'

export const systemClock: Clock = { now: () => Date.now() }

export const systemTimers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  }
}
