/**
 * Entries that were verified and wait for an earlier one of their log. Bounded for each log and in all; when it is
 * full, those whose author nobody has vouched for yet go first. What is dropped here is asked for again.
 */
import { compareText } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { logIdOf, type LogName } from './log.ts'
import { mayVouch, type EntryBody } from '../record/entry.ts'
import type { Sealed } from '../record/record.ts'
import type { OpenedEntry } from './intake.ts'

interface Waiting {
  readonly entries: readonly OpenedEntry[]
  readonly isKnown: boolean
}

export class PendingEntries {
  readonly #logs = new Map<string, Waiting>()
  #count = 0

  /** Those that wait in `log`, sorted. */
  of(log: string): readonly OpenedEntry[] {
    return this.#logs.get(log)?.entries ?? []
  }

  /** Whether an entry that waits vouches for this one. */
  isVouched({ id, body }: Sealed<EntryBody>): boolean {
    return this.#count > 0 && this.of(logIdOf(body)).some(({ record }) => record.body.previous === id && mayVouch(record.body, body))
  }

  /** Replaces what waits in this log; the lowest sequence numbers are kept. `isKnown` says whether the author has a right to a log. */
  replace(name: LogName, entries: readonly OpenedEntry[], isKnown: boolean): void {
    if (this.#count === 0 && entries.length === 0) return
    const log = logIdOf(name)
    this.#drop(log)
    const kept = entries.slice(0, limits.queue.pendingEntriesPerAuthorMax)
    if (kept.length === 0) return
    this.#makeRoom(kept.length)
    if (this.#count + kept.length > limits.queue.pendingEntriesMax) return
    this.#logs.set(log, { entries: kept, isKnown })
    this.#count += kept.length
  }

  #makeRoom(wanted: number): void {
    if (this.#count + wanted <= limits.queue.pendingEntriesMax) return
    for (const [log, { isKnown }] of this.#logs) {
      if (!isKnown) this.#drop(log)
      if (this.#count + wanted <= limits.queue.pendingEntriesMax) return
    }
  }

  #drop(log: string): void {
    this.#count -= this.#logs.get(log)?.entries.length ?? 0
    this.#logs.delete(log)
  }
}

/** By sequence number, then id; each entry once. */
export const sortEntries = (entries: readonly OpenedEntry[]): readonly OpenedEntry[] =>
  entries.length < 2 ? entries : [...new Map(entries.map((opened) => [opened.record.id, opened])).values()].sort(
    (left, right) => left.record.body.sequence - right.record.body.sequence || compareText(left.record.id, right.record.id)
  )
