/**
 * What this executor said before: before its home was restored, as endpoints remember it, or to an agent that has lost its
 * log. Only what its own key signed counts. An adopted start without an outcome was interrupted, and what is known of it
 * is said.
 */
import { decodeRecord, verifyRecordSync } from '../record/record.ts'
import { outputsOf, statementKind, type StatementBody } from '../record/statement.ts'
import type { Clock } from '../base/clock.ts'
import type { IndicationId, MeshId, Millis } from '../base/brand.ts'
import type { Journal, Statement } from './journal.ts'
import type { KeptOutputs } from './file-output.ts'
import type { Log } from '../base/log.ts'
import type { Signer } from '../record/keys.ts'
import type { StatementDraft } from './job-events.ts'

export interface AdoptionDeps {
  readonly mesh: MeshId
  readonly signer: Signer
  readonly journal: Journal
  readonly killOrphans: (orders: ReadonlySet<IndicationId>) => Promise<number>
  readonly clock: Clock
  readonly log: Log
  readonly seal: (draft: StatementDraft) => Statement
  readonly outputs: Pick<KeptOutputs, 'claim'>
  /** Tells the agent. */
  readonly say: (statement: Statement) => void
}

export class Adoption {
  readonly #deps: AdoptionDeps

  constructor(deps: AdoptionDeps) {
    this.#deps = deps
  }

  /** Those that this executor signed. */
  open(statements: readonly Uint8Array[]): Statement[] {
    return statements.flatMap((bytes) => {
      const statement = this.#openOne(bytes)
      if (statement === undefined) this.#deps.log.warn('a statement that is not of this executor was passed over')
      return statement === undefined ? [] : [statement]
    })
  }

  /** Says what came of adopted starts: what the journal knows, or that they were interrupted. Errors: those of the journal. */
  async settle(): Promise<void> {
    const { journal, log } = this.#deps
    for (const { body } of await journal.unsettled()) await this.retell(body.indication)
    const unknown = await journal.unsettled()
    if (unknown.length > 0) await this.#interrupt(unknown)
    for (const { body } of unknown) log.warn('an order had been started of which nothing else is known here, as after a restore or the loss of the journal', { indication: body.indication })
  }

  /**
   * Says again what came of this order, or of all, as far as it is known: the agent's log may lack it. Also what waits to
   * be kept already, since the agent may have heard it before it was offered the order. Errors: those of the journal.
   */
  async retell(id: IndicationId | null): Promise<void> {
    const { journal, outputs, say } = this.#deps
    for (const { body } of await journal.retell(id)) for (const cid of outputsOf(body)) outputs.claim(cid)
    for (const statement of journal.unkept()) if (id === null || statement.body.indication === id) say(statement)
  }

  /** Their processes may still run, where a home was restored under a running machine. */
  async #interrupt(starts: readonly Statement[]): Promise<void> {
    const { journal, killOrphans, clock, seal, say } = this.#deps
    await killOrphans(new Set(starts.map(({ body }) => body.indication)))
    for (const { body } of starts) {
      const outcome = seal(draftRestored(body, clock.now()))
      await journal.settle(outcome)
      say(outcome)
    }
  }

  #openOne(bytes: Uint8Array): Statement | undefined {
    const decoded = decodeRecord(statementKind, bytes)
    if (!decoded.ok || decoded.value.body.executor !== this.#deps.signer.key || decoded.value.body.mesh !== this.#deps.mesh) return undefined
    const verified = verifyRecordSync(decoded.value, [this.#deps.signer.key])
    return verified.ok ? verified.value : undefined
  }
}

const draftRestored = ({ indication, startedAt, at }: StatementBody, now: Millis): StatementDraft => ({
  indication,
  state: 'interrupted',
  at: now,
  startedAt: startedAt ?? at,
  code: 'restored',
  detail: 'the order was started before this node lost what it knew of it, as when its home is restored or its journal is damaged; what came of it is not known',
  report: null
})
