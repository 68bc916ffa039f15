/**
 * One host's network over the fabric: the same promises as libp2p's, with admission by the same judgement of hellos. A
 * question or an answer that is lost ends in the asker's timeout (one that is followed has none, and ends with its signal
 * or its link); one that was on a link that broke, in `connection-lost`.
 */
import { isWritError, WritError } from '../src/base/errors.ts'
import { limits } from '../src/base/limits.ts'
import { accept, reject, type Result } from '../src/base/result.ts'
import { checkCredentialCurrent } from '../src/trust/admission.ts'
import { accountOf, Conduct } from '../src/node/network/conduct.ts'
import { composeHello, judgeHello, planCharters, type Door, type Identity } from '../src/node/network/hello.ts'
import { otherEnd, type Fabric, type Link } from './fabric.ts'
import { GossipFlood, type GossipHost } from './gossip-flood.ts'
import type { Admission, Answer, ConnectedPeer, GossipJudge, Handler, Network, PeerEvent } from '../src/node/network/network.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'

const { dialTimeoutMs, requestTimeoutMs } = limits.network

export interface HostOptions {
  readonly self: KeyId
  readonly name: string
  /** Empty for a host that only dials. */
  readonly listen: readonly string[]
  readonly door: Door
  readonly identity: Identity
  readonly chain: () => CharterChain
  readonly learnCharters: (charters: readonly Uint8Array[]) => void
}

interface Connection extends ConnectedPeer {
  readonly link: Link<SimulatedNetwork>
}

interface Pending {
  readonly link: Link<SimulatedNetwork>
  readonly fail: (error: WritError) => void
}

interface Service {
  readonly who: (admission: Admission) => boolean
  readonly handler: Handler
}

export class SimulatedNetwork implements Network, GossipHost {
  readonly self: KeyId
  readonly name: string
  readonly #fabric: Fabric<SimulatedNetwork>
  readonly #options: HostOptions
  readonly #gossip: GossipFlood
  readonly #connections = new Map<KeyId, Connection>()
  readonly #conduct = new Conduct()
  readonly #services = new Map<string, Service>()
  readonly #listeners = new Set<(event: PeerEvent) => void>()
  readonly #pending = new Set<Pending>()
  /** How others took it, by charter and whether they are guests: a hello is five signatures, the same ones each time. */
  readonly #admissions = new Map<string, Admission>()
  #isStarted = false
  #isAway = false

  constructor(fabric: Fabric<SimulatedNetwork>, options: HostOptions) {
    this.self = options.self
    this.name = options.name
    this.#fabric = fabric
    this.#options = options
    this.#gossip = new GossipFlood(fabric, this)
    fabric.join(this)
  }

  get isUp(): boolean {
    return this.#isStarted && !this.#isAway
  }

  get gossip(): GossipFlood {
    return this.#gossip
  }

  async start(): Promise<void> {
    this.#isStarted = true
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    for (const peer of this.#connections.keys()) await this.disconnect(peer)
  }

  /** Pulls the cable: this side sees it at once, the others when they find that nothing answers. */
  leave(): void {
    this.#isAway = true
    this.#fabric.note(`away ${this.name}`)
    for (const { link } of this.#connections.values()) this.#breakOff(link, this.#fabric.drawNoticeMs())
  }

  comeBack(): void {
    this.#isAway = false
    this.#fabric.note(`back ${this.name}`)
  }

  addresses(): string[] {
    return [...this.#options.listen]
  }

  async connect(peer: KeyId, addresses: readonly string[], options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.#connections.has(peer)) return
    await this.#fabric.time.pause(2 * this.#fabric.drawDelayMs())
    const host = this.#fabric.find(peer, addresses)
    if (host === undefined || !this.#fabric.isReached(this, host)) {
      await this.#fabric.time.pause(dialTimeoutMs)
      throw new WritError('unreachable', `${this.name} got no answer of ${host?.name ?? peer}`)
    }
    if (options.signal?.aborted === true) throw new WritError('connect-cancelled', 'the connection was not waited for')
    const [there, here] = [host.#judge(this), this.#judge(host)]
    if (!there.ok) throw new WritError(there.code, there.detail, { details: { by: 'peer' } })
    if (!here.ok) throw new WritError(here.code, here.detail, { details: { by: 'self' } })
    if (this.#connections.has(peer)) return
    const link: Link<SimulatedNetwork> = { isOpen: true, ends: [this, host] }
    this.#fabric.note(`link ${this.name} > ${host.name}`)
    host.#attach({ link, admission: there.value, address: this.addresses()[0] ?? '/ip4/0.0.0.0/tcp/0', direction: 'inbound' })
    this.#attach({ link, admission: here.value, address: addresses[0] ?? '', direction: 'outbound' })
  }

  async disconnect(peer: KeyId): Promise<void> {
    const connection = this.#connections.get(peer)
    if (connection !== undefined) this.#breakOff(connection.link, this.#fabric.drawDelayMs())
  }

  peers(): readonly ConnectedPeer[] {
    return [...this.#connections.values()]
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  request(peer: KeyId, protocol: string, message: Uint8Array, options: { timeoutMs?: Millis; signal?: AbortSignal } = {}): Promise<Uint8Array> {
    const { timeoutMs = requestTimeoutMs } = options
    const { promise, resolve, reject: refuse } = Promise.withResolvers<Uint8Array>()
    const asking = this.#ask(peer, protocol, message, options.signal, {
      answer: (answer) => {
        disarm()
        asking.end()
        if (answer instanceof Uint8Array) resolve(answer)
        else refuse(new WritError(answer.code, answer.detail, { details: { by: 'peer' } }))
      },
      fail: (error) => {
        disarm()
        refuse(error)
      }
    })
    const disarm = this.#fabric.time.after(timeoutMs, () => asking.fail(new WritError('request-timeout', `no answer on ${protocol} within ${timeoutMs} ms`)))
    return promise
  }

  async *follow(peer: KeyId, protocol: string, message: Uint8Array, options: { signal?: AbortSignal } = {}): AsyncIterable<Uint8Array> {
    const heard: (Answer | WritError | null)[] = []
    let wake: () => void = () => undefined
    const hear = (what: Answer | WritError | null): void => {
      heard.push(what)
      wake()
    }
    const asking = this.#ask(peer, protocol, message, options.signal, { answer: hear, fail: hear, end: () => hear(null) })
    try {
      for (;;) {
        const next = heard.shift()
        if (next === null) return
        if (next instanceof WritError) throw next
        if (next instanceof Uint8Array) yield next
        else if (next !== undefined) throw new WritError(next.code, next.detail, { details: { by: 'peer' } })
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      asking.end()
    }
  }

  handle(protocol: string, who: (admission: Admission) => boolean, handler: Handler): void {
    if (this.#services.has(protocol)) throw new Error(`${protocol} is handled already`)
    this.#services.set(protocol, { who, handler })
  }

  subscribe(topic: string, judge: GossipJudge, deliver: (message: Uint8Array, from: KeyId) => void): void {
    this.#gossip.subscribe(topic, { judge, deliver })
  }

  blame(peer: KeyId, code: string, detail = ''): void {
    const connection = this.#connections.get(peer)
    const cutOff = connection === undefined ? null : this.#conduct.blame(accountOf(connection.admission), { code, detail }, this.#fabric.time.now())
    if (cutOff === null || connection === undefined) return
    this.#fabric.note(`cut off ${this.name} > ${cutOff.account.name}`)
    this.#breakOff(connection.link, this.#fabric.drawDelayMs())
  }

  async publish(topic: string, message: Uint8Array): Promise<number> {
    return this.#gossip.publish(topic, message)
  }

  #judge(visitor: SimulatedNetwork): Result<Admission> {
    const { chain, learnCharters, door } = this.#options
    const { mesh } = chain()
    const own = composeHello(mesh, chain(), this.#options.identity)
    learnCharters(planCharters(visitor.#options.chain(), mesh, own))
    const now = this.#fabric.time.now()
    const conduct = this.#conduct.admit(visitor.self, now)
    if (!conduct.ok) return conduct
    const context = `${door === 'guest'} ${chain().versions.at(-1)?.id ?? ''}`
    const before = visitor.#admissions.get(context)
    if (before?.membership && checkCredentialCurrent(before.membership.credential.body, now).ok) return accept(before)
    const hello = composeHello(visitor.#options.chain().mesh, visitor.#options.chain(), visitor.#options.identity)
    const judged = judgeHello(chain(), mesh, hello, visitor.self, door, now)
    if (judged.ok) visitor.#admissions.set(context, judged.value)
    return judged
  }

  #attach(connection: Connection): void {
    const { admission } = connection
    const stale = this.#connections.get(admission.peer)
    this.#connections.set(admission.peer, connection)
    this.#gossip.link(admission.peer, connection.link)
    if (stale === undefined) this.#tell({ kind: 'connected', admission })
    else this.#drop(stale.link)
  }

  #breakOff(link: Link<SimulatedNetwork>, noticeMs: Millis): void {
    link.isOpen = false
    const other = otherEnd(link, this)
    this.#detach(link, other.self)
    this.#fabric.time.after(noticeMs, () => other.#detach(link, this.self))
  }

  #detach(link: Link<SimulatedNetwork>, peer: KeyId): void {
    const connection = this.#connections.get(peer)
    if (connection?.link !== link) return
    this.#connections.delete(peer)
    this.#gossip.unlink(peer)
    this.#drop(link)
    this.#tell({ kind: 'disconnected', admission: connection.admission })
  }

  #drop(link: Link<SimulatedNetwork>): void {
    for (const pending of this.#pending) if (pending.link === link) pending.fail(new WritError('connection-lost', 'the connection broke'))
  }

  #tell(event: PeerEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** Puts a question; whatever comes of it is told until `end` or `fail`. */
  #ask(
    peer: KeyId,
    protocol: string,
    message: Uint8Array,
    signal: AbortSignal | undefined,
    told: { readonly answer: (answer: Answer) => void; readonly fail: (error: WritError) => void; readonly end?: () => void }
  ): { end(): void; fail(error: WritError): void } {
    const connection = this.#connections.get(peer)
    const controller = new AbortController()
    const over = (): void => {
      if (pending !== undefined) this.#pending.delete(pending)
      signal?.removeEventListener('abort', cancel)
      controller.abort('over') // a reason of its own would cost a stack trace each time
    }
    const fail = (error: WritError): void => {
      if (controller.signal.aborted) return
      over()
      told.fail(error)
    }
    const cancel = (): void => fail(new WritError('request-cancelled', `the answer on ${protocol} is no longer wanted`))
    const pending: Pending | undefined = connection === undefined ? undefined : { link: connection.link, fail }
    if (pending === undefined) this.#fabric.time.after(0, () => fail(new WritError('not-connected', `${this.name} has no connection to ${peer}`)))
    else this.#pending.add(pending)
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted === true) this.#fabric.time.after(0, cancel)
    else if (connection !== undefined) this.#put(connection.link, protocol, message, controller.signal, told)
    return { end: over, fail }
  }

  #put(link: Link<SimulatedNetwork>, protocol: string, message: Uint8Array, signal: AbortSignal, told: { readonly answer: (answer: Answer) => void; readonly end?: () => void }): void {
    const host: SimulatedNetwork = otherEnd(link, this)
    const bring = (kind: 'answer' | 'end', bytes: Uint8Array, tell: () => void): Promise<void> =>
      new Promise((resolve) => {
        this.#fabric.carry(link, host, { kind, of: protocol, bytes }, () => {
          if (!signal.aborted) tell()
          resolve()
        })
      })
    const serve = async (): Promise<void> => {
      for await (const answer of host.#answers(this.self, protocol, message, signal)) {
        if (signal.aborted) return
        await bring('answer', answer instanceof Uint8Array ? answer : noBytes, () => told.answer(answer))
      }
      if (!signal.aborted) await bring('end', noBytes, () => told.end?.())
    }
    this.#fabric.carry(link, this, { kind: 'ask', of: protocol, bytes: message }, () => void serve())
  }

  /** Never throws: what goes wrong is an answer. */
  async *#answers(from: KeyId, protocol: string, message: Uint8Array, signal: AbortSignal): AsyncGenerator<Answer> {
    const service = this.#services.get(protocol)
    const admission = this.#connections.get(from)?.admission
    if (service === undefined) return yield reject('protocol-unsupported', `${this.name} does not speak ${protocol}`)
    if (admission === undefined || !service.who(admission)) return yield reject('not-permitted', `${protocol} is not for this peer`)
    try {
      const answers = service.handler(admission, message, signal)
      if (Symbol.asyncIterator in answers) yield* answers
      else yield await answers
    } catch (error) {
      if (!isWritError(error)) this.#fabric.onFault(`${this.name} could not answer on ${protocol}: ${error instanceof Error ? error.stack : String(error)}`)
      yield isWritError(error) ? reject(error.code, error.message) : reject('internal-error', 'the peer failed to answer')
    }
  }
}

const noBytes = new Uint8Array()
