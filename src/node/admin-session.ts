/**
 * An admin's contact with the mesh: whichever endpoints answer, asked one after the other where one is enough, and all
 * where an order is to be held by more than one.
 */
import { decodeShape } from '../base/schema.ts'
import { describeError, isWritError, WritError } from '../base/errors.ts'
import { encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { queryPageSchema, queryProtocol, type QueryPage, type QueryRequest } from './protocol/query.ts'
import { submitAnswerSchema, submitProtocol, type SubmitAnswer, type SubmitRequest } from './protocol/submit.ts'
import type { SteadyClock, Timers } from '../base/clock.ts'
import type { EndpointAddress } from '../trust/home-config.ts'
import type { KeyId, Millis } from '../base/brand.ts'
import type { Network } from './network/network.ts'

export interface AdminSessionDeps {
  readonly network: Network
  readonly clock: SteadyClock
  readonly timers: Timers
  /** Endpoints as now known: the first one is asked where one is enough, if it can be reached. */
  readonly endpoints: () => readonly EndpointAddress[]
  /** Told of each endpoint that answers a question. Asking it again later shows nothing older than what was shown. */
  readonly noteAnswer: (endpoint: KeyId) => void
}

/** The peer went away, or was never there: another endpoint may do. */
const lost: ReadonlySet<string> = new Set(['unreachable', 'not-connected', 'connection-lost', 'request-timeout', 'protocol-unsupported'])

export class AdminSession {
  readonly #deps: AdminSessionDeps
  readonly #dials = new Map<KeyId, Promise<void>>()
  #firstDial: Promise<void> | undefined

  constructor(deps: AdminSessionDeps) {
    this.#deps = deps
  }

  /** Connected endpoints, at least one, in the order of `endpoints`. Errors: `no-endpoint-reachable`, `no-endpoint-known`, and a refusal that every endpoint gave. */
  async contact(): Promise<readonly KeyId[]> {
    const startedAt = this.#deps.clock.monotonic()
    const endpoints = this.#deps.endpoints()
    if (endpoints.length === 0) throw new WritError('no-endpoint-known', 'the mesh has no endpoint yet; make the first one with: writ join --admin ADMIN --home DIR')
    const dials = endpoints.map((endpoint) => this.#dial(endpoint))
    await (this.#firstDial ??= this.#awaitBriefly(dials[0]))
    const connected = this.connected()
    if (connected.length > 0) return connected
    try {
      await Promise.any(dials)
    } catch (error) {
      throw explainSilence(endpoints, this.#deps.clock.monotonic() - startedAt, error)
    }
    return this.connected()
  }

  /** Waits until every dial under way has ended, or `timeoutMs`. */
  async settle(signal: AbortSignal): Promise<readonly KeyId[]> {
    const dials = Promise.allSettled(this.#deps.endpoints().map((endpoint) => this.#dial(endpoint)))
    await Promise.race([dials, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
    return this.connected()
  }

  connected(): readonly KeyId[] {
    const ranks = new Map(this.#deps.endpoints().map(({ key }, rank) => [key, rank]))
    const rankOf = (peer: KeyId): number => ranks.get(peer) ?? ranks.size
    return this.#deps.network.peers().filter(({ admission }) => admission.isEndpoint).map(({ admission }) => admission.peer).sort((left, right) => rankOf(left) - rankOf(right))
  }

  /** Pages of one answer, from the first endpoint that gives any. Errors: those of `contact`, the endpoint's refusal. */
  async *ask(request: QueryRequest, signal?: AbortSignal): AsyncIterable<QueryPage> {
    const tried = new Set<KeyId>()
    for (;;) {
      const endpoint = (await this.contact()).find((key) => !tried.has(key))
      if (endpoint === undefined) throw new WritError('no-endpoint-reachable', `${tried.size} endpoint(s) were reached and went silent; try again`)
      tried.add(endpoint)
      let begun = false
      try {
        for await (const message of this.#deps.network.follow(endpoint, queryProtocol, encodeCbor(request), signal === undefined ? {} : { signal })) {
          const page = decodeShape(queryPageSchema, message, limits.network.messageBytesMax)
          if (!page.ok) throw new WritError('bad-answer', `the endpoint gave an answer that cannot be read: ${page.detail}`)
          if (!begun) this.#deps.noteAnswer(endpoint)
          begun = true
          yield page.value
        }
        return
      } catch (error) {
        if (begun || !isWritError(error) || !lost.has(error.code)) throw error
      }
    }
  }

  /**
   * As `ask`, for an answer that goes on: when the endpoint is lost, another is asked from the beginning, until none has
   * answered for `limits.follow.silenceMs`.
   */
  async *follow(request: QueryRequest, signal?: AbortSignal): AsyncIterable<QueryPage> {
    const { clock, timers } = this.#deps
    for (let heardAt: Millis | null = null; ; ) {
      try {
        for await (const page of this.ask(request, signal)) {
          heardAt = clock.monotonic()
          yield page
        }
        return
      } catch (error) {
        const mayResume = isWritError(error) && (lost.has(error.code) || error.code === 'no-endpoint-reachable') && signal?.aborted !== true
        if (!mayResume || heardAt === null || clock.monotonic() - heardAt > limits.follow.silenceMs) throw error
      }
      await new Promise<void>((resolve) => void timers.after(limits.follow.retryMs, resolve))
    }
  }

  /** `limits.network.requestTimeoutMs` where no time is given. Errors: those of `Network.request`, the endpoint's refusal, `bad-answer`. */
  async submit(endpoint: KeyId, request: SubmitRequest, options: { readonly timeoutMs?: Millis; readonly signal?: AbortSignal } = {}): Promise<SubmitAnswer> {
    const answer = decodeShape(submitAnswerSchema, await this.#deps.network.request(endpoint, submitProtocol, encodeCbor(request), options), limits.network.messageBytesMax)
    if (!answer.ok) throw new WritError('bad-answer', `the endpoint gave an answer that cannot be read: ${answer.detail}`)
    return answer.value
  }

  /** Until the dial has ended, well or not, or `limits.network.firstChoiceMs`. */
  #awaitBriefly(dial: Promise<void> | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.timers.after(limits.network.firstChoiceMs, resolve)
      Promise.allSettled([dial]).then(() => {
        cancel()
        resolve()
      }, resolve)
    })
  }

  #dial(endpoint: EndpointAddress): Promise<void> {
    const under = this.#dials.get(endpoint.key)
    if (under !== undefined) return under
    const dial = this.#deps.network.connect(endpoint.key, endpoint.addresses).finally(() => this.#dials.delete(endpoint.key))
    dial.catch(() => undefined) // whoever waits for it hears of it
    this.#dials.set(endpoint.key, dial)
    return dial
  }
}

/** One error for endpoints that were all tried in vain: their refusal, if all gave one, else `no-endpoint-reachable`. */
export const explainSilence = (endpoints: readonly EndpointAddress[], tookMs: number, error: unknown): WritError => {
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const refusal = causes.find((cause): cause is WritError => isWritError(cause) && !lost.has(cause.code))
  if (refusal !== undefined && causes.every((cause) => isWritError(cause) && !lost.has(cause.code))) return refusal
  const addresses = endpoints.flatMap(({ name, addresses }) => addresses.map((address) => `${name} at ${address}`))
  return new WritError('no-endpoint-reachable', `no endpoint answered within ${tookMs < 1000 ? `${tookMs} ms` : `${(tookMs / 1000).toFixed(1)} s`}; tried ${addresses.join(', ')} (${[...new Set(causes.map(reasonOf))].join('; ')}); check that it runs, and that this machine can reach it`, { details: { addresses, tookMs }, cause: error })
}

const reasonOf = (error: unknown): string => (isWritError(error) && typeof error.details['reason'] === 'string' ? error.details['reason'] : describeError(error))
