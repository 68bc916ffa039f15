/**
 * A node: an agent, and an endpoint too where its credential says so. Assembles the roles over whatever network, store,
 * content and executor it is given; production and simulations give their own.
 */
import { Background } from '../base/background.ts'
import { ClockWatch } from '../base/clock-watch.ts'
import { enoughEndpoints } from '../base/enough-endpoints.ts'
import { decodeShape } from '../base/schema.ts'
import { WritError } from '../base/errors.ts'
import { encodeCbor } from '../base/codec.ts'
import { jitter, type Random } from '../base/random.ts'
import { limits } from '../base/limits.ts'
import { OwnLog } from '../queue/own-log.ts'
import { readOpenStarts } from '../queue/own-starts.ts'
import { Queue } from '../queue/queue.ts'
import { isEndpoint } from '../trust/admission.ts'
import { Agent } from './agent/agent.ts'
import { AddressBook } from './address-book.ts'
import { Contacts } from './contacts.ts'
import { Endpoint } from './endpoint/endpoint.ts'
import { answerOutput } from './endpoint/endpoint-output.ts'
import { Gossip } from './gossip.ts'
import { outputProtocol } from './protocol/output.ts'
import { LogKeeper, type AskedLog } from './agent/log-keeper.ts'
import { OutputShelf, type OutputStore } from './agent/output-shelf.ts'
import { OwnPresence } from './own-presence.ts'
import { PullLoop } from './pull-loop.ts'
import { pullAnswerSchema, pullProtocol, type PullAnswer, type PullRequest } from './protocol/pull.ts'
import { newestOf } from '../trust/charter-chain.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import type { Charters } from './charters.ts'
import type { SteadyClock, Timers } from '../base/clock.ts'
import type { Content } from '../content/content.ts'
import type { EndpointAddress } from '../trust/home-config.ts'
import type { EntryBody } from '../record/entry.ts'
import type { ExecutorLink } from './agent/executor-link.ts'
import type { KeyId, Millis } from '../base/brand.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { Log } from '../base/log.ts'
import type { Membership } from '../trust/admission.ts'
import type { Network } from './network/network.ts'
import type { CheckSignature, Signer } from '../record/keys.ts'
import type { Verified } from '../record/record.ts'

export interface NodeDeps {
  readonly network: Network
  readonly store: KeyValueStore
  readonly content: Content
  readonly outputs: OutputStore
  readonly executor: ExecutorLink
  readonly charters: Charters
  readonly signer: Signer
  readonly membership: Membership
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  /** The thread pool when absent; simulations answer at once, so that nothing depends on which thread is first. */
  readonly checkSignature?: CheckSignature
}

export interface NodeOptions {
  /** Endpoints to begin with; more are learned. */
  readonly endpoints: readonly EndpointAddress[]
  readonly gossip: boolean
  readonly pullIntervalMs: Millis
  readonly syncIntervalMs: Millis
  readonly retention: { readonly mode: 'label' | 'remove'; readonly ageMs: Millis }
  readonly formats: ReadonlySet<string>
  /** Entries of the own log from one checkpoint to the next; what production takes when absent. */
  readonly checkpointEntries?: number
}

export interface NodeVitals {
  readonly queueLength: number
  readonly unacknowledged: number
  readonly lastContactAt: Millis | null
}

export class Node {
  readonly #deps: NodeDeps
  readonly #background: Background
  readonly #watch: ClockWatch
  readonly #ownLog: OwnLog
  readonly #book: AddressBook
  readonly #agent: Agent
  readonly #endpoint: Endpoint | undefined
  readonly #queue: Queue | undefined
  readonly #gossip: Gossip | null
  readonly #shelf: OutputShelf
  readonly #keeper: LogKeeper
  readonly #pulls: PullLoop
  readonly #contacts: Contacts
  readonly #presence: OwnPresence
  #stopListening: (() => void) | undefined
  #cancelHousekeeping: (() => void) | undefined
  #lastContactAt: Millis | null = null
  /** While orders of an answer are taken up: whatever they lack did not come with it, so it is not asked for at once. */
  #isTaking = false

  private constructor(deps: NodeDeps, options: NodeOptions, parts: { ownLog: OwnLog; book: AddressBook; queue: Queue | undefined }) {
    this.#deps = deps
    this.#background = new Background(deps.log)
    this.#watch = new ClockWatch(deps.clock)
    this.#ownLog = parts.ownLog
    this.#book = parts.book
    this.#queue = parts.queue
    this.#gossip = options.gossip ? new Gossip(deps) : null
    this.#shelf = new OutputShelf(deps)
    this.#agent = new Agent(
      { ...deps, ownLog: parts.ownLog, outputs: this.#shelf, providers: () => this.#providers(), onEntry: (entry) => this.#report(entry), isClockTrusted: () => this.#watch.look().isTrusted, onPullWanted: () => this.#pulls.demandAll(this.#isTaking ? limits.pull.againMs : 0) },
      { self: deps.membership.credential.body, formats: options.formats }
    )
    const { executor } = deps.membership.credential.body
    this.#keeper = new LogKeeper(
      { ...deps, background: this.#background, ownLog: parts.ownLog, openStarts: () => readOpenStarts(deps.store, executor), retell: () => this.#agent.retell(), adopt: (statements) => this.#agent.adopt(statements), release: () => this.#agent.release() },
      { self: deps.signer.key, isEndpoint: parts.queue !== undefined, others: this.#otherEndpoints(deps.charters.chain) }
    )
    this.#endpoint = parts.queue === undefined ? undefined : new Endpoint({ ...deps, queue: parts.queue, gossip: this.#gossip, counter: deps.signer }, options)
    this.#presence = new OwnPresence({ ...deps, mesh: deps.membership.credential.body.mesh, addresses: () => deps.network.addresses() })
    this.#pulls = new PullLoop({ ...deps, pull: (endpoint) => this.#pull(endpoint) }, { intervalMs: options.pullIntervalMs })
    const wanted = parts.queue === undefined ? limits.network.endpointsPerAgent : limits.network.endpointsMax
    this.#contacts = new Contacts(deps, { self: deps.signer.key, wanted: { endpoint: wanted, neighbour: parts.queue === undefined ? limits.network.neighboursMax : 0 } })
  }

  /** Opens what the node has on disk, and registers its protocols; before the network starts. */
  static async open(deps: NodeDeps, options: NodeOptions): Promise<Node> {
    const { body, bytes } = deps.membership.credential
    const ownLog = await OwnLog.open({ ...deps, ...options, mesh: body.mesh, first: { kind: 'credential', credential: bytes } })
    const book = await AddressBook.open(deps.store, options.endpoints)
    const queue = body.role === 'endpoint' ? await Queue.open({ ...deps, chain: () => deps.charters.chain }, { retention: options.retention }) : undefined
    const node = new Node(deps, options, { ownLog, book, queue })
    node.#listen()
    return node
  }

  /** Once the network listens. */
  async start(): Promise<void> {
    const { network, charters } = this.#deps
    this.#agent.start()
    if (this.#endpoint !== undefined && this.#queue !== undefined) {
      await this.#queue.merge(await this.#ownLog.unacknowledgedFor(network.self, Number.POSITIVE_INFINITY), network.self, { durable: true })
      this.#queue.onChange((report) => {
        if (report.indications.length > 0 || report.controls.length > 0) this.#pulls.demand(network.self, 0)
      })
      this.#endpoint.start()
      this.#pulls.open(network.self)
    }
    this.#stopListening = network.onPeer(({ kind, admission }) => {
      if (kind === 'connected') this.#meet(admission.peer, admission.isEndpoint)
      else this.#lose(admission.peer)
    })
    for (const { admission } of network.peers()) this.#meet(admission.peer, admission.isEndpoint)
    charters.onChange((chain) => {
      this.#reviewPeers(chain)
      this.#keeper.recount(this.#otherEndpoints(chain))
      this.#pulls.demandAll(0)
    })
    this.#contacts.handle({ kind: 'known', of: 'endpoint', contacts: this.#book.list() })
    this.#keeper.start()
    this.#scheduleHousekeeping()
  }

  stop(): void {
    this.#keeper.stop()
    this.#cancelHousekeeping?.()
    this.#stopListening?.()
    this.#contacts.stop()
    this.#pulls.closeAll()
    this.#endpoint?.stop()
    this.#agent.stop()
  }

  /** Resolves when nothing that the node began is under way: after `stop`, and the network's, its store may be closed. */
  async settled(): Promise<void> {
    await Promise.all([this.#background.settle(), this.#agent.settled(), this.#endpoint?.settled()])
  }

  vitals(): NodeVitals {
    return {
      queueLength: this.#agent.have().length,
      unacknowledged: this.#ownLog.unacknowledgedCount(enoughEndpoints(this.#deps.charters.chain.current.endpoints.length)),
      lastContactAt: this.#lastContactAt
    }
  }

  #scheduleHousekeeping(): void {
    const { timers, random } = this.#deps
    this.#cancelHousekeeping = timers.after(jitter(random, limits.queue.housekeepingMs, 0.2), () => {
      this.#background.run('housekeeping failed', this.#keepHouse())
      this.#scheduleHousekeeping()
    })
  }

  /** Drops what no order needs any more. */
  async #keepHouse(): Promise<void> {
    const { content, outputs, log } = this.#deps
    const { wall: now, isTrusted } = this.#watch.look()
    if (!isTrusted) return log.warn('the clock was set: nothing is dropped until the next look', { clock: now })
    // What frees room comes first: on a full disk the queues cannot be written.
    const { removedBlocks } = await content.retain([...this.#agent.payloads(), ...(this.#queue?.payloadsNeeded(now) ?? [])])
    await outputs.prune(now)
    await this.#queue?.prune(now)
    log.info('housekeeping', { removedBlocks })
  }

  #listen(): void {
    const { network, outputs } = this.#deps
    if (this.#endpoint === undefined) {
      network.handle(outputProtocol, ({ isEndpoint }) => isEndpoint, (from, message) => answerOutput({ outputs, network, holders: () => [] }, from, message))
    } else {
      this.#endpoint.listen()
    }
    this.#gossip?.hearIndications((heard, from) => {
      const { what, announcement } = heard
      // An endpoint's own agent hears of it from the queue, once that holds it.
      if (this.#endpoint !== undefined) this.#background.run('what was heard could not be kept', this.#endpoint.take(heard, from))
      else if (what.kind === 'cancel') this.#agent.control(what.control)
      else if (what.kind === 'indication') this.#agent.offer({ indication: what.indication.bytes, controls: [], payload: announcement.payload }, what.indication)
    })
  }

  /** Who was admitted as something that the charter no longer says is sent away, and may come back as what it is. */
  #reviewPeers(chain: CharterChain): void {
    for (const { admission } of this.#deps.network.peers()) {
      const { peer, membership, admin } = admission
      const isOutdated = membership === null ? admin !== null && !chain.current.admins.some(({ key }) => key === admin) : isEndpoint(chain, membership) !== admission.isEndpoint
      if (isOutdated) this.#background.run('a peer could not be disconnected', this.#deps.network.disconnect(peer))
    }
  }

  #meet(peer: KeyId, isEndpoint: boolean): void {
    this.#contacts.handle({ kind: 'connected', peer })
    if (isEndpoint) this.#pulls.open(peer)
  }

  #lose(peer: KeyId): void {
    this.#contacts.handle({ kind: 'disconnected', peer })
    if (peer !== this.#deps.network.self) this.#pulls.close(peer)
  }

  /** Told of each entry of the own log once it is on disk. */
  #report(entry: Verified<EntryBody>): void {
    if (this.#queue !== undefined) this.#background.run('an own entry could not be merged', this.#queue.merge([entry.bytes], this.#deps.network.self, { durable: false }))
    this.#pulls.demandAll(this.#gossip === null ? 0 : limits.pull.settleMs)
    if (this.#gossip !== null) this.#background.run('an own entry could not be gossiped', this.#gossip.report(entry.bytes).then((reached) => this.#noteReached(reached)))
  }

  /** Right after a connection an endpoint has not said yet what it listens to: what gossip cannot bring it is handed over at once. */
  #noteReached(reached: number): void {
    if (reached < this.#pulls.endpoints().filter((endpoint) => endpoint !== this.#deps.network.self).length) this.#pulls.demandAll(0)
  }

  #otherEndpoints({ current }: CharterChain): number {
    return current.endpoints.length - (this.#isListed(current.endpoints.map(({ key }) => key)) ? 1 : 0)
  }

  /** A charter may list an endpoint by the key of its invite. */
  #isListed(endpoints: readonly KeyId[]): boolean {
    const { credential, invite } = this.#deps.membership
    return endpoints.includes(credential.body.peer) || endpoints.includes(invite.body.token)
  }

  async #pull(endpoint: KeyId): Promise<boolean> {
    const { network, clock, charters } = this.#deps
    const { entries, asked } = await this.#keeper.ask(endpoint)
    const request: PullRequest = {
      ...newestOf(charters.chain),
      presence: this.#presence.record(),
      entries,
      have: this.#agent.have(),
      wanted: asked.wanted === null ? null : { incarnation: asked.wanted.incarnation, from: asked.wanted.from }
    }
    const message = encodeCbor(request)
    const bytes = endpoint === network.self && this.#endpoint !== undefined ? await this.#endpoint.pull(endpoint, message) : await network.request(endpoint, pullProtocol, message)
    const answer = decodeShape(pullAnswerSchema, bytes, limits.network.messageBytesMax)
    if (!answer.ok) network.blame(endpoint, 'bad-answer', answer.detail)
    if (!answer.ok) throw new WritError('bad-answer', `endpoint ${endpoint} gave an answer that cannot be read: ${answer.detail}`)
    this.#lastContactAt = clock.now()
    this.#agent.answered()
    const learned = charters.learn(answer.value.charters)
    if (!learned.ok) this.#deps.log.warn('an endpoint sent charters that are refused', { endpoint, code: learned.code, detail: learned.detail })
    return this.#take(endpoint, answer.value, asked)
  }

  async #take(endpoint: KeyId, answer: PullAnswer, asked: AskedLog): Promise<boolean> {
    const again = await this.#keeper.hear(endpoint, asked, answer)
    if (await this.#book.learn(answer.endpoints)) this.#contacts.handle({ kind: 'known', of: 'endpoint', contacts: this.#book.list() })
    this.#contacts.handle({ kind: 'known', of: 'neighbour', contacts: answer.neighbours })
    this.#background.run('outputs could not be handed in; they are tried again', this.#shelf.pay(endpoint))
    this.#agent.tick()
    if (answer.work.kind === 'nothing') return again
    for (const control of answer.work.controls) this.#agent.control(control)
    const known = this.#agent.known()
    this.#isTaking = true
    for (const bundle of answer.work.bundles) this.#agent.offer(bundle)
    this.#isTaking = false
    // What was offered and is known here already will be gone from the queue once its receipts have arrived there.
    return again || (answer.work.more && this.#agent.known() > known)
  }

  /** Endpoints first: they hold the payload of every order they know. */
  #providers(): KeyId[] {
    const peers = this.#deps.network.peers().filter(({ admission }) => admission.kind === 'node')
    return [...peers.filter(({ admission }) => admission.isEndpoint), ...peers.filter(({ admission }) => !admission.isEndpoint)].map(({ admission }) => admission.peer)
  }
}

/** A node over the parts it is given, with its protocols registered; `start` it once the network listens. */
export const createNode = (deps: NodeDeps, options: NodeOptions): Promise<Node> => Node.open(deps, options)
