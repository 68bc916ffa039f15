/**
 * What the job machine is told, and what it wants done. The one who performs the effects has these duties:
 * perform them in order, one after the other; a statement leaves only after it was recorded. Where the journal cannot be
 * written it says `journal-blocked`; a start that was not recorded is not spawned, an outcome is kept until it is.
 */
import type { IndicationId, Millis } from '../base/brand.ts'
import type { Result } from '../base/result.ts'
import type { Bundle } from '../record/bundle.ts'
import type { IndicationBody } from '../record/indication.ts'
import type { ExecutorState, Output, StatementBody } from '../record/statement.ts'
import type { Sealed } from '../record/record.ts'
import type { Outcome, RunReport } from './outcome.ts'

/** An order whose shape and signature hold; nothing else was judged yet. */
export interface Order {
  readonly id: IndicationId
  readonly body: IndicationBody
  readonly bundle: Bundle
}

/** What the journal knows of an id. */
export type History =
  | { readonly kind: 'fresh' }
  /** So old that the journal may have forgotten it: it expired long ago, whatever the clock says now. */
  | { readonly kind: 'forgotten' }
  /** It cannot be read now. */
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'started' }
  | { readonly kind: 'finished' }

/** When an event happens. */
export interface JobMoment {
  /** For statements, validity and plans. */
  readonly wall: Millis
  /** For spans: timeouts and graces. */
  readonly steady: Millis
  /** False while the wall clock is known to be wrong, or was just set: nothing starts and nothing expires. */
  readonly mayAct: boolean
}

export type JobEvent =
  /** `cancelled`: an authorised cancel came with it. */
  | { readonly kind: 'order'; readonly order: Order; readonly cancelled: boolean }
  | { readonly kind: 'recalled'; readonly indication: IndicationId; readonly history: History }
  | { readonly kind: 'judged'; readonly indication: IndicationId; readonly verdict: Result<null> }
  | { readonly kind: 'payload-ended'; readonly indication: IndicationId }
  | { readonly kind: 'payload-failed'; readonly indication: IndicationId; readonly code: string; readonly detail: string }
  /** Second verification: size, digest, codec, prerequisites. */
  | { readonly kind: 'prepared'; readonly indication: IndicationId; readonly verdict: Result<null> }
  | { readonly kind: 'exited'; readonly indication: IndicationId; readonly report: RunReport }
  /** An authorised cancel for an order that is known already. */
  | { readonly kind: 'cancel'; readonly indication: IndicationId }
  /** Before `restored`: the journal was lost, or taken from a backup. It does not know all that was started before this time. */
  | { readonly kind: 'memory-lost'; readonly before: Millis }
  /** From the journal, before any other event: an order without an outcome. */
  | { readonly kind: 'restored'; readonly order: Order; readonly attempts: number; readonly startedAt: Millis | null }
  /** As `restored`, and the order goes on: it has led to this start of the executor. Answered by `updated`. */
  | { readonly kind: 'continued'; readonly order: Order; readonly attempts: number; readonly startedAt: Millis | null }
  /** What came of an order that replaced the executor. `log`: what the replacement has said. */
  | { readonly kind: 'updated'; readonly indication: IndicationId; readonly outcome: Outcome; readonly log: Output | null }
  /** What this executor said of an order before its home was restored. */
  | { readonly kind: 'adopted'; readonly indication: IndicationId; readonly statement: Sealed<StatementBody> }
  /** All has been adopted that is known: from the first of these on, orders may start. */
  | { readonly kind: 'caught-up' }
  /** The agent's log is a new one: it lacks every outcome. */
  | { readonly kind: 'log-lost' }
  /** A new agent process is there: it knows nothing of what was asked before. */
  | { readonly kind: 'agent-started' }
  /** The charter chain has grown: what has not started is judged again. */
  | { readonly kind: 'trust-changed' }
  /** A `record-started` failed, and its `spawn` was not performed. */
  | { readonly kind: 'not-started'; readonly indication: IndicationId }
  /** The journal cannot be written, or can be again. */
  | { readonly kind: 'journal-blocked' }
  | { readonly kind: 'journal-free' }
  | { readonly kind: 'tick' }
  /** No new jobs; running ones may end within the grace. */
  | { readonly kind: 'stop' }

/** A statement but for who makes it. */
export interface StatementDraft {
  readonly indication: IndicationId
  readonly state: ExecutorState
  readonly at: Millis
  readonly startedAt: Millis | null
  readonly code: string | null
  readonly detail: string | null
  /** Null where nothing has run, or nothing has ended. */
  readonly report: RunReport | null
}

export type JobEffect =
  /** Ask the journal, answer with `recalled`. */
  | { readonly kind: 'recall'; readonly order: Order }
  /** Judge by the newest charters, answer with `judged`. */
  | { readonly kind: 'judge'; readonly order: Order }
  | { readonly kind: 'record-accepted'; readonly order: Order }
  /** Tell a new agent process of an order that it may not know of: it is to ask for its cancellation, and to fetch its payload. */
  | { readonly kind: 'announce-held'; readonly order: Order; readonly running: boolean }
  /** Make room in the cache and ask for the bytes; answer with `payload-ended` or `payload-failed`. */
  | { readonly kind: 'want-payload'; readonly order: Order }
  /** Check what is in the cache, answer with `prepared`. */
  | { readonly kind: 'prepare'; readonly order: Order }
  | { readonly kind: 'announce-validated'; readonly indication: IndicationId; readonly at: Millis }
  /** Durable before the next effect, which is its `spawn`. */
  | { readonly kind: 'record-started'; readonly order: Order; readonly attempt: number; readonly statement: StatementDraft }
  /** Answer with `exited`, whatever happens. */
  | { readonly kind: 'spawn'; readonly order: Order }
  /** To the whole process group. */
  | { readonly kind: 'signal'; readonly indication: IndicationId; readonly signal: 'SIGTERM' | 'SIGKILL' }
  /** An earlier start of an idempotent order that may be started again. */
  | { readonly kind: 'record-attempt'; readonly order: Order; readonly attempt: number; readonly startedAt: Millis }
  /** An outcome that was said before, or a start that nothing may follow: the order never starts again. */
  | { readonly kind: 'record-adopted'; readonly statement: Sealed<StatementBody> }
  /** Each adopted start that has no outcome was interrupted: say so. */
  | { readonly kind: 'settle-adopted' }
  | { readonly kind: 'record-outcome'; readonly order: Order; readonly statement: StatementDraft }
  /** Remove the job's files. */
  | { readonly kind: 'discard'; readonly indication: IndicationId }
  /** Say again what is known to have come of this order, or of all, until the agent has kept it once more. */
  | { readonly kind: 'retell'; readonly indication: IndicationId | null }
  | { readonly kind: 'refuse'; readonly indication: IndicationId; readonly code: string; readonly detail: string }
  /** After a stop: nothing runs any more. */
  | { readonly kind: 'drained' }

export interface JobMachineOptions {
  readonly concurrentJobs: number
  readonly pendingJobsMax: number
  readonly cacheBytesMax: number
  readonly attemptsMax: number
  readonly killGraceMs: Millis
  readonly stopGraceMs: Millis
  readonly clockToleranceMs: Millis
}
