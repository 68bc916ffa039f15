/** What happened, as one hash: two runs with one seed must come to the same. */
import { createHash } from 'node:crypto'
import type { Clock } from '../src/base/clock.ts'

export type TraceListener = (line: string) => void

const pageBytes = 64 * 1024

export class Trace {
  readonly #clock: Clock
  readonly #startedAt: number
  readonly #listener: TraceListener | undefined
  readonly #hash = createHash('sha256')
  /** What is not hashed yet: many short pieces cost as much as one page. */
  readonly #page = Buffer.allocUnsafeSlow(pageBytes)
  #filled = 0

  constructor(clock: Clock, listener: TraceListener | undefined) {
    this.#clock = clock
    this.#startedAt = clock.now()
    this.#listener = listener
  }

  note(what: string, bytes?: Uint8Array): void {
    const line = `${this.#clock.now() - this.#startedAt} ${what}${bytes === undefined ? '' : ` ${bytes.length} B`}`
    const lengthMax = 3 * line.length + 1 + (bytes?.length ?? 0)
    if (this.#filled + lengthMax > pageBytes) this.#flush()
    if (lengthMax > pageBytes) {
      this.#hash.update(`${line}\n`)
      if (bytes !== undefined) this.#hash.update(bytes)
    } else {
      this.#filled += this.#page.write(`${line}\n`, this.#filled)
      if (bytes !== undefined) this.#page.set(bytes, this.#filled)
      this.#filled += bytes?.length ?? 0
    }
    this.#listener?.(line)
  }

  /** Of all that was noted so far, in hexadecimal. */
  digest(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#page.subarray(0, this.#filled))
    this.#filled = 0
  }
}
