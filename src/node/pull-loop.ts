/**
 * When an agent asks which endpoint: on connect, on a jittered timer, on demand, and again at once while there is more.
 * One question at a time to each endpoint; what is demanded meanwhile is asked right after.
 */
import { describeError } from '../base/errors.ts'
import { jitter, type Random } from '../base/random.ts'
import type { Log } from '../base/log.ts'
import type { Timers } from '../base/clock.ts'
import type { KeyId, Millis } from '../base/brand.ts'

export interface PullLoopDeps {
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  /** Asks once; true when there is more to be had. Throws when the endpoint does not answer. */
  readonly pull: (endpoint: KeyId) => Promise<boolean>
}

interface Line {
  asking: boolean
  again: boolean
  cancelTimer: (() => void) | undefined
  dueInMs: Millis
}

export class PullLoop {
  readonly #deps: PullLoopDeps
  readonly #intervalMs: Millis
  readonly #lines = new Map<KeyId, Line>()

  constructor(deps: PullLoopDeps, options: { readonly intervalMs: Millis }) {
    this.#deps = deps
    this.#intervalMs = options.intervalMs
  }

  endpoints(): KeyId[] {
    return [...this.#lines.keys()]
  }

  open(endpoint: KeyId): void {
    if (!this.#lines.has(endpoint)) this.#lines.set(endpoint, { asking: false, again: false, cancelTimer: undefined, dueInMs: Number.POSITIVE_INFINITY })
    this.demand(endpoint, 0)
  }

  close(endpoint: KeyId): void {
    this.#lines.get(endpoint)?.cancelTimer?.()
    this.#lines.delete(endpoint)
  }

  closeAll(): void {
    for (const endpoint of this.endpoints()) this.close(endpoint)
  }

  /** Asks every endpoint within `delayMs`; a timer that was set for sooner stays. */
  demandAll(delayMs: Millis): void {
    for (const endpoint of this.#lines.keys()) this.demand(endpoint, delayMs)
  }

  demand(endpoint: KeyId, delayMs: Millis): void {
    const line = this.#lines.get(endpoint)
    if (line === undefined) return
    if (delayMs === 0) {
      this.#ask(endpoint, line)
    } else if (line.cancelTimer === undefined || delayMs < line.dueInMs) {
      this.#schedule(endpoint, line, delayMs)
    }
  }

  #schedule(endpoint: KeyId, line: Line, delayMs: Millis): void {
    line.cancelTimer?.()
    line.dueInMs = delayMs
    line.cancelTimer = this.#deps.timers.after(delayMs, () => this.#ask(endpoint, line))
  }

  #ask(endpoint: KeyId, line: Line): void {
    if (line.asking) {
      line.again = true
      return
    }
    line.cancelTimer?.()
    line.cancelTimer = undefined
    line.asking = true
    this.#deps.pull(endpoint).then(
      (more) => this.#answered(endpoint, line, more),
      (error: unknown) => {
        if (this.#lines.get(endpoint) === line) this.#deps.log.warn('an endpoint did not answer a pull', { endpoint, error: describeError(error) })
        this.#answered(endpoint, line, false)
      }
    )
  }

  #answered(endpoint: KeyId, line: Line, more: boolean): void {
    line.asking = false
    if (this.#lines.get(endpoint) !== line) return
    const again = more || line.again
    line.again = false
    if (again) this.#ask(endpoint, line)
    else if (line.cancelTimer === undefined) this.#schedule(endpoint, line, jitter(this.#deps.random, this.#intervalMs, 0.25))
  }
}
