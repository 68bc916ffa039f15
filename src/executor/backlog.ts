/**
 * What waits for a journal that cannot be written, as on a full disk. Outcomes are kept in memory, in their order, and
 * tried again with growing delays; it says so once. Never throws; what fails otherwise than by a write goes to `fatal`.
 */
import { describeError, isWritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Timers } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Millis } from '../base/brand.ts'

export interface BacklogDeps {
  readonly timers: Timers
  readonly log: Log
  /** A write that changes nothing: whether one can be made again. */
  readonly probe: () => Promise<void>
  readonly onBlocked: () => void
  readonly onFree: () => void
  readonly fatal: (error: unknown) => void
}

export class Backlog {
  readonly #deps: BacklogDeps
  #waiting: (() => Promise<void>)[] = []
  #isBlocked = false
  #delayMs: Millis = limits.executor.journalRetryMsMin
  #cancelRetry: () => void = () => undefined
  #retrying: Promise<void> | undefined

  constructor(deps: BacklogDeps) {
    this.#deps = deps
  }

  /** Makes a write now, if one can be made: whether it was. Errors: whatever is no failed write. */
  async attempt(write: () => Promise<void>): Promise<boolean> {
    if (this.#isBlocked) return false
    try {
      await write()
      return true
    } catch (error) {
      if (!isFailedWrite(error)) throw error
      this.#block(error)
      return false
    }
  }

  /** Makes a write, now or later. Errors: as `attempt`. */
  async insist(write: () => Promise<void>): Promise<void> {
    if (!(await this.attempt(write))) this.#waiting.push(write)
  }

  /** One more try at all that waits, as at a stop; how much still waits then. */
  async settle(): Promise<number> {
    this.#cancelRetry()
    await this.#retryOnce()
    this.#cancelRetry()
    return this.#waiting.length
  }

  #block(error: unknown): void {
    this.#isBlocked = true
    this.#deps.log.error('the journal cannot be written: nothing new is started, and outcomes wait until it can', { detail: describeError(error) })
    this.#deps.onBlocked()
    this.#schedule()
  }

  #schedule(): void {
    this.#cancelRetry = this.#deps.timers.after(this.#delayMs, () => void this.#retryOnce())
    this.#delayMs = Math.min(this.#delayMs * 2, limits.executor.journalRetryMsMax)
  }

  /** One at a time, or an outcome would be written twice. */
  #retryOnce(): Promise<void> {
    this.#retrying ??= this.#retry().catch(this.#deps.fatal).finally(() => {
      this.#retrying = undefined
    })
    return this.#retrying
  }

  async #retry(): Promise<void> {
    if (!this.#isBlocked) return
    try {
      await this.#deps.probe()
      for (let write = this.#waiting[0]; write !== undefined; write = this.#waiting[0]) {
        await write()
        this.#waiting.shift()
      }
    } catch (error) {
      if (!isFailedWrite(error)) throw error
      this.#schedule()
      return
    }
    this.#isBlocked = false
    this.#delayMs = limits.executor.journalRetryMsMin
    this.#deps.log.info('the journal can be written again', {})
    this.#deps.onFree()
  }
}

/** Of the store, or of a file beside it. */
const isFailedWrite = (error: unknown): boolean => ['store-write-failed', 'disk-full', 'home-unwritable'].some((code) => isWritError(error, code))
