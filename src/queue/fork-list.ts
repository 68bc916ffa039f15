/** Which logs have forked, where, and what an admin made of it: for audit, and for whoever thaws. Reads every head. */
import { compareText } from '../base/bytes.ts'
import { entryKind } from '../record/entry.ts'
import { decodeRecord } from '../record/record.ts'
import { logIdOf, type LogName } from './log.ts'
import { collectKeys, keys, lastPart, logNameOf, ranges } from './queue-store.ts'
import type { RecordId } from '../base/brand.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { LogTable } from './log-table.ts'
import type { ThawTable } from './thaw-table.ts'

export interface Fork extends LogName {
  readonly sequence: number
  /** Entries known to have that number, held or only named by the one after; sorted. */
  readonly branches: readonly RecordId[]
  /** What an admin chose; null while the log is frozen there. */
  readonly keep: RecordId | null
}

const logsAtOnce = 256

/** Sorted by author, incarnation and sequence number. */
export const listForks = async ({ store, logs, thaws }: { readonly store: KeyValueStore; readonly logs: LogTable; readonly thaws: ThawTable }): Promise<Fork[]> => {
  const names = (await collectKeys(store, ranges.logs)).map(logNameOf)
  const forks: Fork[] = []
  for (let start = 0; start < names.length; start += logsAtOnce) {
    for (const state of await logs.states(names.slice(start, start + logsAtOnce))) {
      if (state === undefined) continue
      const { author, incarnation, frozenAt } = state
      const choices = thaws.choicesOf(state)
      for (const sequence of new Set([...choices.keys(), ...(frozenAt === null ? [] : [frozenAt])])) {
        const branches = await readBranches(store, state, sequence)
        if (branches.length > 1 || sequence === frozenAt) forks.push({ author, incarnation, sequence, branches, keep: choices.get(sequence) ?? null })
      }
    }
  }
  return forks.sort((left, right) => compareText(logIdOf(left), logIdOf(right)) || left.sequence - right.sequence)
}

const readBranches = async (store: KeyValueStore, name: LogName, sequence: number): Promise<RecordId[]> => {
  const found = new Set<RecordId>()
  for await (const [key] of store.entries(ranges.conflictsAt(name, sequence))) found.add(lastPart(key) as RecordId)
  const above: Uint8Array[] = []
  for await (const [, bytes] of store.entries({ from: keys.entry(name, sequence + 1), to: keys.entry(name, sequence + 2) })) above.push(bytes)
  const held = await store.get(keys.entry(name, sequence))
  const entry = held === undefined ? undefined : decodeRecord(entryKind, held)
  if (entry?.ok === true) found.add(entry.value.id)
  for (const bytes of above) {
    const next = decodeRecord(entryKind, bytes)
    if (next.ok && next.value.body.previous !== null) found.add(next.value.body.previous)
  }
  return [...found].sort(compareText)
}
