/**
 * The executor's own judgement. Nothing that the agent says counts: signatures, authority, target and freshness are
 * judged by the executor's own copy of the charters and its own credential. The copy grows by what the agent brings,
 * and never goes back.
 */
import { accept, reject, type Result } from '../base/result.ts'
import { extendCharterChain, headOf, wasEverAdmin, type CharterChain } from '../trust/charter-chain.ts'
import { isAuthorisedControl, judgeOrder, openControl, openIndication, type Targetable } from '../trust/order.ts'
import type { IndicationId, Millis } from '../base/brand.ts'
import type { Bundle } from '../record/bundle.ts'
import type { IndicationBody } from '../record/indication.ts'
import type { Order } from './job-events.ts'

export class Verifier {
  readonly #self: Targetable
  readonly #formats: ReadonlySet<string>
  #chain: CharterChain

  constructor(chain: CharterChain, self: Targetable, formats: ReadonlySet<string>) {
    this.#chain = chain
    this.#self = self
    this.#formats = formats
  }

  get chain(): CharterChain {
    return this.#chain
  }

  /** The newest time that somebody has signed: the present is later. */
  get newestVerified(): Millis {
    return Math.max(this.#self.enrolledAt, ...this.#chain.versions.map(({ body }) => body.issuedAt))
  }

  /** Whether the chain has changed. Errors: those of `extendCharterChain`. */
  extend(charters: readonly Uint8Array[]): Result<boolean> {
    const extended = extendCharterChain(this.#chain, charters)
    if (!extended.ok) return extended
    const hasGrown = headOf(extended.value) !== headOf(this.#chain)
    this.#chain = extended.value
    return accept(hasGrown)
  }

  /** Shape and signature: what cannot pass has no id that could be answered for. Errors: those of `openIndication`. */
  open(bundle: Bundle): Result<Order> {
    const indication = openIndication(bundle.indication)
    return indication.ok ? accept({ id: indication.value.id, body: indication.value.body, bundle }) : indication
  }

  /**
   * An order of somebody who never was an admin here is not taken up, and gets no outcome: anyone can make as many as they like,
   * and each would be remembered. Errors: `not-an-admin`.
   */
  admit(order: Order): Result<Order> {
    return wasEverAdmin(this.#chain, order.body.admin) ? accept(order) : reject('not-an-admin', 'the order was not signed by an admin of this mesh')
  }

  /** Errors: those of `judgeOrder`. */
  judge(body: IndicationBody, now: Millis): Result<null> {
    return judgeOrder({ chain: this.#chain, self: this.#self, formats: this.#formats, now }, body)
  }

  /** Which order a control speaks of; undefined when it is not signed by whom it names. Whether they may is another question. */
  controlledOrder(bytes: Uint8Array): IndicationId | undefined {
    const control = openControl(bytes)
    return control.ok && control.value.body.action === 'cancel' ? control.value.body.indication : undefined
  }

  /** Whether one of these is a cancel of this order by someone who may. */
  isCancelled(order: Order, controls: readonly Uint8Array[]): boolean {
    return controls.some((bytes) => {
      const control = openControl(bytes)
      if (!control.ok || control.value.body.action !== 'cancel') return false
      return control.value.body.indication === order.id && isAuthorisedControl(this.#chain, control.value.body, order.body, this.#self)
    })
  }
}
