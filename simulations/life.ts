/**
 * One process from its start to its end. After its end nothing that it began has an effect: its timers do not fire, and
 * what it waits for never comes.
 */
import type { Millis } from '../src/base/brand.ts'
import type { Timers } from '../src/base/clock.ts'

export class Life implements Timers {
  readonly #timers: Timers
  readonly #cancels = new Set<() => void>()
  #isAlive = true
  #openRequests = 0

  constructor(timers: Timers) {
    this.#timers = timers
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#cancels.size
  }

  /** Questions that were put and have not ended. */
  get openRequests(): number {
    return this.#openRequests
  }

  end(): void {
    this.#isAlive = false
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }

  after(delayMs: Millis, action: () => void): () => void {
    if (!this.#isAlive) return () => undefined
    const stop = this.#timers.after(delayMs, () => {
      this.#cancels.delete(cancel)
      action()
    })
    const cancel = (): void => {
      stop()
      this.#cancels.delete(cancel)
    }
    this.#cancels.add(cancel)
    return cancel
  }

  /** As `promise`, as long as the process lives; afterwards it stays open for ever. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => {
          if (this.#isAlive) resolve(value)
        },
        (error: unknown) => {
          if (this.#isAlive) reject(error)
        }
      )
    })
  }

  /** As `guard`, and counted while it is open. */
  guardRequest<T>(promise: Promise<T>): Promise<T> {
    this.#openRequests += 1
    const over = (): void => {
      this.#openRequests -= 1
    }
    promise.then(over, over)
    return this.guard(promise)
  }
}
