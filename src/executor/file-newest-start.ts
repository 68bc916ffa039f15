/**
 * The newest creation time of the orders that were started before that time had come on the local clock. Kept apart from
 * the journal: should that be lost, an order from an admin whose clock is ahead is still known to be an old one.
 */
import { isWritError } from '../base/errors.ts'
import { readFileGuarded, writeFileDurable } from '../base/file-durable.ts'
import { toText } from '../base/bytes.ts'
import type { Millis } from '../base/brand.ts'

/** Written for this much ahead, so that clocks that differ by a second do not cost a sync for each order. */
const stepMs: Millis = 60_000

export class NewestStart {
  readonly #path: string
  #at: Millis

  /** Errors: those of `readFileGuarded`. */
  constructor(path: string) {
    this.#path = path
    this.#at = read(path)
  }

  /** 0 when there was none. */
  get at(): Millis {
    return this.#at
  }

  /** On disk when it returns. Errors: `disk-full`, `home-unwritable`. */
  note(createdAt: Millis): void {
    if (createdAt <= this.#at) return
    const at = Math.ceil(createdAt / stepMs) * stepMs
    writeFileDurable(this.#path, `${at}\n`, 0o600)
    this.#at = at
  }
}

const read = (path: string): Millis => {
  try {
    const at = Number(toText(readFileGuarded(path, { secret: false })))
    return Number.isSafeInteger(at) ? at : 0
  } catch (error) {
    if (isWritError(error, 'file-missing')) return 0
    throw error
  }
}
