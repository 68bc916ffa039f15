/**
 * A signal for something that may take only so long, or until somebody else gives up. To be cleared when the thing is
 * done: a timer that ran on would keep each finished request alive for half a minute.
 */
import { systemTimers } from '../../base/system-clock.ts'
import type { Millis } from '../../base/brand.ts'

export class Deadline {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #cancel: () => void
  #isOver = false

  constructor(delayMs: Millis, outer?: AbortSignal) {
    this.#outer = outer
    this.#cancel = systemTimers.after(delayMs, () => {
      this.#isOver = true
      this.#controller.abort(new Error(`nothing within ${delayMs / 1000} s`))
    })
    outer?.addEventListener('abort', this.#follow)
    if (outer?.aborted === true) this.#follow()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether it was the time that ran out. */
  get isOver(): boolean {
    return this.#isOver
  }

  clear(): void {
    this.#cancel()
    this.#outer?.removeEventListener('abort', this.#follow)
  }

  readonly #follow = (): void => {
    this.#controller.abort(this.#outer?.reason)
  }
}
