/**
 * Keeps an endpoint equal to the others: asks each connected one when it connects, on a timer, and again at once while
 * there is more.
 */
import { decodeShape } from '../../base/schema.ts'
import { WritError } from '../../base/errors.ts'
import { encodeCbor } from '../../base/codec.ts'
import { limits } from '../../base/limits.ts'
import { answerSync, SyncClient } from '../../queue/sync.ts'
import { syncAnswerSchema, syncProtocol, syncRequestSchema } from '../../queue/sync-message.ts'
import { blameForEntries } from './misconduct.ts'
import { PullLoop } from '../pull-loop.ts'
import type { Charters } from '../charters.ts'
import type { KeyId } from '../../base/brand.ts'
import type { KeyValueStore } from '../../base/key-value-store.ts'
import type { Log } from '../../base/log.ts'
import type { MergeReport } from '../../queue/merge.ts'
import type { Network } from '../network/network.ts'
import type { Queue } from '../../queue/queue.ts'
import type { Random } from '../../base/random.ts'
import type { Timers } from '../../base/clock.ts'

export interface EndpointSyncDeps {
  readonly queue: Queue
  readonly store: KeyValueStore
  readonly network: Network
  readonly charters: Charters
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
  #stopListening: (() => void) | undefined

  constructor(deps: EndpointSyncDeps, options: { readonly syncIntervalMs: number }) {
    this.#deps = deps
    this.#client = new SyncClient({
      store: deps.store,
      queue: deps.queue,
      chain: () => deps.charters.chain,
      learnCharters: async (charters, peer) => {
        const learned = deps.charters.learn(charters)
        if (!learned.ok) deps.log.warn('an endpoint sent charters that are refused', { peer, code: learned.code, detail: learned.detail })
      }
    })
    this.#loop = new PullLoop({ ...deps, pull: (endpoint) => this.#ask(endpoint) }, { intervalMs: options.syncIntervalMs })
  }

  listen(): void {
    const { network, queue, charters } = this.#deps
    network.handle(syncProtocol, ({ isEndpoint }) => isEndpoint, async (_from, message) => {
      const request = decodeShape(syncRequestSchema, message, limits.network.messageBytesMax)
      if (!request.ok) throw new WritError(request.code, request.detail)
      return encodeCbor(await answerSync(queue, charters.chain, request.value))
    })
  }

  start(): void {
    const { network } = this.#deps
    this.#stopListening = network.onPeer(({ kind, admission }) => {
      if (!admission.isEndpoint) return
      if (kind === 'connected') this.#loop.open(admission.peer)
      else this.#loop.close(admission.peer)
    })
    for (const { admission } of network.peers()) if (admission.isEndpoint) this.#loop.open(admission.peer)
  }

  stop(): void {
    this.#stopListening?.()
    this.#loop.closeAll()
  }

  async #ask(endpoint: KeyId): Promise<boolean> {
    const { network, log, announce } = this.#deps
    const message = await network.request(endpoint, syncProtocol, encodeCbor(await this.#client.request(endpoint)))
    const answer = decodeShape(syncAnswerSchema, message, limits.network.messageBytesMax)
    if (!answer.ok) network.blame(endpoint, 'bad-answer', answer.detail)
    if (!answer.ok) throw new WritError('bad-answer', `an endpoint gave an answer that cannot be read: ${answer.detail}`)
    const { report, again } = await this.#client.take(endpoint, answer.value)
    blameForEntries(network, endpoint, report)
    if (report.accepted.length > 0) log.debug('entries came by sync', { endpoint, accepted: report.accepted.length })
    if (report.indications.length > 0 || report.controls.length > 0) announce(report)
    return again
  }
}
