/**
 * What a node's own log says was started, and not what came of it. What is dropped from the log while it runs is kept
 * beside it until its outcome is dropped as well.
 */
import { decodeRecord } from '../record/record.ts'
import { entryKind } from '../record/entry.ts'
import { statementKind } from '../record/statement.ts'
import { put, remove, withPrefix, type Change, type KeyValueStore, type Range } from '../base/key-value-store.ts'
import { receiptsOf } from './own-history.ts'
import { entriesPrefix, startKey, startsPrefix } from './own-keys.ts'
import type { IndicationId, KeyId } from '../base/brand.ts'

interface Said {
  readonly starts: Map<IndicationId, Uint8Array>
  readonly ended: Set<IndicationId>
}

/** Statements `running` of this executor of which no outcome is kept in any life of the log. */
export const readOpenStarts = async (store: KeyValueStore, executor: KeyId): Promise<Uint8Array[]> => {
  const said: Said = { starts: new Map(), ended: new Set() }
  for await (const [, bytes] of store.entries(withPrefix(startsPrefix))) noteStatement(said, bytes, executor)
  for await (const [, bytes] of store.entries(withPrefix(entriesPrefix))) noteEntry(said, bytes, executor)
  return [...said.starts].flatMap(([id, bytes]) => (said.ended.has(id) ? [] : [bytes]))
}

/** What dropping these entries comes to. */
export const planDrop = async (store: KeyValueStore, entries: Range): Promise<Change[]> => {
  const said: Said = { starts: new Map(), ended: new Set() }
  const changes: Change[] = []
  for await (const [key, bytes] of store.entries(entries)) {
    noteEntry(said, bytes)
    changes.push(remove(key))
  }
  for (const [id, bytes] of said.starts) if (!said.ended.has(id)) changes.push(put(startKey(id), bytes))
  for await (const [key] of store.entries(withPrefix(startsPrefix))) if (said.ended.has(key.slice(startsPrefix.length) as IndicationId)) changes.push(remove(key))
  return changes
}

const noteEntry = (said: Said, bytes: Uint8Array, executor?: KeyId): void => {
  const entry = decodeRecord(entryKind, bytes)
  if (!entry.ok) return
  for (const receipt of receiptsOf([entry.value.body])) if (receipt.kind === 'executor') noteStatement(said, receipt.statement, executor)
}

const noteStatement = ({ starts, ended }: Said, bytes: Uint8Array, executor?: KeyId): void => {
  const statement = decodeRecord(statementKind, bytes)
  if (!statement.ok || (executor !== undefined && statement.value.body.executor !== executor)) return
  const { indication, state } = statement.value.body
  if (state === 'running') starts.set(indication, bytes)
  else ended.add(indication)
}
