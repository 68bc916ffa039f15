/** What happened, as one hash: two runs with one seed must come to the same. */
import { createHash } from 'node:crypto'
import type { Clock } from '../src/base/clock.ts'

export type TraceListener = (line: string) => void

export class Trace {
  readonly #clock: Clock
  readonly #startedAt: number
  readonly #listener: TraceListener | undefined
  readonly #hash = createHash('sha256')

  constructor(clock: Clock, listener: TraceListener | undefined) {
    this.#clock = clock
    this.#startedAt = clock.now()
    this.#listener = listener
  }

  note(what: string, bytes?: Uint8Array): void {
    const line = `${this.#clock.now() - this.#startedAt} ${what}${bytes === undefined ? '' : ` ${bytes.length} B`}`
    this.#hash.update(`${line}\n`)
    if (bytes !== undefined) this.#hash.update(bytes)
    this.#listener?.(line)
  }

  /** Of all that was noted so far, in hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}
