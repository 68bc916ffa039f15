/**
 * The heads of a store in the order of their logs' names: what ranges of two stores are compared by. Read when it is
 * needed, so that nothing is held in memory between two comparisons.
 */
import { keys, logNameOf, readRow, type LogRow } from './queue-store.ts'
import { termOf } from './head-term.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { LogName } from './log.ts'
import type { RecordId } from '../base/brand.ts'

/** How far a log goes, as told to another store. */
export interface LogHead extends LogName {
  readonly sequence: number
  readonly id: RecordId | null
  readonly isFrozen: boolean
}

/** A head, under the text that it is sorted by. */
export interface HeadMark extends LogHead {
  readonly name: string
  readonly term: Uint8Array
}

/** Above every name. */
export const lastName = '~'

/** Ascending; `from` belongs to the range, `to` does not. */
export const readMarks = async (store: KeyValueStore, from: string, to: string): Promise<HeadMark[]> => {
  const prefix = keys.logs
  const marks: HeadMark[] = []
  for await (const [key, bytes] of store.entries({ from: prefix + from, to: prefix + to })) {
    const { author, incarnation } = logNameOf(key)
    const { head, frozenAt } = readRow<LogRow>(bytes)
    const term = termOf({ author, incarnation, head, frozenAt })
    marks.push({ name: key.slice(prefix.length), author, incarnation, sequence: head.sequence, id: head.id, isFrozen: frozenAt !== null, term })
  }
  return marks
}
