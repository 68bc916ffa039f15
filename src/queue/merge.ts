/**
 * Entries from anywhere into the queues. What can be judged by itself (shape, signatures) is judged at once and on all
 * cores; what depends on what is held is decided one merge after another, in the order of their calls, and written in
 * one batch. Nothing in memory changes before that batch is written.
 */
import { isEqualBytes } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { entryKind, type EntryBody } from '../record/entry.ts'
import { decodeRecord, type Sealed, type Verified } from '../record/record.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import { gatherFacts, gatherThaws, showMembership } from './gathering.ts'
import { decodeEntry, openEntries, type OpenedEntry, type Rejection } from './intake.ts'
import { logIdOf, type LogName } from './log.ts'
import { planLogs } from './log-work.ts'
import type { LogState, LogWork } from './log-plan.ts'
import type { LogTable } from './log-table.ts'
import type { PendingEntries } from './pending-entries.ts'
import type { Place, RecentEntries } from './recent-entries.ts'
import { planWithdrawal } from './withdrawal.ts'
import { Stage } from './queue-store.ts'
import type { VerificationLine } from './verification-line.ts'
import type { Incarnation, IndicationId, KeyId, RecordId } from '../base/brand.ts'
import type { CheckSignature } from '../record/keys.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { Indication } from '../trust/order.ts'
import type { NodeTable } from './node-table.ts'
import type { Control, OrderTable } from './order-table.ts'
import type { ThawTable } from './thaw-table.ts'

/** How far a log that a merge touched is now held: all up to `sequence` is acknowledged. */
export interface LogReport extends LogName {
  readonly sequence: number
  readonly frozenAt: number | null
}

export interface MergeReport {
  /** Who gave the entries, as the caller named it. */
  readonly source: string
  /** New entries, by log, with their bytes. */
  readonly accepted: readonly Verified<EntryBody>[]
  readonly duplicates: number
  readonly changed: readonly { readonly agent: KeyId; readonly indication: IndicationId }[]
  readonly indications: readonly Indication[]
  readonly controls: readonly Control[]
  readonly logs: readonly LogReport[]
  /** Entries that others wait for: to be asked for again. */
  readonly gaps: readonly { readonly author: KeyId; readonly incarnation: Incarnation; readonly from: number }[]
  readonly rejections: readonly Rejection[]
}

export interface MergeDeps {
  readonly store: KeyValueStore
  readonly logs: LogTable
  readonly nodes: NodeTable
  readonly orders: OrderTable
  readonly thaws: ThawTable
  readonly pending: PendingEntries
  readonly recent: RecentEntries
  readonly line: VerificationLine
  readonly checkSignature: CheckSignature
}

export interface MergeOptions {
  readonly source: string
  readonly durable: boolean
  /**
   * The giver holds nothing below the checkpoints among these entries: a log that is not held here, or only up to somewhere
   * below, begins at one. Not for entries from their authors, who would get rid of what they have said.
   */
  readonly mayBeginAtCheckpoint: boolean
}

export interface Prepared {
  readonly opened: readonly OpenedEntry[]
  /** Logs of entries that are held already, with this signature or another, or were dropped. */
  readonly repeated: readonly LogName[]
  readonly rejections: readonly Rejection[]
}

/** Decodes and verifies; what is held already, or what an entry that waits links to, costs no verification. To be followed by `line.applied`. */
export const prepareMerge = async (deps: MergeDeps, chain: CharterChain, entries: readonly Uint8Array[]): Promise<Prepared> => {
  const rejections: Rejection[] = []
  const repeated: LogName[] = []
  const opened: OpenedEntry[] = []
  const context = { chain, checkSignature: deps.checkSignature, isVouched: (entry: Sealed<EntryBody>) => deps.pending.isVouched(entry) }
  const verify = async (fresh: readonly Sealed<EntryBody>[]): Promise<void> => {
    for (const [index, result] of (await openEntries(context, fresh)).entries()) {
      if (result.ok) opened.push(result.value)
      else rejections.push({ code: result.code, detail: result.detail, author: fresh[index]?.body.author ?? null, entry: fresh[index]?.id ?? null })
    }
  }
  const verifying = await deps.line.run(entries.length, async () => {
    const parts: Promise<void>[] = []
    for (let start = 0; start < entries.length; start += limits.queue.verifyChunk) {
      await deps.line.room()
      const fresh = await decodeFresh(deps, chain, entries.slice(start, start + limits.queue.verifyChunk), { repeated, rejections })
      const part = verify(fresh)
      deps.line.begin(fresh.length, part)
      parts.push(part)
    }
    return parts
  })
  await Promise.all(verifying)
  return { opened, repeated, rejections }
}

/** What is found about entries that are not new. */
interface Noted {
  readonly repeated: LogName[]
  readonly rejections: Rejection[]
}

/** What is new among these, and of the right shape. */
const decodeFresh = async ({ logs, recent }: MergeDeps, { mesh }: CharterChain, entries: readonly Uint8Array[], noted: Noted): Promise<readonly Sealed<EntryBody>[]> => {
  const unseen: Uint8Array[] = []
  const recalled: Located[] = []
  for (const bytes of entries) {
    const body = recent.placeOf(bytes)
    if (body === undefined) unseen.push(bytes)
    else recalled.push({ id: null, body, bytes })
  }
  for (const { bytes } of await withoutRepeated(logs, recalled, noted)) unseen.push(bytes)
  const decoded: Sealed<EntryBody>[] = []
  for (const bytes of unseen) {
    const entry = decodeEntry(mesh, bytes)
    if (entry.ok) decoded.push(entry.value)
    else noted.rejections.push({ code: entry.code, detail: entry.detail, author: null, entry: null })
  }
  return withoutRepeated(logs, decoded, noted)
}

interface Located {
  /** Null where only its bytes are known. */
  readonly id: RecordId | null
  readonly body: Place
  readonly bytes: Uint8Array
}

const withoutRepeated = async <Entry extends Located>(logs: LogTable, entries: readonly Entry[], { repeated, rejections }: Noted): Promise<readonly Entry[]> => {
  if (entries.length === 0) return entries
  const states = await logs.states(entries.map(({ body }) => body))
  const isSuspect = ({ body }: Entry, index: number): boolean => body.sequence <= (states[index]?.head.sequence ?? 0)
  if (!entries.some(isSuspect)) return entries
  const suspects = entries.filter(isSuspect)
  const [bases, copies] = [states.filter((_, index) => isSuspect(entries[index] as Entry, index)), await logs.held(suspects.map(({ body }) => ({ name: body, sequence: body.sequence })))]
  const known = new Set<Entry>()
  for (const [index, entry] of suspects.entries()) {
    const { id, body } = entry
    const isBelow = body.sequence < (bases[index]?.base ?? 1)
    if (!isBelow && !isSameEntry(copies[index], entry)) continue
    known.add(entry)
    repeated.push({ author: body.author, incarnation: body.incarnation })
    // Nobody need spread it: there may be any number of them.
    if (!isBelow && !isEqualBytes(copies[index] ?? entry.bytes, entry.bytes)) rejections.push({ code: 'other-signature', detail: 'the entry is held with another signature', author: body.author, entry: id })
  }
  return entries.filter((entry) => !known.has(entry))
}

/** Whatever signature it comes with: what is held was found authentic, and both say the same. */
const isSameEntry = (held: Uint8Array | undefined, { id, bytes }: Located): boolean => {
  if (held === undefined || isEqualBytes(held, bytes)) return held !== undefined
  const known = id === null ? undefined : decodeRecord(entryKind, held)
  return known?.ok === true && known.value.id === id
}

/** Applies what was prepared. One call at a time. */
export const applyMerge = async (
  deps: MergeDeps,
  chain: CharterChain,
  prepared: Prepared,
  options: MergeOptions
): Promise<MergeReport> => {
  const stage = new Stage()
  const rechosen = deps.thaws.stage(gatherThaws(chain, prepared.opened), stage)
  const work = await planLogs(deps, chain, prepared.opened, { rechosen, mayBegin: options.mayBeginAtCheckpoint })
  deps.logs.stage(work, stage)
  const told = gatherFacts(work)
  const withdrawal = await planWithdrawal(deps, chain, work, told)
  await deps.orders.stageMembers(deps.nodes.stage(told.memberships, withdrawal.memberships, stage), stage)
  await deps.orders.stageWithdrawal(withdrawal, stage)
  const indications = await deps.orders.stageIndications(told.indications, stage)
  const controls = await deps.orders.stageControls(told.controls, stage)
  const changed = await deps.orders.stageCells(told.facts, stage, withdrawal.cells)
  // What arrived before may not be on disk yet: a durable write of anything takes it along.
  if (options.durable && stage.changes.length === 0) deps.logs.stageUnchanged(stage)
  await stage.write(deps.store, { durable: options.durable })
  for (const { name, plan } of work) deps.pending.replace(name, plan.waiting, plan.state !== undefined || deps.nodes.get(name.author) !== undefined || showMembership(plan.waiting))
  const accepted = work.flatMap(({ plan, relaid }) => plan.accepted.flatMap(({ opened }) => (relaid?.held.has(opened.record.id) === true ? [] : [opened.record])))
  for (const record of accepted) deps.recent.note(record)
  return {
    source: options.source,
    accepted,
    duplicates: prepared.repeated.length + work.reduce((total, { plan }) => total + plan.duplicates, 0),
    changed: changed.map(({ agent, indication }) => ({ agent, indication })),
    indications,
    controls,
    logs: await reportLogs(deps.logs, work, prepared.repeated),
    gaps: work.flatMap(({ name, plan }) => (plan.waiting.length === 0 ? [] : [{ ...name, from: (plan.state?.head.sequence ?? 0) + 1 }])),
    rejections: [...prepared.rejections, ...work.flatMap(({ plan }) => plan.rejections), ...told.rejections]
  }
}

const reportLogs = async (logs: LogTable, work: readonly LogWork[], repeated: readonly LogName[]): Promise<LogReport[]> => {
  const reports = work.map(({ name, plan }) => reportOf(name, plan.state))
  if (repeated.length === 0) return reports
  const reported = new Set(work.map(({ name }) => logIdOf(name)))
  const others = new Map(repeated.map((name) => [logIdOf(name), name]))
  for (const id of reported) others.delete(id)
  const names = [...others.values()]
  const states = await logs.states(names)
  return [...reports, ...names.map((name, index) => reportOf(name, states[index]))]
}

const reportOf = ({ author, incarnation }: LogName, state: LogState | undefined): LogReport => ({ author, incarnation, sequence: state?.head.sequence ?? 0, frozenAt: state?.frozenAt ?? null })
