/**
 * What really happened, as no node of the mesh knows it: which orders were given to whom, and each process that was
 * started. Rules that must hold at every moment are checked here as things happen.
 */
import type { Clock } from '../src/base/clock.ts'
import type { IndicationId, KeyId, Millis } from '../src/base/brand.ts'
import type { State } from '../src/queue/views.ts'

export interface GivenOrder {
  readonly indication: IndicationId
  readonly name: string
  readonly targets: ReadonlySet<KeyId>
  readonly expiresAt: Millis
  /** What the command comes to where it is let run to its end. */
  readonly result: State
  /** Endpoints that said they hold it. */
  readonly heldBy: Set<KeyId>
}

export interface Violation {
  /** Since the start of the run. */
  readonly atMs: Millis
  readonly checker: string
  readonly detail: string
}

export class Ledger {
  readonly violations: Violation[] = []
  readonly orders = new Map<IndicationId, GivenOrder>()
  readonly #starts = new Map<string, number>()
  readonly #clock: Clock
  readonly #startedAt: Millis

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  violate(checker: string, detail: string): void {
    this.violations.push({ atMs: this.#clock.now() - this.#startedAt, checker, detail })
  }

  /** Before it is submitted anywhere. */
  noteOrder(order: GivenOrder): void {
    this.orders.set(order.indication, order)
  }

  noteStart(agent: { readonly key: KeyId; readonly name: string }, indication: IndicationId): void {
    const place = `${indication}/${agent.key}`
    const times = (this.#starts.get(place) ?? 0) + 1
    this.#starts.set(place, times)
    const order = this.orders.get(indication)
    if (order === undefined) return this.violate('no-unauthorised-run', `${agent.name} started ${indication}, which nobody ordered`)
    if (times > 1) this.violate('started-once', `${agent.name} started ${order.name} ${times} times`)
    if (!order.targets.has(agent.key)) this.violate('no-unauthorised-run', `${agent.name} started ${order.name}, which was not meant for it`)
    if (this.#clock.now() > order.expiresAt) this.violate('no-late-start', `${agent.name} started ${order.name} after its expiry`)
  }

  hasStarted(agent: KeyId, indication: IndicationId): boolean {
    return this.#starts.has(`${indication}/${agent}`)
  }
}
