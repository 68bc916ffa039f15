/**
 * A token bucket: `perSecond` on average, `burst` at once. Pure. A clock that is set back gives nothing and takes nothing.
 */
import type { Millis } from './brand.ts'

export interface Allowance {
  readonly perSecond: number
  readonly burst: number
}

export class TokenBucket {
  readonly #allowance: Allowance
  #level: number
  #at: Millis

  constructor(allowance: Allowance, now: Millis) {
    this.#allowance = allowance
    this.#level = allowance.burst
    this.#at = now
  }

  /** Takes `count`, into debt where need be; answers how long it takes until that is paid, 0 within the allowance. */
  take(count: number, now: Millis): Millis {
    this.#fill(now)
    this.#level -= count
    return this.#level >= 0 ? 0 : (-this.#level / this.#allowance.perSecond) * 1000
  }

  /** Takes one if one is there. */
  tryTake(now: Millis): boolean {
    this.#fill(now)
    if (this.#level < 1) return false
    this.#level -= 1
    return true
  }

  #fill(now: Millis): void {
    const elapsedMs = Math.max(0, now - this.#at)
    this.#level = Math.min(this.#allowance.burst, this.#level + (elapsedMs / 1000) * this.#allowance.perSecond)
    this.#at = now
  }
}
