/**
 * Entries of the own log that an endpoint hands back: which of them continue what is here, and which contradict it. Pure
 * but for the check of the own signature: nothing counts that the own key did not sign.
 */
import { decodeRecord, verifyRecordSync, type Verified } from '../record/record.ts'
import { entryKind, type EntryBody, type Receipt } from '../record/entry.ts'
import { emptyHead, type Head } from './log.ts'
import type { Incarnation, KeyId, MeshId, RecordId } from '../base/brand.ts'

export interface HistoryName {
  readonly mesh: MeshId
  readonly author: KeyId
  readonly incarnation: Incarnation
}

/** Those that are the own ones of this life, in the order of their numbers. */
export const openHistory = ({ mesh, author, incarnation }: HistoryName, entries: readonly Uint8Array[]): Verified<EntryBody>[] => {
  const opened: Verified<EntryBody>[] = []
  for (const bytes of entries) {
    const decoded = decodeRecord(entryKind, bytes)
    if (!decoded.ok) continue
    const { body } = decoded.value
    if (body.mesh !== mesh || body.author !== author || body.incarnation !== incarnation) continue
    const verified = verifyRecordSync(decoded.value, [author])
    if (verified.ok) opened.push(verified.value)
  }
  return opened.sort((left, right) => left.body.sequence - right.body.sequence)
}

/** The entries that follow `head` without a gap, up to `upTo`. Over a gap leads a checkpoint alone: what was before it is nowhere. */
export const takeRun = (head: Head | undefined, entries: readonly Verified<EntryBody>[], upTo: number): Verified<EntryBody>[] => {
  const run: Verified<EntryBody>[] = []
  let { sequence, id } = head ?? emptyHead
  for (const entry of entries) {
    const { body } = entry
    if (body.sequence > upTo) break
    const follows = body.sequence === sequence + 1 && body.previous === id
    const begins = body.sequence > sequence + 1 && body.content.kind === 'checkpoint'
    if (!follows && !begins) break
    run.push(entry)
    sequence = body.sequence
    id = entry.id
  }
  return run
}

export interface Branch {
  /** From this number on nothing counts. */
  readonly at: number
  /** Entries of the own key that are not in the log here. */
  readonly foreign: readonly Verified<EntryBody>[]
}

/** `idAt` gives the entries that are here. Undefined where nothing contradicts them. */
export const findBranch = (entries: readonly Verified<EntryBody>[], idAt: ReadonlyMap<number, RecordId>, frozenAt: number): Branch | undefined => {
  const foreign = entries.filter(({ id, body }) => idAt.get(body.sequence) !== id)
  if (foreign.length === 0) return undefined
  const conflicts = foreign.flatMap(({ body: { sequence, previous } }) => {
    const before = idAt.get(sequence - 1)
    if (before !== undefined && before !== previous) return [sequence - 1]
    return idAt.has(sequence) ? [sequence] : []
  })
  return { at: Math.min(frozenAt, ...conflicts), foreign }
}

/** What entries say of orders. */
export const receiptsOf = (entries: readonly EntryBody[]): Receipt[] => entries.flatMap(({ content }) => (content.kind === 'receipts' ? content.receipts : []))

/** The executor's statements among them, as they travel. */
export const statementsOf = (entries: readonly Verified<EntryBody>[]): Uint8Array[] =>
  receiptsOf(entries.map(({ body }) => body)).flatMap((receipt) => (receipt.kind === 'executor' ? [receipt.statement] : []))
