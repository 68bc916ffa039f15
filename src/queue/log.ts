/**
 * Where an entry belongs in its author's log. Pure. A log is (author, incarnation); its head is the last entry up to
 * which nothing is missing.
 */
import type { Incarnation, KeyId, RecordId } from '../base/brand.ts'

/** Sequence 0 and no id: nothing yet. */
export interface Head {
  readonly sequence: number
  readonly id: RecordId | null
}

export const emptyHead: Head = { sequence: 0, id: null }

export interface LogName {
  readonly author: KeyId
  readonly incarnation: Incarnation
}

export const logIdOf = ({ author, incarnation }: LogName): string => `${author}/${incarnation}`

/** What of an entry ties it to its log. */
export interface Link {
  readonly id: RecordId
  readonly previous: RecordId | null
}

export type AppendPlan =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate' }
  /** Entries from `from` on are missing. */
  | { readonly kind: 'gap'; readonly from: number }
  /** The author wrote two different entries with the sequence number `at`. */
  | { readonly kind: 'fork'; readonly at: number }

/**
 * `linkAt` gives the entries that are held, for sequence numbers up to the head's. An entry that names another
 * predecessor than the one held proves a fork one step earlier: whoever meets both branches comes to the same number.
 */
export const planAppend = (head: Head, entry: Link & { readonly sequence: number }, linkAt: (sequence: number) => Link | undefined): AppendPlan => {
  const next = head.sequence + 1
  if (entry.sequence > next) return { kind: 'gap', from: next }
  if (entry.sequence === next) return entry.previous === head.id ? { kind: 'append' } : { kind: 'fork', at: head.sequence }
  const held = linkAt(entry.sequence)
  if (held?.id === entry.id) return { kind: 'duplicate' }
  return { kind: 'fork', at: held?.previous === entry.previous ? entry.sequence : entry.sequence - 1 }
}
