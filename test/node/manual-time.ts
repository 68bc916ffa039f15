/** Time that stands still until a test moves it. */
import { startedAt } from '../fixtures/mesh.ts'
import type { SteadyClock, Timers } from '../../src/base/clock.ts'

interface Due {
  readonly at: number
  readonly action: () => void
}

export class ManualTime implements SteadyClock, Timers {
  #now = startedAt
  #setAheadMs = 0
  readonly #due = new Set<Due>()

  now(): number {
    return this.#now + this.#setAheadMs
  }

  monotonic(): number {
    return this.#now
  }

  /** Sets the wall clock, as an operator would: timers and spans go on as they did. */
  setAhead(byMs: number): void {
    this.#setAheadMs = byMs
  }

  after(delayMs: number, action: () => void): () => void {
    const due = { at: this.#now + delayMs, action }
    this.#due.add(due)
    return () => this.#due.delete(due)
  }

  /** How long each timer still has to go, shortest first. */
  waits(): number[] {
    return [...this.#due].map(({ at }) => at - this.#now).sort((left, right) => left - right)
  }

  /** Lets the span pass: what falls due happens in its order, with all that follows from it before the next. */
  async pass(spanMs: number): Promise<void> {
    const until = this.#now + spanMs
    for (;;) {
      const [next] = [...this.#due].filter(({ at }) => at <= until).sort((left, right) => left.at - right.at)
      if (next === undefined) break
      this.#due.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.action()
      await settled()
    }
    this.#now = until
  }
}

/** Until everything that is under way and needs no timer has come to rest. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
