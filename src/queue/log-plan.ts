/**
 * What a batch of verified entries makes of one log. Pure: the state before, the candidates and the entries held go in;
 * the state after, and what is accepted, set aside or refused, comes out. A log is a node's when its first entry is a
 * valid credential, and an admin's when an admin of any charter version wrote it; nobody else may have one.
 *
 * Where an admin has thawed the log, the chosen entry alone may have its sequence number, and what does not link to it
 * is no part of the log: above a choice an entry counts by what it names as its predecessor.
 */
import { limits } from '../base/limits.ts'
import { accept, reject, type Result } from '../base/result.ts'
import { emptyHead, planAppend, type AppendPlan, type Head, type Link, type LogName } from './log.ts'
import type { KeyId, RecordId } from '../base/brand.ts'
import type { Membership } from '../trust/admission.ts'
import type { OpenedEntry, Rejection } from './intake.ts'

export interface LogState extends LogName {
  readonly kind: 'admin' | 'node'
  readonly head: Head
  /** The key by which `running` and outcomes must be signed: that of the newest credential in the log. */
  readonly executor: KeyId | null
  /** The lowest sequence number of which two entries are known; the log counts up to the one before. */
  readonly frozenAt: number | null
  /** The lowest sequence number that is held: 1, or that of the checkpoint which the log begins with here. */
  readonly base: number
}

/** An accepted entry, with the executor's key as it stood when the entry was written. */
export interface Placed {
  readonly opened: OpenedEntry
  readonly executor: KeyId | null
}

export interface LogPlan {
  readonly state: LogState | undefined
  /** In order; they become part of the log. Those at and above `state.frozenAt` are kept and do not count. */
  readonly accepted: readonly Placed[]
  /** Kept as evidence of a fork, apart from the log. */
  readonly conflicts: readonly OpenedEntry[]
  /** Wait for an entry before them. */
  readonly waiting: readonly OpenedEntry[]
  readonly duplicates: number
  readonly rejections: readonly Rejection[]
}

export interface LogWork {
  readonly name: LogName
  readonly before: LogState | undefined
  readonly plan: LogPlan
  /** Where an admin's choice had the log laid anew: from which sequence number, and the entries held from there on, by id, with their keys. */
  readonly relaid: { readonly from: number; readonly held: ReadonlyMap<RecordId, HeldEntry> } | null
}

export interface HeldEntry {
  readonly key: string
  readonly opened: OpenedEntry
}

export interface LogContext {
  /** What `planReads` named. */
  readonly links: ReadonlyMap<number, Link>
  readonly isAdmin: boolean
  /** What admins chose where the log forked, by sequence number. */
  readonly choices: ReadonlyMap<number, RecordId>
  /** Ids of the evidence that is kept already, at the sequence numbers of `choices`. */
  readonly evidence: ReadonlySet<RecordId>
  /** Whether the log may begin, or go on after a gap, at a checkpoint. */
  readonly mayBegin: boolean
}

/** The sequence numbers of held entries that `planLog` will ask for. */
export const planReads = (before: Pick<LogState, 'head' | 'base'>, candidates: readonly OpenedEntry[]): number[] => {
  const { head, base } = before
  const wanted = new Set<number>()
  for (const { record } of candidates) {
    const { sequence, previous } = record.body
    if (sequence < base || sequence > head.sequence + 1 || (sequence === head.sequence + 1 && previous === head.id)) continue
    wanted.add(Math.min(sequence, head.sequence)).add(sequence - 1)
  }
  return [...wanted].filter((sequence) => sequence >= base).sort((left, right) => left - right)
}

/** `candidates` sorted by sequence, then id. */
export const planLog = (name: LogName, before: LogState | undefined, candidates: readonly OpenedEntry[], context: LogContext): LogPlan => {
  const planner = new LogPlanner(name, before, context)
  for (const opened of candidates) planner.add(opened)
  return planner.plan
}

class LogPlanner {
  readonly #name: LogName
  readonly #context: LogContext
  readonly #links: Map<number, Link>
  /** The lowest sequence number of which an admin chose the entry. */
  readonly #thawedFrom: number
  readonly #accepted: Placed[] = []
  readonly #conflicts: OpenedEntry[] = []
  readonly #waiting: OpenedEntry[] = []
  readonly #rejections: Rejection[] = []
  #state: LogState | undefined
  #duplicates = 0

  constructor(name: LogName, before: LogState | undefined, context: LogContext) {
    this.#name = { author: name.author, incarnation: name.incarnation }
    this.#context = context
    this.#links = new Map(context.links)
    this.#thawedFrom = Math.min(...context.choices.keys())
    this.#state = before
  }

  get plan(): LogPlan {
    return { state: this.#state, accepted: this.#accepted, conflicts: this.#conflicts, waiting: this.#waiting, duplicates: this.#duplicates, rejections: this.#rejections }
  }

  add(opened: OpenedEntry): void {
    const { id, body } = opened.record
    const state = this.#state
    const base = state?.base ?? 1
    const plan = planAppend(state?.head ?? emptyHead, { id, sequence: body.sequence, previous: body.previous }, (sequence) => this.#links.get(sequence))
    if (plan.kind === 'duplicate' || body.sequence < base || (plan.kind === 'fork' && plan.at < base)) {
      this.#duplicates += 1 // what lies below the base was judged when it was dropped
    } else if (plan.kind !== 'gap' && this.#isPassedOver(body.sequence, id, plan)) {
      this.#setAside(opened)
    } else if (plan.kind === 'fork' && state !== undefined) {
      this.#state = freeze(state, plan.at, this.#links)
      this.#conflicts.push(opened)
      this.#refuse(opened, 'forked-log', `two entries of this log have the sequence number ${plan.at}`)
    } else if (state !== undefined && state.frozenAt !== null) {
      this.#refuse(opened, 'forked-log', `this log is frozen at sequence number ${state.frozenAt}, because it has two entries of that number`)
    } else if (plan.kind === 'append') {
      this.#append(opened, append(this.#name, state, opened, this.#context.isAdmin))
    } else if (opened.content.kind === 'checkpoint' && this.#context.mayBegin) {
      this.#append(opened, begin(this.#name, opened, opened.content.membership, this.#context.isAdmin))
    } else {
      this.#waiting.push(opened)
    }
  }

  #append(opened: OpenedEntry, next: Result<LogState>): void {
    const { id, body } = opened.record
    if (!next.ok) return this.#refuse(opened, next.code, next.detail)
    this.#accepted.push({ opened, executor: next.value.executor })
    this.#links.set(body.sequence, { id, previous: body.previous })
    this.#state = next.value
  }

  /** An admin chose another entry here, or one below that this one does not link to. */
  #isPassedOver(sequence: number, id: RecordId, plan: AppendPlan): boolean {
    const chosen = this.#context.choices.get(sequence)
    return (chosen !== undefined && chosen !== id) || (plan.kind === 'fork' && plan.at < sequence && plan.at >= this.#thawedFrom)
  }

  /** Evidence is kept of a choice's own sequence number alone, and not of any number of branches. */
  #setAside(opened: OpenedEntry): void {
    const { id, body } = opened.record
    const { choices, evidence } = this.#context
    if (evidence.has(id)) {
      this.#duplicates += 1
      return
    }
    // A log of which nothing but this is known is one that has not begun.
    this.#state ??= unbegun(this.#name)
    if (choices.has(body.sequence) && evidence.size + this.#conflicts.length < limits.queue.branchesKeptMax) this.#conflicts.push(opened)
    this.#refuse(opened, 'forked-log', 'an admin chose another branch of this log')
  }

  #refuse({ record }: OpenedEntry, code: string, detail: string): void {
    this.#rejections.push({ code, detail, author: record.body.author, entry: record.id })
  }
}

export const unbegun = ({ author, incarnation }: LogName): LogState => ({ author, incarnation, kind: 'node', head: emptyHead, executor: null, frozenAt: null, base: 1 })

/** Says nothing that depends on which branch came first. */
const freeze = (state: LogState, at: number, links: ReadonlyMap<number, Link>): LogState => {
  const { author, incarnation, kind, base } = state
  const head = { sequence: at - 1, id: links.get(at)?.previous ?? null }
  return { author, incarnation, kind: at === 1 ? 'node' : kind, executor: null, frozenAt: at, head, base }
}

/** Errors: `unknown-author`, and those of the credential that a log begins with or that its enroller is not known for. */
const append = (name: LogName, before: LogState | undefined, { record, content }: OpenedEntry, isAdmin: boolean): Result<LogState> => {
  const state = before?.head.sequence === 0 ? undefined : before
  const head = { sequence: record.body.sequence, id: record.id }
  const membership = content.kind === 'credential' || content.kind === 'checkpoint' ? (content.membership ?? undefined) : undefined
  // An enroller that this charter does not know may be one of a newer charter: the entry is asked for again.
  if (membership?.ok === false && (state === undefined || membership.code === 'not-an-enroller')) return membership
  const executor = membership?.ok === true ? membership.value.credential.body.executor : null
  if (state !== undefined) return accept({ ...state, head, executor: executor ?? state.executor })
  if (executor === null && !isAdmin) return reject('unknown-author', 'the log neither begins with a credential nor is that of an admin')
  return accept({ ...name, kind: executor === null ? 'admin' : 'node', head, executor, frozenAt: null, base: 1 })
}

/** Errors: as `append`. */
const begin = (name: LogName, { record }: OpenedEntry, membership: Result<Membership> | null, isAdmin: boolean): Result<LogState> => {
  if (membership?.ok === false) return membership
  if (membership === null && !isAdmin) return reject('unknown-author', 'the checkpoint has no credential, and its author is no admin')
  const { sequence } = record.body
  const executor = membership?.value.credential.body.executor ?? null
  return accept({ ...name, kind: executor === null ? 'admin' : 'node', head: { sequence, id: record.id }, executor, frozenAt: null, base: sequence })
}
