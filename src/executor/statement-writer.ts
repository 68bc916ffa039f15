/**
 * Makes this executor's statements, each naming the one before, and writes them down before the agent hears of them. Its
 * methods must not overlap: effects are performed one after another.
 */
import { sealStatement } from './statement-sealing.ts'
import type { JobEffect, StatementDraft } from './job-events.ts'
import type { Journal, Statement } from './journal.ts'
import type { Log } from '../base/log.ts'
import type { MeshId, Millis } from '../base/brand.ts'
import type { Signer } from '../record/keys.ts'

type Started = Extract<JobEffect, { kind: 'record-started' }>
type Ended = Extract<JobEffect, { kind: 'record-outcome' }>

export interface StatementWriterDeps {
  readonly mesh: MeshId
  readonly signer: Signer
  readonly journal: Journal
  readonly log: Log
  /** Durable: an order is about to start that was created after now, by the clock of its admin. */
  readonly noteAhead: (createdAt: Millis) => void
  /** An order of the format `leave` has succeeded: the node is to end, and does not start again. */
  readonly left: () => void
  /** Tells the agent. */
  readonly say: (statement: Statement) => void
}

export class StatementWriter {
  readonly #deps: StatementWriterDeps

  constructor(deps: StatementWriterDeps) {
    this.#deps = deps
  }

  seal(draft: StatementDraft): Statement {
    const { signer, mesh, journal } = this.#deps
    return sealStatement(signer, mesh, journal.last, draft)
  }

  /** Errors: `store-write-failed`, `disk-full`, `home-unwritable`. */
  async started({ order, attempt, statement }: Started): Promise<void> {
    const { journal, noteAhead, say } = this.#deps
    const running = this.seal(statement)
    if (order.body.createdAt > statement.at) noteAhead(order.body.createdAt)
    await journal.recordStarted(order, attempt, statement.at, running)
    say(running)
  }

  /** Errors: `store-write-failed`. */
  async ended({ order, statement }: Ended): Promise<void> {
    const { journal, say, left, log } = this.#deps
    const outcome = this.seal(statement)
    await journal.recordOutcome(order, outcome)
    say(outcome)
    log.info('an order has ended', { indication: order.id, state: outcome.body.state, code: outcome.body.code })
    if (order.body.format === 'leave' && outcome.body.state === 'succeeded') left()
  }
}
