/**
 * The endpoint's role: keeps the queues, answers agents, admins, guests and other endpoints, and holds what the orders
 * need. Everything it says is an answer, or gossip that an answer would bring as well.
 */
import { jitter, type Random } from '../../base/random.ts'
import { answerOutput } from './endpoint-output.ts'
import { answerPull } from './endpoint-pull.ts'
import { answerQuery } from './endpoint-query.ts'
import { answerSubmit } from './endpoint-submit.ts'
import { Directory } from './directory.ts'
import { EndpointSync } from './endpoint-sync.ts'
import { EnrolmentDesk } from './endpoint-enrol.ts'
import { faultOfGossiper } from '../../queue/misconduct.ts'
import { PayloadKeeper } from './payload-keeper.ts'
import { enrolProtocol } from '../protocol/enrol.ts'
import { outputProtocol } from '../protocol/output.ts'
import { pullProtocol } from '../protocol/pull.ts'
import { queryProtocol } from '../protocol/query.ts'
import { submitProtocol } from '../protocol/submit.ts'
import type { Announcement } from '../protocol/announcement.ts'
import type { Charters } from '../charters.ts'
import type { SteadyClock, Timers } from '../../base/clock.ts'
import type { Content } from '../../content/content.ts'
import type { Gossip, Heard } from '../gossip.ts'
import type { KeyId } from '../../base/brand.ts'
import type { KeyValueStore } from '../../base/key-value-store.ts'
import type { Log } from '../../base/log.ts'
import type { MergeReport } from '../../queue/merge.ts'
import type { Network } from '../network/network.ts'
import type { OutputStore } from '../agent/output-shelf.ts'
import type { Queue } from '../../queue/queue.ts'
import type { Signer } from '../../record/keys.ts'

export interface EndpointDeps {
  readonly queue: Queue
  readonly store: KeyValueStore
  readonly network: Network
  readonly content: Content
  readonly outputs: OutputStore
  readonly charters: Charters
  readonly gossip: Gossip | null
  readonly counter: Signer
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}

export class Endpoint {
  readonly #deps: EndpointDeps
  readonly #syncIntervalMs: number
  readonly #directory: Directory
  readonly #sync: EndpointSync
  readonly #payloads: PayloadKeeper
  readonly #cancels = new Set<() => void>()

  constructor(deps: EndpointDeps, options: { readonly syncIntervalMs: number }) {
    this.#deps = deps
    this.#syncIntervalMs = options.syncIntervalMs
    this.#directory = new Directory({ nodes: () => deps.queue.profiles(), clock: deps.clock })
    this.#sync = new EndpointSync({ ...deps, announce: (report) => this.#announceMerged(report) }, options)
    this.#payloads = new PayloadKeeper({
      content: deps.content,
      log: deps.log,
      needed: () => deps.queue.payloadsNeeded(deps.clock.now()),
      providers: () => this.#otherEndpoints()
    })
  }

  /** Registers the protocols; before the network listens. */
  listen(): void {
    const { network } = this.#deps
    const desk = new EnrolmentDesk(this.#deps)
    const announce = (announcement: Announcement): void => this.#announce(announcement)
    network.handle(pullProtocol, ({ kind }) => kind === 'node', (from, message) => this.pull(from.peer, message))
    network.handle(submitProtocol, ({ kind }) => kind === 'admin', (from, message, signal) => answerSubmit({ ...this.#deps, announce }, from, message, signal))
    network.handle(queryProtocol, ({ kind }) => kind === 'admin', (_from, message, signal) => answerQuery(this.#deps, message, signal))
    network.handle(enrolProtocol, ({ kind }) => kind === 'guest', (from, message) => desk.answer(from, message))
    network.handle(outputProtocol, ({ kind }) => kind !== 'guest', (from, message) => answerOutput({ ...this.#deps, holders: (agent) => [...this.#otherEndpoints(), agent] }, from, message))
    this.#sync.listen()
    this.#deps.gossip?.hearReceipts(async (entry, from) => {
      const report = await this.#deps.queue.merge([entry], from)
      if (report.rejections.length === 0) return 'accept'
      return faultOfGossiper(from, report) === undefined ? 'ignore' : 'reject'
    })
  }

  start(): void {
    this.#deps.queue.onChange((report) => {
      if (report.indications.length > 0) this.#payloads.replicate()
    })
    this.#sync.start()
    this.#every(this.#syncIntervalMs, () => this.#payloads.replicate())
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel()
    this.#sync.stop()
    this.#payloads.stop()
  }

  /** Resolves when nothing that it began is under way. */
  settled(): Promise<void> {
    return this.#payloads.settled()
  }

  /** The answer to a pull; the endpoint's own agent asks here directly. */
  pull(agent: KeyId, message: Uint8Array): Promise<Uint8Array> {
    const relay = (entry: Uint8Array): void => void this.#deps.gossip?.report(entry)
    return answerPull({ ...this.#deps, directory: this.#directory, relay }, agent, message)
  }

  /** What gossip brought: counts like anything that was submitted or synchronised. */
  async take(heard: Heard, from: KeyId): Promise<void> {
    const { entry, payload } = heard.announcement
    if (payload !== null && heard.what.kind === 'indication') await this.#deps.content.addInline(heard.what.indication.body.payload, payload)
    await this.#deps.queue.merge([entry], from)
  }

  #announce(announcement: Announcement): void {
    this.#deps.gossip?.announce(announcement)
  }

  /** Orders that came by sync: agents of this endpoint alone have not heard of them. */
  #announceMerged(report: MergeReport): void {
    for (const entry of report.accepted) {
      const { content } = entry.body
      if (content.kind === 'indication' || content.kind === 'control') this.#announce({ entry: entry.bytes, payload: null })
    }
  }

  #otherEndpoints(): KeyId[] {
    return this.#deps.network.peers().filter(({ admission }) => admission.isEndpoint).map(({ admission }) => admission.peer)
  }

  #every(intervalMs: number, action: () => void): void {
    const cancel = this.#deps.timers.after(jitter(this.#deps.random, intervalMs, 0.2), () => {
      this.#cancels.delete(cancel)
      action()
      this.#every(intervalMs, action)
    })
    this.#cancels.add(cancel)
  }
}
