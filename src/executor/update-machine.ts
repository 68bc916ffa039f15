/**
 * Decides the fate of a release that an order has staged: when this executor hands over to it, whether it has proved
 * itself, and what its order comes to. One update at a time. Pure.
 *
 * Promises: nothing is switched before an endpoint has answered the release that runs. A release is good only when its
 * agent runs as that release and an endpoint has answered it. One that lacked nothing but an answer is bad only when the
 * old release gets one; else nothing is known of it.
 */
import type { IndicationId, Millis } from '../base/brand.ts'
import type { Outcome } from './outcome.ts'

/** What the journal holds from before a switch until its order has an outcome. */
export interface Update {
  readonly indication: IndicationId
  readonly slot: string
  readonly version: string
  /** How long one attempt may take to prove itself, and the release before to find an endpoint where the other found none. */
  readonly trialSeconds: number
}

/** Where an executor finds an update that it takes up at its start. */
export type UpdatePlace =
  /** It is the staged release itself: not proved yet, or proved before its order had an outcome. */
  | { readonly kind: 'on-trial' }
  | { readonly kind: 'proved' }
  /** It is the release before; the switch had not happened yet. */
  | { readonly kind: 'not-switched' }
  /** It is the release before, which the launcher has gone back to. `isUp`: the other lacked nothing but an endpoint's answer. */
  | { readonly kind: 'back'; readonly reason: string; readonly isUp: boolean }

export type UpdateEvent =
  | { readonly kind: 'staged'; readonly update: Update }
  | { readonly kind: 'taken-up'; readonly update: Update; readonly place: UpdatePlace }
  /** An agent process runs, with its stores opened; it knows nothing of what was asked before. */
  | { readonly kind: 'agent-up'; readonly release: string }
  /** An endpoint has answered since this executor asked last. */
  | { readonly kind: 'contact' }
  /** There will be no switch: its order has ended in another way, or nothing could be written. */
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'tick' }

export type UpdateEffect =
  /** The agent is to say when an endpoint answers. */
  | { readonly kind: 'ask-for-contact' }
  /** Durable: the update, and that the release is to be tried; then this executor ends. */
  | { readonly kind: 'switch'; readonly update: Update }
  /** For the release before, should this one be given up. */
  | { readonly kind: 'note-up'; readonly update: Update }
  /** Durable: the release is good. */
  | { readonly kind: 'prove'; readonly update: Update }
  | { readonly kind: 'conclude'; readonly update: Update; readonly outcome: Outcome }

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'waiting' | 'switching'; readonly update: Update }
  | { readonly kind: 'proving'; readonly update: Update; readonly isUp: boolean }
  | { readonly kind: 'comparing'; readonly update: Update; readonly until: Millis }

const failed = (code: string, detail: string): Outcome => ({ state: 'failed', code, detail })

export class UpdateMachine {
  #state: State = { kind: 'idle' }

  /** `now` by the steady clock. */
  step(event: UpdateEvent, now: Millis): UpdateEffect[] {
    switch (event.kind) {
      case 'staged': return this.#await(event.update)
      case 'taken-up': return this.#takeUp(event.update, event.place, now)
      case 'agent-up': return this.#agentUp(event.release)
      case 'contact': return this.#contact()
      case 'abandoned':
        this.#state = { kind: 'idle' }
        return []
      case 'tick': return this.#state.kind === 'comparing' && now >= this.#state.until ? this.#conclude(this.#state.update, inconclusive) : []
    }
  }

  /** In how long `tick` is due, if no other event comes before. */
  nextTickInMs(now: Millis): Millis | undefined {
    return this.#state.kind === 'comparing' ? Math.max(0, this.#state.until - now) : undefined
  }

  /** Staged, and still to be given up. */
  get isWaiting(): boolean {
    return this.#state.kind === 'waiting'
  }

  #await(update: Update): UpdateEffect[] {
    this.#state = { kind: 'waiting', update }
    return [{ kind: 'ask-for-contact' }]
  }

  #takeUp(update: Update, place: UpdatePlace, now: Millis): UpdateEffect[] {
    switch (place.kind) {
      case 'not-switched': return this.#await(update)
      case 'proved': return this.#conclude(update, succeeded)
      case 'on-trial':
        this.#state = { kind: 'proving', update, isUp: false }
        return []
      case 'back':
        if (place.reason !== 'overdue' || !place.isUp) return this.#conclude(update, failed('release-failed', `the release ${update.version} was given up (${place.reason}), the one before runs again`))
        this.#state = { kind: 'comparing', update, until: now + update.trialSeconds * 1000 } // as long as the other had
        return [{ kind: 'ask-for-contact' }]
    }
  }

  #agentUp(release: string): UpdateEffect[] {
    const state = this.#state
    if (state.kind === 'idle' || state.kind === 'switching') return []
    if (state.kind !== 'proving') return [{ kind: 'ask-for-contact' }]
    if (release !== state.update.version) return [] // not what was ordered: its time runs out
    this.#state = { ...state, isUp: true }
    return [{ kind: 'note-up', update: state.update }, { kind: 'ask-for-contact' }]
  }

  #contact(): UpdateEffect[] {
    const state = this.#state
    if (state.kind === 'waiting') {
      this.#state = { kind: 'switching', update: state.update }
      return [{ kind: 'switch', update: state.update }]
    }
    if (state.kind === 'proving' && state.isUp) return [{ kind: 'prove', update: state.update }, ...this.#conclude(state.update, succeeded)]
    if (state.kind === 'comparing') return this.#conclude(state.update, failed('no-contact', `no endpoint answered the release ${state.update.version}, but one answers the release before, which runs again`))
    return []
  }

  #conclude(update: Update, outcome: Outcome): UpdateEffect[] {
    this.#state = { kind: 'idle' }
    return [{ kind: 'conclude', update, outcome }]
  }
}

const succeeded: Outcome = { state: 'succeeded', code: null, detail: null }
const inconclusive = failed('inconclusive', 'no endpoint answered, neither the new release nor the one before, which runs again: order the update again when the network is back')
