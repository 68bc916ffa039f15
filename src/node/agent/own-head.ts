/**
 * When a node may append to its own log and offer orders to its executor: once endpoints have said what they know of
 * the log, so that a restored node learns first what it had said and started. Pure: events in, a decision out.
 *
 * Two endpoints are enough, or all if there are fewer; after the first the second is waited for a while. An agent that
 * reaches none waits. An endpoint's own agent does not count its own queue, which may have been restored with it: when
 * no other endpoint answers it goes on, in a new life of the log, so that whatever they know there is no fork.
 */
import { enoughEndpoints } from '../../base/enough-endpoints.ts'

export type OwnHeadEvent =
  /** How many endpoints there are to be asked, as the charter says now. */
  | { readonly kind: 'others'; readonly count: number }
  /** An endpoint knows nothing that is not here. */
  | { readonly kind: 'agrees'; readonly endpoint: string }
  /** The timer that the decision before asked for. */
  | { readonly kind: 'waited'; readonly for: 'second' | 'any' }

export type OwnHeadDecision = { readonly kind: 'wait'; readonly for: 'second' | 'any' | null } | { readonly kind: 'release'; readonly inNewLife: boolean }

export class OwnHead {
  readonly #isEndpoint: boolean
  readonly #agreeing = new Set<string>()
  readonly #waited = new Set<'second' | 'any'>()
  #others: number

  constructor(options: { readonly isEndpoint: boolean; readonly others: number }) {
    this.#isEndpoint = options.isEndpoint
    this.#others = options.others
  }

  step(event: OwnHeadEvent): OwnHeadDecision {
    if (event.kind === 'others') this.#others = event.count
    else if (event.kind === 'agrees') this.#agreeing.add(event.endpoint)
    else this.#waited.add(event.for)
    return this.decide()
  }

  decide(): OwnHeadDecision {
    const count = this.#agreeing.size
    if (count > 0 && (count >= enoughEndpoints(this.#others) || this.#waited.has('second'))) return { kind: 'release', inNewLife: false }
    if (count > 0) return { kind: 'wait', for: 'second' }
    if (!this.#isEndpoint) return { kind: 'wait', for: null }
    return this.#others === 0 || this.#waited.has('any') ? { kind: 'release', inNewLife: true } : { kind: 'wait', for: 'any' }
  }
}
