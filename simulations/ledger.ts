/**
 * What really happened, as no node of the mesh knows it: which orders were given to whom, each process that was started
 * and how it ended, and what each executor wrote down for good. Rules that must hold at every moment are checked here as
 * things happen.
 */
import { limits } from '../src/base/limits.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { Clock } from '../src/base/clock.ts'
import type { IndicationId, KeyId, Millis, RecordId } from '../src/base/brand.ts'
import type { State } from '../src/queue/views.ts'
import type { StatementBody } from '../src/record/statement.ts'
import type { Verified } from '../src/record/record.ts'

export interface GivenOrder {
  readonly indication: IndicationId
  /** As it was signed. */
  readonly bytes: Uint8Array
  readonly name: string
  readonly targets: ReadonlySet<KeyId>
  readonly expiresAt: Millis
  /** What the command comes to where it is let run to its end. */
  readonly result: State
  /** How often it may be started on one agent. */
  readonly attemptsMax: number
  /** Given by an admin that keeps to the rules, and not taken away from it: it must come to an end everywhere. */
  isPromised: boolean
  /** Of the admin's log; null until it is written. */
  entry: RecordId | null
  /** Endpoints that said they hold it. */
  readonly heldBy: Set<KeyId>
}

export interface Violation {
  /** Since the start of the run. */
  readonly atMs: Millis
  readonly checker: string
  readonly detail: string
}

export interface JobEnd {
  readonly exitCode: number | null
  readonly signal: string | null
}

export interface Journalled {
  readonly id: RecordId
  readonly state: StatementBody['state']
  readonly at: Millis
}

/** One order on one agent. */
export interface Deed {
  starts: number
  readonly ends: JobEnd[]
  /** What its executor said and has on disk, `running` included. */
  readonly statements: Journalled[]
}

/** An agent, and its clock as it stands. */
export interface Doer {
  readonly key: KeyId
  readonly name: string
  readonly now: Millis
}

/** A start too many on an agent whose disks were put back: a violation only where the mesh knew of those before. */
export interface Doubt {
  readonly doer: Doer
  readonly order: GivenOrder
  readonly earlier: readonly RecordId[]
}

const noDeed: Deed = { starts: 0, ends: [], statements: [] }

export class Ledger {
  readonly violations: Violation[] = []
  readonly orders = new Map<IndicationId, GivenOrder>()
  /** Set by whoever can look at the endpoints' disks. */
  onDoubt: (doubt: Doubt) => void = () => undefined
  readonly #deeds = new Map<string, Deed>()
  readonly #disturbed = new Set<KeyId>()
  readonly #wrongClocks = new Set<KeyId>()
  /** What was journalled between an image and its return is on no disk any more. */
  readonly #lostSpans = new Map<KeyId, { readonly from: Millis; readonly to: Millis }[]>()
  /** Of executors whose journals were lost: the statements that nobody else had. */
  readonly #forgotten = new Map<KeyId, Set<RecordId>>()
  /** Each chain as an admin made it. */
  readonly charters: CharterChain[] = []
  /** What was promised until then has come true, and may be dropped. */
  #settledAt: Millis = 0
  readonly #clock: Clock
  readonly #startedAt: Millis

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  violate(checker: string, detail: string): void {
    this.violations.push({ atMs: this.#clock.now() - this.#startedAt, checker, detail })
  }

  noteCharters(chain: CharterChain): void {
    this.charters.push(chain)
  }

  /** Before it is submitted anywhere. */
  noteOrder(order: GivenOrder): void {
    this.orders.set(order.indication, order)
  }

  /** Nobody need remember any more what was ordered and said so far. */
  settle(): void {
    for (const order of this.orders.values()) order.isPromised = false
    this.#settledAt = this.#clock.now()
  }

  isSettled({ at }: Journalled): boolean {
    return at <= this.#settledAt
  }

  noteStart(doer: Doer, indication: IndicationId): void {
    const deed = this.#deedOf(doer.key, indication)
    deed.starts += 1
    const order = this.orders.get(indication)
    if (order === undefined) return this.violate('no-unauthorised-run', `${doer.name} started ${indication}, which nobody ordered`)
    if (deed.starts > order.attemptsMax) this.#doubt(doer, order, deed)
    if (!order.targets.has(doer.key)) this.violate('no-unauthorised-run', `${doer.name} started ${order.name}, which was not meant for it`)
    const trueLateMs = this.#clock.now() - order.expiresAt
    const isFarOff = Math.abs(doer.now - this.#clock.now()) > limits.trust.clockToleranceMs
    if (doer.now > order.expiresAt || (trueLateMs > limits.trust.clockToleranceMs && !isFarOff)) this.violate('no-late-start', `${doer.name} started ${order.name} after its expiry`)
  }

  noteEnd(agent: KeyId, indication: IndicationId, end: JobEnd): void {
    this.#deedOf(agent, indication).ends.push(end)
  }

  noteStatement(agent: KeyId, { id, body }: Pick<Verified<StatementBody>, 'id' | 'body'>): void {
    this.#deedOf(agent, body.indication).statements.push({ id, state: body.state, at: this.#clock.now() })
  }

  /** Its executor, or the whole machine, ended while it may have been at work. */
  noteDisturbance(agent: KeyId): void {
    this.#disturbed.add(agent)
  }

  noteClock(agent: KeyId): void {
    this.#wrongClocks.add(agent)
  }

  noteRestore(agent: KeyId, imageAt: Millis): void {
    this.#disturbed.add(agent)
    this.#lostSpans.set(agent, [...(this.#lostSpans.get(agent) ?? []), { from: imageAt, to: this.#clock.now() }])
  }

  /** Its executor's journal is lost, with these statements that its agent had not kept. */
  noteLoss(agent: KeyId, unkept: readonly RecordId[]): void {
    this.#disturbed.add(agent)
    this.#forgotten.set(agent, new Set([...(this.#forgotten.get(agent) ?? []), ...unkept]))
  }

  deed(agent: KeyId, indication: IndicationId): Deed {
    return this.#deeds.get(`${indication}/${agent}`) ?? noDeed
  }

  deeds(): { readonly agent: KeyId; readonly indication: IndicationId; readonly deed: Deed }[] {
    return [...this.#deeds].map(([place, deed]) => {
      const [indication = '', agent = ''] = place.split('/')
      return { agent: agent as KeyId, indication: indication as IndicationId, deed }
    })
  }

  isDisturbed(agent: KeyId): boolean {
    return this.#disturbed.has(agent)
  }

  isClockWrong(agent: KeyId): boolean {
    return this.#wrongClocks.has(agent)
  }

  isRestored(agent: KeyId): boolean {
    return this.#lostSpans.has(agent)
  }

  get lostJournals(): number {
    return this.#forgotten.size
  }

  isForgetful(agent: KeyId): boolean {
    return this.#forgotten.has(agent)
  }

  /** Whether what was journalled then was taken away by a restore, or lost. */
  isTakenBack(agent: KeyId, { id, at }: Journalled): boolean {
    if (this.#forgotten.get(agent)?.has(id) === true) return true
    return this.#lostSpans.get(agent)?.some(({ from, to }) => at >= from && at <= to) === true
  }

  #doubt(doer: Doer, order: GivenOrder, deed: Deed): void {
    // How often an order was started that may be repeated is lost with the journal; no other one is started again.
    if (this.isForgetful(doer.key) && order.attemptsMax > 1) return
    const earlier = deed.statements.filter(({ state }) => state === 'running').map(({ id }) => id)
    if (this.isRestored(doer.key)) this.onDoubt({ doer, order, earlier })
    else this.violate('started-once', `${doer.name} started ${order.name} ${deed.starts} times`)
  }

  #deedOf(agent: KeyId, indication: IndicationId): Deed {
    const place = `${indication}/${agent}`
    const known = this.#deeds.get(place)
    if (known !== undefined) return known
    const deed: Deed = { starts: 0, ends: [], statements: [] }
    this.#deeds.set(place, deed)
    return deed
  }
}
