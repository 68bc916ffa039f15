/**
 * What a merge makes of each log that it touches: reads what the plan of a log asks for, lays a log anew from where an
 * admin's new choice changes which of its entries count, and keeps with each entry what proves it.
 */
import { decodeRecord, type Sealed } from '../record/record.ts'
import { entryKind, type EntryBody } from '../record/entry.ts'
import { wasEverAdmin, type CharterChain } from '../trust/charter-chain.ts'
import { decodeEntry, openHeldEntry, type OpenedEntry } from './intake.ts'
import { planProven, proveCandidates } from './log-proof.ts'
import { emptyHead, logIdOf, type Link, type LogName } from './log.ts'
import { planLog, planReads, unbegun, type HeldEntry, type LogContext, type LogState, type LogWork } from './log-plan.ts'
import { lastPart, ranges } from './queue-store.ts'
import { sortEntries, type PendingEntries } from './pending-entries.ts'
import type { CheckSignature } from '../record/keys.ts'
import type { KeyId, RecordId } from '../base/brand.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { LogTable } from './log-table.ts'
import type { Choices, Rechosen, ThawTable } from './thaw-table.ts'

export interface LogWorkDeps {
  readonly store: KeyValueStore
  readonly logs: LogTable
  readonly pending: PendingEntries
  readonly thaws: ThawTable
  readonly checkSignature: CheckSignature
}

export interface LogWorkOptions {
  /** Logs whose choices this merge changes. */
  readonly rechosen: ReadonlyMap<string, Rechosen>
  readonly mayBegin: boolean
}

interface Group {
  readonly name: LogName
  readonly entries: OpenedEntry[]
}

export const planLogs = async (deps: LogWorkDeps, chain: CharterChain, opened: readonly OpenedEntry[], { rechosen, mayBegin }: LogWorkOptions): Promise<LogWork[]> => {
  const groups = [...groupByLog(deps.pending, opened, rechosen).entries()]
  const states = await deps.logs.states(groups.map(([, { name }]) => name))
  const work: LogWork[] = []
  for (const [index, [id, { name, entries }]] of groups.entries()) {
    const before = states[index]
    const changed = rechosen.get(id)
    const from = changed === undefined || before === undefined ? undefined : planRelaying(before, changed.from)
    const choices = changed?.choices ?? deps.thaws.choicesOf(name)
    const shared = { isAdmin: wasEverAdmin(chain, name.author), choices, mayBegin }
    const isRelaid = before !== undefined && from !== undefined
    work.push(isRelaid ? await relay(deps, chain, before, { from, entries, shared }) : (planFresh(name, before, entries, shared) ?? (await planOn(deps, name, before, entries, shared))))
  }
  return work
}

const groupByLog = (pending: PendingEntries, opened: readonly OpenedEntry[], rechosen: ReadonlyMap<string, Rechosen>): Map<string, Group> => {
  const groups = new Map<string, Group>()
  const groupOf = ({ author, incarnation }: LogName): Group => {
    const id = logIdOf({ author, incarnation })
    const group = groups.get(id) ?? { name: { author, incarnation }, entries: [...pending.of(id)] }
    groups.set(id, group)
    return group
  }
  for (const entry of opened) groupOf(entry.record.body).entries.push(entry)
  for (const { name } of rechosen.values()) groupOf(name)
  return groups
}

/** From where a log is to be laid anew when the choice at `sequence` is new; undefined when it changes nothing yet. */
const planRelaying = ({ head, frozenAt, base }: LogState, sequence: number): number | undefined =>
  sequence >= base && (sequence <= head.sequence || sequence === frozenAt) ? sequence : undefined

type Shared = Pick<LogContext, 'isAdmin' | 'choices' | 'mayBegin'>

/** Without a promise where nothing has to be read or verified, as nearly always; undefined elsewhere. */
const planFresh = (name: LogName, before: LogState | undefined, entries: readonly OpenedEntry[], shared: Shared): LogWork | undefined => {
  const isPlain = shared.choices.size === 0 && entries.every(({ isSigned }) => isSigned)
  const candidates = isPlain ? sortEntries(entries) : undefined
  if (candidates === undefined || planReads(before ?? unread, candidates).length > 0) return undefined
  return { name, before, plan: planLog(name, before, candidates, { ...shared, links: noLinks, evidence: noEvidence }), relaid: null }
}

const unread = { head: emptyHead, base: 1 }
const noLinks: ReadonlyMap<number, Link> = new Map()

const planOn = async (deps: LogWorkDeps, name: LogName, before: LogState | undefined, entries: readonly OpenedEntry[], shared: Shared): Promise<LogWork> => {
  const candidates = await proveCandidates(sortEntries(entries), deps.checkSignature)
  const links = await readLinks(deps.logs, name, planReads(before ?? unread, candidates.entries))
  const evidence = await readEvidence(deps.store, name, shared.choices)
  return { name, before, plan: planProven(name, before, candidates, { ...shared, links, evidence }), relaid: null }
}

const readLinks = async (logs: LogTable, name: LogName, sequences: readonly number[]): Promise<Map<number, Link>> => {
  const links = new Map<number, Link>()
  if (sequences.length === 0) return links
  const held = await logs.held(sequences.map((sequence) => ({ name, sequence })))
  for (const [index, sequence] of sequences.entries()) {
    const entry = decodeHeld(held[index])
    if (entry !== undefined) links.set(sequence, { id: entry.id, previous: entry.body.previous })
  }
  return links
}

const decodeHeld = (bytes: Uint8Array | undefined): Sealed<EntryBody> | undefined => {
  const decoded = bytes === undefined ? undefined : decodeRecord(entryKind, bytes)
  return decoded?.ok === true ? decoded.value : undefined
}

const noEvidence: ReadonlySet<RecordId> = new Set()

const readEvidence = async (store: KeyValueStore, name: LogName, choices: Choices): Promise<ReadonlySet<RecordId>> => {
  if (choices.size === 0) return noEvidence
  const found = new Set<RecordId>()
  for (const sequence of choices.keys()) for await (const [key] of store.entries(ranges.conflictsAt(name, sequence))) found.add(lastPart(key) as RecordId)
  return found
}

/** The log as it was below `from`, and everything held from there on planned again, together with what is new. */
const relay = async (
  deps: LogWorkDeps,
  chain: CharterChain,
  before: LogState,
  { from, entries, shared }: { readonly from: number; readonly entries: readonly OpenedEntry[]; readonly shared: Shared }
): Promise<LogWork> => {
  const name = { author: before.author, incarnation: before.incarnation }
  const held = await readHeld(deps, chain, name, from)
  const start = await stateBelow(deps, chain, before, from)
  // What is held comes first: of two copies of an entry it is the one that has a place.
  const candidates = await proveCandidates(sortEntries([...entries, ...[...held.values()].map(({ opened }) => opened)]), deps.checkSignature)
  const links = await readLinks(deps.logs, name, planReads(start, candidates.entries))
  const plan = planProven(name, start, candidates, { ...shared, links, evidence: noEvidence })
  const news = plan.rejections.filter(({ entry }) => entry === null || !held.has(entry))
  return { name, before, plan: { ...plan, rejections: news }, relaid: { from, held } }
}

const readHeld = async ({ store, checkSignature }: LogWorkDeps, chain: CharterChain, name: LogName, from: number): Promise<Map<RecordId, HeldEntry>> => {
  const held = new Map<RecordId, HeldEntry>()
  for await (const [key, bytes] of store.entries(ranges.entriesFrom(name, from))) {
    const decoded = decodeEntry(chain.mesh, bytes)
    if (decoded.ok) held.set(decoded.value.id, { key, opened: await openHeldEntry({ chain, checkSignature }, decoded.value) })
  }
  return held
}

const stateBelow = async ({ store, logs, checkSignature }: LogWorkDeps, chain: CharterChain, before: LogState, from: number): Promise<LogState> => {
  if (from === 1) return unbegun(before)
  // The first entry that is held here names the one before it, which is not.
  const links = await readLinks(logs, before, from === before.base ? [from] : [from - 1])
  const id = from === before.base ? (links.get(from)?.previous ?? null) : (links.get(from - 1)?.id ?? null)
  let executor: KeyId | null = null
  for await (const [, bytes] of store.entries({ ...ranges.entriesBelow(before, from), reverse: true })) {
    const entry = decodeHeld(bytes)
    if (entry?.body.content.kind !== 'credential' && entry?.body.content.kind !== 'checkpoint') continue
    const { content } = await openHeldEntry({ chain, checkSignature }, entry)
    const membership = content.kind === 'credential' || content.kind === 'checkpoint' ? content.membership : null
    if (membership?.ok !== true) continue
    executor = membership.value.credential.body.executor
    break
  }
  return { author: before.author, incarnation: before.incarnation, kind: before.kind, head: { sequence: from - 1, id }, executor, frozenAt: null, base: before.base }
}
