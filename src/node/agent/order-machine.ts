/**
 * The life of orders on an agent, up to the executor and back. Pure: events in, effects out.
 *
 * Invariants: an order is offered to the executor only after its first verification; it is fetched by one fetch at a
 * time; an order that ended is not taken up again while it is remembered, which is until it has expired.
 */
import { limits } from '../../base/limits.ts'
import type { ByteRange } from '../../base/byte-range.ts'
import type { Receipt } from '../../record/entry.ts'
import type { Bundle } from '../../record/bundle.ts'
import type { PayloadRef } from '../../record/indication.ts'
import type { ExecutorState } from '../../record/statement.ts'
import type { Indication } from '../../trust/order.ts'
import type { Result } from '../../base/result.ts'
import type { IndicationId, Millis } from '../../base/brand.ts'

export type OrderEvent =
  /** An order came, by gossip or pull; `verdict` is its first verification. */
  | { readonly kind: 'offered'; readonly indication: Indication; readonly bundle: Bundle; readonly verdict: Result<null> }
  /** The executor has it, and no outcome yet: after a start of this process it may be news here. */
  | { readonly kind: 'held'; readonly indication: Indication; readonly bundle: Bundle; readonly running: boolean }
  /** The executor lacks these parts of the payload. */
  | { readonly kind: 'wanted'; readonly indication: IndicationId; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'fetched'; readonly indication: IndicationId; readonly outcome: Result<null> }
  | { readonly kind: 'validated'; readonly indication: IndicationId; readonly at: Millis }
  /** The executor said something; `statement` is its signed record. */
  | { readonly kind: 'stated'; readonly indication: IndicationId; readonly state: ExecutorState; readonly statement: Uint8Array }
  /** What the executor said before a restore, as endpoints remember it. */
  | { readonly kind: 'adopted'; readonly indication: IndicationId; readonly state: ExecutorState; readonly at: Millis }
  /** The executor could not take the order up now: forgotten here, so that the next pull brings it again. */
  | { readonly kind: 'refused'; readonly indication: IndicationId }
  | { readonly kind: 'tick' }

export type OrderEffect =
  | { readonly kind: 'receipt'; readonly receipt: Receipt; readonly urgent: boolean }
  | { readonly kind: 'hand-over'; readonly bundle: Bundle }
  | { readonly kind: 'fetch'; readonly indication: IndicationId; readonly payload: PayloadRef; readonly ranges: readonly ByteRange[]; readonly deadlineMs: Millis }
  | { readonly kind: 'deliver'; readonly indication: IndicationId; readonly payload: PayloadRef; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'give-up'; readonly indication: IndicationId; readonly code: string; readonly detail: string }
  /** The order needs a newer charter than is known: ask an endpoint. */
  | { readonly kind: 'pull' }

interface Order {
  readonly bundle: Bundle
  readonly payload: PayloadRef
  readonly expiresAt: Millis
  stage: 'offered' | 'running' | 'ended'
  /** That it is fetched was reported; false again after a fetch that failed. */
  isRetrieved: boolean
}

interface Fetch {
  readonly ranges: readonly ByteRange[]
  /** What the executor has asked for last: other ranges where it has begun anew meanwhile. */
  wanted: readonly ByteRange[]
}

/** Verdicts that say nothing about the order itself: it may be offered again and judged otherwise. */
const passing: ReadonlySet<string> = new Set(['not-a-target', 'not-yet-valid', 'charter-behind'])

export class OrderMachine {
  readonly #orders = new Map<IndicationId, Order>()
  /** Fetches that were begun and have not ended, whatever became of their orders meanwhile. */
  readonly #fetching = new Map<IndicationId, Fetch>()
  /** Orders that ended before a restore, and when they are forgotten. */
  readonly #endedBefore = new Map<IndicationId, Millis>()

  step(event: OrderEvent, now: Millis): OrderEffect[] {
    switch (event.kind) {
      case 'offered':
        return this.#offer(event.indication, event.bundle, event.verdict, now)
      case 'held':
        return this.#hold(event.indication, event.bundle, event.running)
      case 'wanted':
        return this.#fetch(event.indication, event.ranges, now)
      case 'fetched':
        return this.#fetched(event.indication, event.outcome, now)
      case 'validated':
        return this.#orders.has(event.indication) ? [receipt(event.indication, 'validated', event.at, false)] : []
      case 'stated':
        return this.#state(event.indication, event.state, event.statement)
      case 'adopted':
        return this.#adopt(event.indication, event.state, event.at)
      case 'refused':
        this.#orders.delete(event.indication)
        return []
      case 'tick':
        return this.#forget(now)
    }
  }

  /** How many orders are remembered. */
  get size(): number {
    return this.#orders.size
  }

  /** Orders that are known here and have not ended, bounded: what a pull need not send again. */
  have(): IndicationId[] {
    return [...this.#orders].filter(([, { stage }]) => stage !== 'ended').map(([id]) => id).slice(0, limits.pull.haveMax)
  }

  /** Payloads of orders that may still be wanted, here or by a neighbour. */
  payloads(): PayloadRef[] {
    return [...this.#orders.values()].map(({ payload }) => payload)
  }

  #offer(indication: Indication, bundle: Bundle, verdict: Result<null>, now: Millis): OrderEffect[] {
    if (this.#orders.has(indication.id) || this.#endedBefore.has(indication.id)) return []
    if (!verdict.ok && passing.has(verdict.code)) return verdict.code === 'charter-behind' ? [{ kind: 'pull' }] : []
    const { payload, expiresAt } = indication.body
    const order: Order = { bundle, payload, expiresAt, stage: verdict.ok ? 'offered' : 'ended', isRetrieved: false }
    this.#orders.set(indication.id, order)
    if (!verdict.ok) {
      return [receipt(indication.id, verdict.code === 'expired' ? 'expired' : 'rejected', now, true, verdict)]
    }
    return [receipt(indication.id, 'received', now, false), { kind: 'hand-over', bundle }]
  }

  /** What came of it so far was reported by the process before this one. */
  #hold({ id, body: { payload, expiresAt } }: Indication, bundle: Bundle, running: boolean): OrderEffect[] {
    const known = this.#orders.get(id)
    if (known === undefined) this.#orders.set(id, { bundle, payload, expiresAt, stage: running ? 'running' : 'offered', isRetrieved: false })
    else if (running && known.stage !== 'ended') known.stage = 'running'
    return []
  }

  #fetch(id: IndicationId, ranges: readonly ByteRange[], now: Millis): OrderEffect[] {
    const order = this.#orders.get(id)
    if (order === undefined || order.stage === 'ended') return []
    const underway = this.#fetching.get(id)
    if (underway !== undefined) {
      underway.wanted = ranges
      return []
    }
    const isNews = !order.isRetrieved
    order.isRetrieved = true
    this.#fetching.set(id, { ranges, wanted: ranges })
    const fetch: OrderEffect = { kind: 'fetch', indication: id, payload: order.payload, ranges, deadlineMs: Math.max(0, order.expiresAt - now) }
    return isNews ? [receipt(id, 'retrieving', now, false), fetch] : [fetch]
  }

  #fetched(id: IndicationId, outcome: Result<null>, now: Millis): OrderEffect[] {
    const order = this.#orders.get(id)
    const ended = this.#fetching.get(id)
    this.#fetching.delete(id)
    if (ended === undefined || order === undefined || order.stage === 'ended') return []
    const { ranges, wanted } = ended
    if (outcome.ok) return wanted === ranges ? [{ kind: 'deliver', indication: id, payload: order.payload, ranges }] : this.#fetch(id, wanted, now)
    order.isRetrieved = false
    return [{ kind: 'give-up', indication: id, code: outcome.code, detail: outcome.detail }]
  }

  #state(id: IndicationId, state: ExecutorState, statement: Uint8Array): OrderEffect[] {
    const order = this.#orders.get(id)
    const ended = state !== 'running'
    if (order !== undefined && order.stage !== 'ended') order.stage = ended ? 'ended' : 'running'
    return [{ kind: 'receipt', receipt: { kind: 'executor', statement }, urgent: ended }]
  }

  #adopt(id: IndicationId, state: ExecutorState, at: Millis): OrderEffect[] {
    if (state === 'running') return []
    const order = this.#orders.get(id)
    if (order !== undefined) order.stage = 'ended'
    else this.#endedBefore.set(id, at + limits.indication.validityMsMax)
    return []
  }

  #forget(now: Millis): OrderEffect[] {
    for (const [id, until] of this.#endedBefore) if (now > until + limits.trust.clockToleranceMs) this.#endedBefore.delete(id)
    for (const [id, { expiresAt, stage }] of this.#orders) {
      if (now > expiresAt + limits.trust.clockToleranceMs && stage !== 'running') this.#orders.delete(id)
    }
    return []
  }
}

const receipt = (indication: IndicationId, state: 'received' | 'retrieving' | 'validated' | 'rejected' | 'expired', at: Millis, urgent: boolean, why?: { readonly code: string; readonly detail: string }): OrderEffect => ({
  kind: 'receipt',
  urgent,
  receipt: { kind: 'agent', indication, state, at, code: why?.code ?? null, detail: why === undefined ? null : why.detail.slice(0, 1024) }
})
