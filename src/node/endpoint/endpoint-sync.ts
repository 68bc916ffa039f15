/**
 * Keeps an endpoint equal to the others: asks each connected one when it connects, on a timer, and again at once while
 * there is more.
 */
import { decodeShape } from '../../base/schema.ts'
import { WritError } from '../../base/errors.ts'
import { encodeCbor } from '../../base/codec.ts'
import { limits } from '../../base/limits.ts'
import { answerSync } from '../../queue/sync-answer.ts'
import { encodableAnswer, encodableQuestion, syncAnswerSchema, syncProtocol, syncQuestionSchema } from '../../queue/sync-message.ts'
import { SyncClient } from '../../queue/sync.ts'
import { faultOfEndpoint } from '../../queue/misconduct.ts'
import { PullLoop } from '../pull-loop.ts'
import type { Charters } from '../charters.ts'
import type { KeyId } from '../../base/brand.ts'
import type { KeyValueStore } from '../../base/key-value-store.ts'
import type { Log } from '../../base/log.ts'
import type { MergeReport } from '../../queue/merge.ts'
import type { Network } from '../network/network.ts'
import type { Queue } from '../../queue/queue.ts'
import type { SyncAnswer } from '../../queue/sync-message.ts'
import type { Random } from '../../base/random.ts'
import type { SteadyClock, Timers } from '../../base/clock.ts'

export interface EndpointSyncDeps {
  readonly queue: Queue
  readonly store: KeyValueStore
  readonly network: Network
  readonly charters: Charters
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  /** Told of what came from another endpoint. */
  readonly announce: (report: MergeReport) => void
}

export class EndpointSync {
  readonly #deps: EndpointSyncDeps
  readonly #client: SyncClient
  readonly #loop: PullLoop
  /** Who is being answered. */
  readonly #askers = new Set<KeyId>()
  #stopListening: (() => void) | undefined

  constructor(deps: EndpointSyncDeps, options: { readonly syncIntervalMs: number }) {
    this.#deps = deps
    this.#client = new SyncClient({
      store: deps.store,
      queue: deps.queue,
      clock: deps.clock,
      chain: () => deps.charters.chain,
      merged: (report, peer) => this.#merged(report, peer),
      learnCharters: async (charters, peer) => {
        const learned = deps.charters.learn(charters)
        if (!learned.ok) deps.log.warn('an endpoint sent charters that are refused', { peer, code: learned.code, detail: learned.detail })
      }
    })
    this.#loop = new PullLoop({ ...deps, pull: (endpoint) => this.#ask(endpoint) }, { intervalMs: options.syncIntervalMs })
  }

  listen(): void {
    this.#deps.network.handle(syncProtocol, ({ isEndpoint }) => isEndpoint, ({ peer }, message) => this.#answer(peer, message))
  }

  start(): void {
    const { network } = this.#deps
    this.#stopListening = network.onPeer(({ kind, admission }) => {
      if (!admission.isEndpoint) return
      if (kind === 'connected') this.#loop.open(admission.peer)
      else this.#forget(admission.peer)
    })
    for (const { admission } of network.peers()) if (admission.isEndpoint) this.#loop.open(admission.peer)
  }

  stop(): void {
    this.#stopListening?.()
    this.#loop.closeAll()
  }

  #forget(endpoint: KeyId): void {
    this.#loop.close(endpoint)
    this.#client.giveUp(endpoint)
    // It may come back without what it had not yet written to disk.
    this.#deps.queue.history.forgetSource(endpoint)
  }

  /** An endpoint asks one thing after another: more at once is refused, so that it costs no more than one answer's work. */
  async #answer(asker: KeyId, message: Uint8Array): Promise<Uint8Array> {
    const { queue, charters } = this.#deps
    if (this.#askers.has(asker)) throw new WritError('busy', 'the last question of this endpoint is still being answered')
    this.#askers.add(asker)
    try {
      const question = decodeShape(syncQuestionSchema, message, limits.network.messageBytesMax)
      if (!question.ok) throw new WritError(question.code, question.detail)
      return encodeCbor(encodableAnswer(await answerSync(queue, charters.chain, asker, question.value)))
    } finally {
      this.#askers.delete(asker)
    }
  }

  /** One question; true when the next is to be asked at once. */
  async #ask(endpoint: KeyId): Promise<boolean> {
    const question = await this.#client.question(endpoint)
    if (question === undefined) return false
    return this.#client.take(endpoint, await this.#request(endpoint, encodeCbor(encodableQuestion(question))))
  }

  #merged(report: MergeReport, endpoint: KeyId): void {
    const { network, log, announce } = this.#deps
    const fault = faultOfEndpoint(report)
    if (fault !== undefined) network.blame(endpoint, fault.code, fault.detail)
    if (report.accepted.length > 0) log.debug('entries came by sync', { endpoint, accepted: report.accepted.length })
    if (report.indications.length > 0 || report.controls.length > 0) announce(report)
  }

  async #request(endpoint: KeyId, question: Uint8Array): Promise<SyncAnswer> {
    try {
      const message = await this.#deps.network.request(endpoint, syncProtocol, question)
      const answer = decodeShape(syncAnswerSchema, message, limits.network.messageBytesMax)
      if (!answer.ok) this.#deps.network.blame(endpoint, 'bad-answer', answer.detail)
      if (!answer.ok) throw new WritError('bad-answer', `an endpoint gave an answer that cannot be read: ${answer.detail}`)
      return answer.value
    } catch (error) {
      this.#client.giveUp(endpoint)
      throw error
    }
  }
}
