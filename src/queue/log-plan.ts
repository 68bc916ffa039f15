/**
 * What a batch of verified entries makes of one log. Pure: the state before, the candidates and the entries held go in;
 * the state after, and what is accepted, set aside or refused, comes out. A log is a node's when its first entry is a
 * valid credential, and an admin's when an admin of any charter version wrote it; nobody else may have one.
 */
import { accept, reject, type Result } from '../base/result.ts'
import { emptyHead, planAppend, type Head, type Link, type LogName } from './log.ts'
import type { KeyId } from '../base/brand.ts'
import type { OpenedEntry, Rejection } from './intake.ts'

export interface LogState extends LogName {
  readonly kind: 'admin' | 'node'
  readonly head: Head
  /** The key by which `running` and outcomes must be signed: that of the newest credential in the log. */
  readonly executor: KeyId | null
  /** The lowest sequence number of which two entries are known; the log counts up to the one before. */
  readonly frozenAt: number | null
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

/** The sequence numbers of held entries that `planLog` will ask for. */
export const planReads = (head: Head, candidates: readonly OpenedEntry[]): number[] => {
  const wanted = new Set<number>()
  for (const { record } of candidates) {
    const { sequence, previous } = record.body
    if (sequence > head.sequence + 1 || (sequence === head.sequence + 1 && previous === head.id)) continue
    wanted.add(Math.min(sequence, head.sequence)).add(sequence - 1)
  }
  return [...wanted].filter((sequence) => sequence >= 1).sort((left, right) => left - right)
}

/** `candidates` sorted by sequence, then id. `links` holds what `planReads` named. */
export const planLog = (
  name: LogName,
  before: LogState | undefined,
  candidates: readonly OpenedEntry[],
  context: { readonly links: ReadonlyMap<number, Link>; readonly isAdmin: boolean }
): LogPlan => {
  const links = new Map(context.links)
  const accepted: Placed[] = []
  const conflicts: OpenedEntry[] = []
  const waiting: OpenedEntry[] = []
  const rejections: Rejection[] = []
  let state = before
  let duplicates = 0
  for (const opened of candidates) {
    const { id, body } = opened.record
    const head = state?.head ?? emptyHead
    const plan = planAppend(head, { id, sequence: body.sequence, previous: body.previous }, (sequence) => links.get(sequence))
    const refuse = (code: string, detail: string) => rejections.push({ code, detail, author: body.author, entry: id })
    if (plan.kind === 'duplicate') {
      duplicates += 1
    } else if (plan.kind === 'fork' && state !== undefined) {
      state = freeze(state, plan.at, links)
      conflicts.push(opened)
      refuse('forked-log', `two entries of this log have the sequence number ${plan.at}`)
    } else if (state !== undefined && state.frozenAt !== null) {
      refuse('forked-log', `this log is frozen at sequence number ${state.frozenAt}, because it has two entries of that number`)
    } else if (plan.kind === 'gap') {
      waiting.push(opened)
    } else {
      const next = append(name, state, opened, context.isAdmin)
      if (next.ok) {
        accepted.push({ opened, executor: next.value.executor })
        links.set(body.sequence, { id, previous: body.previous })
        state = next.value
      } else {
        refuse(next.code, next.detail)
      }
    }
  }
  return { state, accepted, conflicts, waiting, duplicates, rejections }
}

/** Says nothing that depends on which branch came first. */
const freeze = (state: LogState, at: number, links: ReadonlyMap<number, Link>): LogState => {
  const { author, incarnation, kind } = state
  const head = { sequence: at - 1, id: links.get(at)?.previous ?? null }
  return { author, incarnation, kind: at === 1 ? 'node' : kind, executor: null, frozenAt: at, head }
}

/** Errors: `unknown-author`, and those of the credential that a log begins with or that its enroller is not known for. */
const append = (name: LogName, state: LogState | undefined, { record, content }: OpenedEntry, isAdmin: boolean): Result<LogState> => {
  const head = { sequence: record.body.sequence, id: record.id }
  const membership = content.kind === 'credential' ? content.membership : undefined
  // An enroller that this charter does not know may be one of a newer charter: the entry is asked for again.
  if (membership?.ok === false && (state === undefined || membership.code === 'not-an-enroller')) return membership
  const executor = membership?.ok === true ? membership.value.credential.body.executor : null
  if (state !== undefined) return accept({ ...state, head, executor: executor ?? state.executor })
  if (executor === null && !isAdmin) return reject('unknown-author', 'the log neither begins with a credential nor is that of an admin')
  return accept({ ...name, kind: executor === null ? 'admin' : 'node', head, executor, frozenAt: null })
}
