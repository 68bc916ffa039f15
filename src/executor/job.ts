/** One order inside the machine, and the pure questions about it. */
import { compareText } from '../base/bytes.ts'
import type { Millis } from '../base/brand.ts'
import type { Order, StatementDraft } from './job-events.ts'
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
  /** By the newest charters. */
  judged: boolean
  /** Whether the journal holds it. */
  accepted: boolean
  cancelled: boolean
  attempts: number
  startedAt: Millis | null
  /** While `running`: why it is being killed, and when the hard way is due. */
  ending: Ending | null
  killAt: Millis | null
}

export const createJob = (order: Order, arrival: number): Job => ({
  order, arrival, phase: 'recalling', judged: false, accepted: false, cancelled: false, attempts: 0, startedAt: null, ending: null, killAt: null
})

/** A later not-before is a plan, kept to the local clock; one at creation only means "now", whoever's clock is ahead. */
export const startAtOf = ({ order: { body } }: Job, clockToleranceMs: Millis): Millis =>
  body.notBefore > body.createdAt ? body.notBefore : body.notBefore - clockToleranceMs

/** Whether bytes of it are, or are about to be, in the cache. */
export const holdsCache = (job: Job): boolean => job.phase === 'fetching' || job.phase === 'preparing' || job.phase === 'ready' || job.phase === 'running'

/** Priority first, then arrival; the id decides where even that is equal. */
export const compareJobs = (left: Job, right: Job): number =>
  right.order.body.priority - left.order.body.priority || left.arrival - right.arrival || compareText(left.order.id, right.order.id)

/** When the job must be looked at again, if nothing happens before. */
export const wakeAtOf = (job: Job, clockToleranceMs: Millis): Millis => {
  const { body } = job.order
  if (job.phase === 'recalling' || job.phase === 'judging') return Infinity
  if (job.phase === 'running') return job.ending === null ? deadlineOf(job) : (job.killAt ?? Infinity)
  if (job.phase === 'held') return Math.min(body.notBefore - clockToleranceMs, body.expiresAt + 1)
  return body.expiresAt + 1
}

export const deadlineOf = (job: Job): Millis => (job.startedAt ?? 0) + job.order.body.timeoutMs

export const draftStatement = (job: Job, outcome: Outcome, at: Millis, report: RunReport | null): StatementDraft => ({
  indication: job.order.id, state: outcome.state, at, startedAt: job.startedAt, code: outcome.code, detail: outcome.detail, report
})
