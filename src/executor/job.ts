/** One order inside the machine, and the pure questions about it. */
import { compareText } from '../base/bytes.ts'
import { validityStart } from '../trust/order.ts'
import type { Millis } from '../base/brand.ts'
import type { JobMoment, Order, StatementDraft } from './job-events.ts'
import type { Ending, Outcome, RunReport } from './outcome.ts'

/**
 * `recalling` (is it known?) → `judging` → `held` until it is valid → `queued` for room in the cache → `fetching` →
 * `preparing` → `ready` → `running`. Only `running` cannot be left without an outcome.
 */
export type Phase = 'recalling' | 'judging' | 'held' | 'queued' | 'fetching' | 'preparing' | 'ready' | 'running'

export interface Job {
  readonly order: Order
  readonly arrival: number
  phase: Phase
  /** By the newest charters, and the time. */
  judged: boolean
  /** A verdict is on its way. */
  isAsked: boolean
  /** Whether the journal holds it. */
  accepted: boolean
  cancelled: boolean
  attempts: number
  /** By the wall clock: what the statement says. */
  startedAt: Millis | null
  /** While `running`, by the steady clock: when its time is up; why it is being killed, and when the hard way is due. */
  deadline: Millis | null
  ending: Ending | null
  killAt: Millis | null
  /** Its process is another executor: nothing here can end it. */
  continued: boolean
  /** While others hold it back that must end first, by the steady clock: when it waits no longer. */
  waitsUntil: Millis | null
}

export const createJob = (order: Order, arrival: number): Job => ({
  order, arrival, phase: 'recalling', judged: false, isAsked: false, accepted: false, cancelled: false, attempts: 0, startedAt: null, deadline: null, ending: null, killAt: null, continued: false, waitsUntil: null
})

/** From when on the order is judged as valid. */
const validFrom = ({ order: { body } }: Job, clockToleranceMs: Millis): Millis => validityStart(body) - clockToleranceMs

/** A later not-before is a plan, kept to the local clock; one at creation only means "now", whoever's clock is ahead. */
export const startAtOf = (job: Job, clockToleranceMs: Millis): Millis => {
  const { notBefore, createdAt } = job.order.body
  return notBefore > createdAt ? notBefore : validFrom(job, clockToleranceMs)
}

/** Whether a verdict is missing that the time may have changed. */
export const isJudgeable = (job: Job, clockToleranceMs: Millis, wall: Millis): boolean =>
  !job.judged && !job.isAsked && job.phase !== 'recalling' && job.phase !== 'running' && wall >= validFrom(job, clockToleranceMs)

/** An update of the node itself: nothing runs beside it. */
export const isExclusive = ({ order }: Job): boolean => order.body.format === 'release'

/** Whether bytes of it are, or are about to be, in the cache. */
const holdsCache = (job: Job): boolean => job.phase === 'fetching' || job.phase === 'preparing' || job.phase === 'ready' || job.phase === 'running'

/** Priority first, then arrival; the id decides where even that is equal. */
export const compareJobs = (left: Job, right: Job): number =>
  right.order.body.priority - left.order.body.priority || left.arrival - right.arrival || compareText(left.order.id, right.order.id)

/** Whose payloads are fetched next. Strictly in order: one that finds no room is not overtaken, or a large one might wait for ever. */
export const selectFetches = (jobs: readonly Job[], cacheBytesMax: number): Job[] => {
  let reserved = 0
  for (const job of jobs) if (holdsCache(job)) reserved += job.order.body.payload.sizeBytes
  const queued = jobs.filter((job) => job.phase === 'queued' && job.judged).sort(compareJobs)
  const end = queued.findIndex(({ order }) => (reserved += order.body.payload.sizeBytes) > cacheBytesMax)
  return end === -1 ? queued : queued.slice(0, end)
}

/** Whether another start of it is allowed, after an earlier one. */
export const mayRunAgain = ({ order, cancelled, attempts }: Job, attemptsMax: number): boolean => order.body.idempotent && !cancelled && attempts < attemptsMax

/** In how long the job must be looked at again, if nothing happens before. What hangs on the wall clock waits while that is not believed. */
export const wakeInMs = (job: Job, clockToleranceMs: Millis, now: JobMoment): Millis => {
  if (job.phase === 'running') return (job.ending === null ? (job.deadline ?? Infinity) : (job.killAt ?? Infinity)) - now.steady
  const heldBackMs = job.phase === 'ready' && job.waitsUntil !== null ? job.waitsUntil - now.steady : Infinity
  if (job.phase === 'recalling' || job.isAsked || !now.mayAct) return heldBackMs
  const times = [job.order.body.expiresAt + 1, ...(job.judged ? [] : [validFrom(job, clockToleranceMs)]), ...(job.phase === 'ready' ? [startAtOf(job, clockToleranceMs)] : [])]
  return Math.min(heldBackMs, Math.min(...times.filter((time) => time > now.wall)) - now.wall)
}

export const draftStatement = (job: Job, outcome: Outcome, at: Millis, report: RunReport | null): StatementDraft => ({
  indication: job.order.id, state: outcome.state, at, startedAt: job.startedAt, code: outcome.code, detail: outcome.detail, report
})
