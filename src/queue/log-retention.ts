/**
 * Drops what lies below a log's checkpoints once all that it speaks of is over: its order was dropped from this store, or
 * is not known and the entry older than any order can be. Heads and digests stay, and so does the highest checkpoint
 * below which all is over: the log begins with it from then on.
 */
import { limits } from '../base/limits.ts'
import { remove, type KeyValueStore } from '../base/key-value-store.ts'
import { controlKind } from '../record/control.ts'
import { entryKind, type EntryBody, type Receipt } from '../record/entry.ts'
import { indicationKind } from '../record/indication.ts'
import { decodeRecord, type Sealed } from '../record/record.ts'
import { statementKind } from '../record/statement.ts'
import { logIdOf, type LogName } from './log.ts'
import { collectKeys, keys, logNameOf, ranges, Stage } from './queue-store.ts'
import type { IndicationId, Millis } from '../base/brand.ts'
import type { LogTable } from './log-table.ts'
import type { LogState } from './log-plan.ts'

export interface LogRetentionDeps {
  readonly store: KeyValueStore
  readonly logs: LogTable
}

/** Logs of which something may be dropped one day. */
export const logsWithCheckpoints = async (store: KeyValueStore): Promise<LogName[]> => {
  const names = (await collectKeys(store, ranges.checkpoints)).map(logNameOf)
  return [...new Map(names.map((name) => [logIdOf(name), name])).values()]
}

/** Drops a bounded part of one log; `again` when there may be more. `keptMs`: how long an order is kept after its expiry. */
export const dropBelowCheckpoint = async (deps: LogRetentionDeps, name: LogName, keptMs: Millis, now: Millis): Promise<{ readonly dropped: number; readonly again: boolean }> => {
  const [state] = await deps.logs.states([name])
  if (state === undefined) return { dropped: 0, again: false }
  // What an earlier call had no time for, or a crash left.
  const left = await collectKeys(deps.store, { ...ranges.entriesBelow(state, state.base), limit: limits.queue.prunedAtOnce })
  await deps.store.write(left.map(remove), { durable: false })
  if (left.length === limits.queue.prunedAtOnce) return { dropped: left.length, again: true }
  const { base, orphans } = await planBase(deps.store, state, now - limits.indication.validityMsMax - keptMs)
  const stage = new Stage()
  // A checkpoint is on the list until nothing is left below it.
  const done = base > state.base ? [] : await collectKeys(deps.store, ranges.checkpointsUpTo(state, base))
  for (const key of [...orphans, ...done]) stage.changes.push(remove(key))
  if (base > state.base) deps.logs.stageBase(state, base, stage)
  await stage.write(deps.store, { durable: false })
  return { dropped: left.length, again: base > state.base }
}

/** The highest counting checkpoint below which all is over, among the entries that are looked at in one go. */
const planBase = async (store: KeyValueStore, state: LogState, over: Millis): Promise<{ base: number; orphans: string[] }> => {
  let base = state.base
  let orphans: string[] = []
  const seen: string[] = []
  const counting = { from: keys.entry(state, state.base), to: keys.entry(state, state.head.sequence + 1), limit: limits.queue.sweptAtOnce }
  for await (const [key, bytes] of store.entries(counting)) {
    const decoded = decodeRecord(entryKind, bytes)
    if (!decoded.ok) break
    const { body } = decoded.value
    if (key !== keys.entry(state, body.sequence)) continue // evidence goes with what surrounds it
    if (body.content.kind === 'checkpoint') {
      base = body.sequence
      orphans = [...seen]
    }
    const mentioned = mentionsOf(decoded.value)
    if (!(await isOver(store, body, mentioned, over))) break
    // Cells of orders that never came: nothing else would ever remove them.
    seen.push(...mentioned.map((id) => keys.cell(id, body.author)))
  }
  return { base, orphans }
}

const isOver = async (store: KeyValueStore, { at, content }: EntryBody, mentioned: readonly IndicationId[], over: Millis): Promise<boolean> => {
  if (content.kind === 'credential' || content.kind === 'checkpoint') return true
  if (mentioned.length === 0) return at < over
  const [known, gone] = await Promise.all([store.getMany(mentioned.map(keys.order)), store.getMany(mentioned.map(keys.gone))])
  return mentioned.every((_, index) => known[index] === undefined && (gone[index] !== undefined || at < over))
}

const mentionsOf = ({ body: { content } }: Sealed<EntryBody>): IndicationId[] => {
  switch (content.kind) {
    case 'indication': {
      const decoded = decodeRecord(indicationKind, content.indication)
      return decoded.ok ? [decoded.value.id as IndicationId] : []
    }
    case 'control': {
      const decoded = decodeRecord(controlKind, content.control)
      return decoded.ok && decoded.value.body.action === 'cancel' ? [decoded.value.body.indication] : []
    }
    case 'receipts':
      return content.receipts.flatMap(mentionOf)
    default:
      return []
  }
}

const mentionOf = (receipt: Receipt): IndicationId[] => {
  if (receipt.kind === 'agent') return [receipt.indication]
  const decoded = decodeRecord(statementKind, receipt.statement)
  return decoded.ok ? [decoded.value.body.indication] : []
}
