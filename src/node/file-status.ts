/** Writes down how the node is, for `writ status`: at a change, at most once a second, and now and then without one. */
import { describeError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { writeFileAtomic } from '../base/file-durable.ts'
import type { Log } from '../base/log.ts'
import type { Millis } from '../base/brand.ts'
import type { Timers } from '../base/clock.ts'

/** The file's shape: `run/status.json`. */
export interface LiveStatus {
  readonly at: Millis
  readonly pid: number
  readonly release: string
  readonly addresses: readonly string[]
  readonly peers: readonly { readonly name: string; readonly kind: 'agent' | 'endpoint' | 'admin' | 'guest'; readonly address: string }[]
  /** Orders that this node knows and that have not ended here. */
  readonly queueLength: number
  /** Entries of its own log that fewer than min(2, endpoints) endpoints have acknowledged. */
  readonly unacknowledged: number
  /** When an endpoint last answered. */
  readonly lastContactAt: Millis | null
}

export class StatusFile {
  readonly #path: string
  readonly #deps: { readonly timers: Timers; readonly log: Log; readonly read: () => LiveStatus }
  #last = ''
  #cancel: (() => void) | undefined

  constructor(path: string, deps: { readonly timers: Timers; readonly log: Log; readonly read: () => LiveStatus }) {
    this.#path = path
    this.#deps = deps
  }

  start(): void {
    this.#look()
  }

  stop(): void {
    this.#cancel?.()
    this.#write()
  }

  #look(): void {
    this.#write()
    this.#cancel = this.#deps.timers.after(limits.status.intervalMs, () => this.#look())
  }

  #write(): void {
    const status = this.#deps.read()
    const mark = JSON.stringify({ ...status, at: Math.floor(status.at / limits.status.ageMs), lastContactAt: Math.floor((status.lastContactAt ?? 0) / limits.status.ageMs) })
    if (mark === this.#last) return
    try {
      writeFileAtomic(this.#path, `${JSON.stringify(status, null, 2)}\n`, 0o644)
      this.#last = mark
    } catch (error) {
      this.#deps.log.warn('the status could not be written down', { error: describeError(error) })
    }
  }
}
