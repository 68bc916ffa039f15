/**
 * Entries that were verified and wait for an earlier one of their log. Bounded for each log and in all; when it is
 * full, those whose author nobody has vouched for yet go first. What is dropped here is asked for again.
 */
import { compareText } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { logIdOf } from './log.ts'
import type { RecordId } from '../base/brand.ts'
import type { EntryBody } from '../record/entry.ts'
import type { Sealed } from '../record/record.ts'
import type { OpenedEntry } from './intake.ts'

interface Waiting {
  readonly entries: readonly OpenedEntry[]
  /** Ids of the entries that these name as their predecessors. */
  readonly links: ReadonlySet<RecordId>
  readonly isKnown: boolean
}

export class PendingEntries {
  readonly #logs = new Map<string, Waiting>()
  #count = 0

  /** Those that wait in `log`, sorted. */
  of(log: string): readonly OpenedEntry[] {
    return this.#logs.get(log)?.entries ?? []
  }

  /** Whether an entry that waits names this one as its predecessor, and so vouches for it. */
  isLinked({ id, body }: Sealed<EntryBody>): boolean {
    return this.#count > 0 && this.#logs.get(logIdOf(body))?.links.has(id) === true
  }

  /** Replaces what waits in `log`; the lowest sequence numbers are kept. `isKnown` says whether the author has a right to a log. */
  replace(log: string, entries: readonly OpenedEntry[], isKnown: boolean): void {
    this.#drop(log)
    const kept = entries.slice(0, limits.queue.pendingEntriesPerAuthorMax)
    if (kept.length === 0) return
    this.#makeRoom(kept.length)
    if (this.#count + kept.length > limits.queue.pendingEntriesMax) return
    const links = new Set(kept.flatMap(({ record }) => record.body.previous ?? []))
    this.#logs.set(log, { entries: kept, links, isKnown })
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
export const sortEntries = (entries: readonly OpenedEntry[]): OpenedEntry[] =>
  [...new Map(entries.map((opened) => [opened.record.id, opened])).values()].sort(
    (left, right) => left.record.body.sequence - right.record.body.sequence || compareText(left.record.id, right.record.id)
  )
