/**
 * Finds out which logs another store holds more of, by comparing ranges of heads: equal fingerprints end a range, unequal
 * ones are cut finer by whoever sees them, few heads are told as they are. Pure. The asking side is a machine that says
 * what to ask next, the answering side a function of its heads; what is learned is fetched by log.
 *
 * What a peer answers can only make the ranges that were asked smaller, and a number of answers that bring no entry ends
 * it, however the peer goes on.
 */
import { accept, reject, type Result } from '../base/result.ts'
import { isEqualBytes } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { lastName, type HeadMark, type LogHead } from './head-index.ts'
import {
  computeFirstPartCount, computePartCount, cutMarks, isEmptyPrint, isSpanWithin, printAt, printOf, spanOf, splitPart, type Part, type Span
} from './fingerprint.ts'
import { logIdOf } from './log.ts'
import type { LogPage, WantedLog } from './log-pages.ts'
import type { LogReport } from './merge.ts'
import type { LogState } from './log-plan.ts'
import type { RecordId } from '../base/brand.ts'

/** What is said of one part of a question; parts that are not named are equal, or empty on this side. */
export type PartAnswer =
  | ({ readonly kind: 'split'; readonly part: number } & Span)
  /** The heads of the part, all of them or, where `rest` is given, those below it. */
  | { readonly kind: 'heads'; readonly part: number; readonly heads: readonly LogHead[]; readonly rest: string | null }

export interface RangesAnswer {
  readonly parts: readonly PartAnswer[]
  /** How many parts of the question were looked at. */
  readonly covered: number
}

/** Spans as they are asked: ascending, apart from each other. */
export const areSpansOrdered = (spans: readonly Span[]): boolean =>
  spans.every((span, index) => isSpanWithin(span, index === 0 ? '' : (spans[index - 1]?.bounds.at(-1) ?? ''), lastName))

/** The answering side; `read` gives the own heads of a range. Spans must be ordered. Reads each head once at most. */
export const answerRanges = async (spans: readonly Span[], read: (from: string, to: string) => Promise<readonly HeadMark[]>): Promise<RangesAnswer> => {
  const parts: PartAnswer[] = []
  let covered = 0
  let printsLeft: number = limits.sync.answerPrintsMax
  let headsLeft: number = limits.sync.headsMax
  for (const { bounds, prints } of spans) {
    const own = await read(bounds[0] ?? '', bounds.at(-1) ?? '')
    for (const [index, from] of bounds.slice(0, -1).entries()) {
      const to = bounds[index + 1] ?? from
      const answer = answerPart({ from, to, marks: cutMarks(own, from, to) }, printAt({ prints }, index), covered, headsLeft)
      if (answer !== undefined) {
        if (answer.kind === 'heads') headsLeft -= answer.heads.length
        else printsLeft -= answer.bounds.length - 1
        if (printsLeft < 0) return { parts, covered }
        parts.push(answer)
      }
      covered += 1
      if (headsLeft <= 0) return { parts, covered }
    }
  }
  return { parts, covered }
}

const answerPart = (part: Part, print: Uint8Array, number: number, headsMax: number): PartAnswer | undefined => {
  const { marks } = part
  if (marks.length === 0 || isEqualBytes(print, printOf(marks))) return undefined
  if (isEmptyPrint(print) || marks.length <= limits.sync.listedLogsMax) {
    const heads = marks.slice(0, headsMax).map(({ author, incarnation, sequence, id, isFrozen }) => ({ author, incarnation, sequence, id, isFrozen }))
    return { kind: 'heads', part: number, heads, rest: marks[heads.length]?.name ?? null }
  }
  return { kind: 'split', part: number, ...spanOf(splitPart(part, Math.max(2, computePartCount(marks.length)))) }
}

export type ReconciliationQuestion =
  | { readonly kind: 'ranges'; readonly spans: readonly Span[] }
  | { readonly kind: 'logs'; readonly wanted: readonly WantedLog[] }

/** The asking side of one reconciliation. */
export class Reconciliation {
  /** To be compared; ascending. */
  #parts: Part[]
  #askedParts: Part[] = []
  /** To be fetched. */
  #wanted: WantedLog[] = []
  #askedLogs: WantedLog[] = []
  readonly #barrenMax: number
  #barren = 0
  #accepted = 0

  /** `marks` are all of one's own heads, ascending. */
  constructor(marks: readonly HeadMark[]) {
    this.#parts = splitPart({ from: '', to: lastName, marks }, computeFirstPartCount(marks.length))
    this.#barrenMax = limits.sync.barrenAnswersMax + Math.ceil(marks.length / limits.sync.logsPerBarrenAnswer)
  }

  /** Entries that it brought so far. */
  get accepted(): number {
    return this.#accepted
  }

  /** The kind of the next question; undefined at the end. */
  get next(): ReconciliationQuestion['kind'] | undefined {
    if (this.#barren > this.#barrenMax) return undefined
    if (this.#wanted.length >= limits.sync.wantedMax) return 'logs'
    if (this.#parts.length > 0) return 'ranges'
    return this.#wanted.length > 0 ? 'logs' : undefined
  }

  /** The same until it is answered; undefined at the end. */
  question(): ReconciliationQuestion | undefined {
    switch (this.next) {
      case 'logs':
        this.#askedLogs = this.#wanted.slice(0, limits.sync.wantedMax)
        return { kind: 'logs', wanted: this.#askedLogs }
      case 'ranges':
        this.#askedParts = this.#parts.slice(0, limits.sync.askedPrintsMax)
        return { kind: 'ranges', spans: joinParts(this.#askedParts).map(spanOf) }
      case undefined:
        return undefined
    }
  }

  /** The heads that were told. Errors: `malformed` for an answer to another question than was asked. */
  takeRanges({ parts, covered }: RangesAnswer): Result<LogHead[]> {
    const asked = this.#askedParts
    if (covered < 1 || covered > asked.length) return reject('malformed', `${covered} of ${asked.length} ranges are answered`)
    const finer: Part[] = []
    const heads: LogHead[] = []
    let before = -1
    for (const answer of parts) {
      const part = asked[answer.part]
      if (part === undefined || answer.part <= before || answer.part >= covered) return reject('malformed', 'a range is answered that was not asked')
      before = answer.part
      const taken = answer.kind === 'split' ? refine(part, answer) : takeHeads(part, answer)
      if (taken === undefined) return reject('malformed', 'an answer goes beyond its range')
      finer.push(...taken)
      if (answer.kind === 'heads') heads.push(...answer.heads)
    }
    this.#parts = [...finer, ...this.#parts.slice(covered)]
    if (this.#parts.length > limits.sync.partsHeldMax) return reject('malformed', 'an answer cuts finer than any store needs')
    this.#barren += 1
    return accept(heads)
  }

  want(logs: readonly WantedLog[]): void {
    this.#wanted.push(...logs)
  }

  /** The entries are at hand: what to ask next no longer depends on them. Errors: `malformed`. */
  takeLogs({ served, after }: Pick<LogPage, 'served' | 'after'>): Result<ServedLogs> {
    const asked = this.#askedLogs
    const next = asked[served]
    if (served > asked.length || (served === 0 && after <= (next?.after ?? 0))) return reject('malformed', 'an answer brings no log further')
    const rest = next === undefined ? [] : [{ ...next, after: Math.max(next.after, after) }]
    this.#wanted = [...rest, ...this.#wanted.slice(served + rest.length)]
    this.#barren += 1
    return accept(asked.slice(0, served))
  }

  /** The entries of `served` logs were merged: how many were new, and how the logs are held now. */
  noteMerged(served: ServedLogs, merged: { readonly accepted: number; readonly logs: readonly LogReport[] }): void {
    this.want(planRefetch(served, merged.logs))
    this.#accepted += merged.accepted
    if (merged.accepted > 0) this.#barren = 0
  }
}

/** Logs whose entries an answer holds to their end, as they were asked for. */
export type ServedLogs = readonly WantedLog[]

/** Parts that touch each other, together. */
const joinParts = (parts: readonly Part[]): Part[][] => {
  const joined: Part[][] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (last?.at(-1)?.to === part.from) last.push(part)
    else joined.push([part])
  }
  return joined
}

/** What of a part still differs, cut finer; undefined for a split that is not one of this part. */
const refine = ({ from, to, marks }: Part, span: Span): Part[] | undefined => {
  const { bounds } = span
  if (!isSpanWithin(span, from, to)) return undefined
  return bounds.slice(0, -1).flatMap((lower, index) => {
    const upper = bounds[index + 1] ?? lower
    const own = cutMarks(marks, lower, upper)
    const print = printAt(span, index)
    if (isEmptyPrint(print) || isEqualBytes(print, printOf(own))) return []
    return splitPart({ from: lower, to: upper, marks: own }, computePartCount(own.length))
  })
}

/** What of a part was not told; undefined for heads that are none of this part. */
const takeHeads = ({ from, to, marks }: Part, { heads, rest }: Extract<PartAnswer, { kind: 'heads' }>): Part[] | undefined => {
  const names = heads.map(logIdOf)
  const end = rest ?? to
  const isWithin = names.every((name, index) => (index === 0 ? name >= from : name > (names[index - 1] ?? '')) && name < end)
  if (!isWithin || end <= from || end > to) return undefined
  return rest === null ? [] : [{ from: rest, to, marks: cutMarks(marks, rest, to) }]
}

/** Logs that turned out to be forked below where they were asked from: the branches may part lower still, so the whole is asked for. */
const planRefetch = (served: ServedLogs, logs: readonly LogReport[]): WantedLog[] => {
  const forked = new Map(logs.filter(({ frozenAt }) => frozenAt !== null).map((log) => [logIdOf(log), log.sequence]))
  return served.filter((log) => (forked.get(logIdOf(log)) ?? log.after) < log.after).map((log) => ({ ...log, after: 0 }))
}

/**
 * From where on a log is to be fetched: all above the number that is given; null for nothing. `heldId` is that of the own
 * entry with the number of their head, undefined where none is held.
 *
 * Of a fork, both sides come to the lowest number that any of them knows: whoever knows of a lower one fetches nothing,
 * the other takes the evidence, or the whole log where the branches part below what the heads show.
 */
export const planFetch = (own: LogState | undefined, their: LogHead, heldId: RecordId | undefined): number | null => {
  if (own === undefined) return 0
  const { head, frozenAt } = own
  if (their.sequence > head.sequence) return frozenAt === null ? head.sequence : null
  const heldThere = their.sequence === head.sequence ? head.id : heldId
  const isSameBranch = their.sequence === 0 || heldThere === undefined || heldThere === their.id
  if (!isSameBranch) return 0
  const isKnown = !their.isFrozen || (frozenAt !== null && their.sequence === head.sequence)
  return isKnown ? null : their.sequence
}
