/**
 * When to try whom for a payload. A pure machine: each event is answered by the one thing to do next, and the caller
 * does it before it reports the next event, so there is never more than one attempt at once.
 *
 * Peers are taken in turn, a few for each attempt. After all of them failed there is a wait, which doubles up to its
 * bound while nothing arrives and starts again once something did. No attempt and no wait lasts beyond the deadline;
 * what happens then ends the plan.
 */
import { limits } from '../base/limits.ts'
import { jitter, type Random } from '../base/random.ts'
import type { KeyId, Millis } from '../base/brand.ts'

const { attemptTimeoutMs, backoffMsMin, backoffMsMax, backoffJitterShare, providersPerAttemptMax } = limits.fetch

export type FetchEvent =
  | { readonly kind: 'started'; readonly providers: readonly KeyId[] }
  /** The attempt had to wait for its turn and begins only now. */
  | { readonly kind: 'attempt-begun' }
  /** A block came in during an attempt. */
  | { readonly kind: 'progressed' }
  | { readonly kind: 'attempt-succeeded' }
  /** Nobody asked had what is missing, or nothing came in time: worth another attempt. */
  | { readonly kind: 'attempt-failed'; readonly detail: string; readonly providers: readonly KeyId[] }
  /** What came is not what an honest payload looks like: another attempt would bring the same. */
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }
  | { readonly kind: 'waited'; readonly providers: readonly KeyId[] }
  | { readonly kind: 'cancelled' }

export type FetchEffect =
  /** Ends when no block came for `timeoutMs`. */
  | { readonly kind: 'attempt'; readonly providers: readonly KeyId[]; readonly timeoutMs: Millis }
  /** The attempt goes on, with a new timeout from now. */
  | { readonly kind: 'continue'; readonly timeoutMs: Millis }
  | { readonly kind: 'wait'; readonly delayMs: Millis }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string }

type Phase = 'new' | 'attempting' | 'waiting' | 'ended'

const expectedIn: Readonly<Record<FetchEvent['kind'], readonly Phase[]>> = {
  started: ['new'],
  'attempt-begun': ['attempting'],
  progressed: ['attempting'],
  'attempt-succeeded': ['attempting'],
  'attempt-failed': ['attempting'],
  refused: ['attempting'],
  waited: ['waiting'],
  cancelled: ['new', 'attempting', 'waiting']
}

export class FetchPlan {
  readonly #random: Random
  readonly #deadlineAt: Millis
  #phase: Phase = 'new'
  /** Tried since the last wait. */
  #tried = new Set<KeyId>()
  #emptyRounds = 0
  #progressed = false
  #lastDetail: string | undefined

  constructor(random: Random, deadlineAt: Millis) {
    this.#random = random
    this.#deadlineAt = deadlineAt
  }

  step(event: FetchEvent, now: Millis): FetchEffect {
    if (!expectedIn[event.kind].includes(this.#phase)) throw new Error(`assertion failed: ${event.kind} while ${this.#phase}`)
    if (event.kind === 'attempt-succeeded') return this.#end({ kind: 'done' })
    if (event.kind === 'cancelled') return this.#end({ kind: 'failed', code: 'retrieve-cancelled', detail: 'the retrieval was cancelled' })
    if (event.kind === 'refused') return this.#end({ kind: 'failed', code: event.code, detail: event.detail })
    // What an attempt says that the deadline cut off tells less than what the one before it said.
    if (event.kind === 'attempt-failed' && now < this.#deadlineAt) this.#lastDetail = event.detail
    const detail = this.#lastDetail ?? (event.kind === 'attempt-failed' ? event.detail : 'no peer that might have it was connected')
    if (event.kind === 'attempt-begun' || event.kind === 'progressed') {
      this.#progressed ||= event.kind === 'progressed'
      return { kind: 'continue', timeoutMs: this.#within(attemptTimeoutMs, now) }
    }
    if (now >= this.#deadlineAt) return this.#end({ kind: 'failed', code: 'payload-unavailable', detail })
    if (event.kind === 'waited') this.#tried.clear()
    return this.#attemptOrWait(event.providers, now)
  }

  #attemptOrWait(providers: readonly KeyId[], now: Millis): FetchEffect {
    const untried = providers.filter((provider) => !this.#tried.has(provider))
    if (untried.length === 0) return this.#wait(providers.length === 0, now)
    // A random start, so that a fleet that fetches the same payload does not begin with the same endpoint.
    const start = Math.floor(this.#random.fraction() * untried.length)
    const chosen = [...untried.slice(start), ...untried.slice(0, start)].slice(0, providersPerAttemptMax)
    for (const provider of chosen) this.#tried.add(provider)
    this.#phase = 'attempting'
    return { kind: 'attempt', providers: chosen, timeoutMs: this.#within(attemptTimeoutMs, now) }
  }

  #wait(nobody: boolean, now: Millis): FetchEffect {
    // Without a peer to ask, looking again costs nothing and a long wait would be felt.
    this.#emptyRounds = nobody || this.#progressed ? 0 : this.#emptyRounds + 1
    this.#progressed = false
    const baseMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(30, Math.max(0, this.#emptyRounds - 1)))
    this.#phase = 'waiting'
    return { kind: 'wait', delayMs: this.#within(jitter(this.#random, baseMs, backoffJitterShare), now) }
  }

  #within(spanMs: Millis, now: Millis): Millis {
    return Math.max(0, Math.min(spanMs, this.#deadlineAt - now))
  }

  #end(effect: FetchEffect): FetchEffect {
    this.#phase = 'ended'
    return effect
  }
}
