/**
 * The network over libp2p. It runs on a libp2p instance of its own, or inside one that another builds from
 * `libp2pOptions()` (Helia does); protocols are registered before that instance listens, so that a peer which connects
 * at once is answered at once.
 */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { describeError, isWritError, WritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { signerFromSeed } from '../../record/keys.ts'
import { accountOf, isGarbage } from './conduct.ts'
import { ask, readAnswer, serve, type Service } from './libp2p-exchange.ts'
import { Deadline } from './libp2p-deadline.ts'
import { Doorstep } from './libp2p-doorstep.ts'
import { Libp2pGossip } from './libp2p-gossip.ts'
import { FrameStream } from './libp2p-frames.ts'
import { HelloExchange, type HelloDeps } from './libp2p-hello.ts'
import { keyIdOfPeer, peerIdOf } from './libp2p-identity.ts'
import { createLibp2pOptions, type HostComponents, type Libp2pNodeOptions, type WritServices } from './libp2p-node.ts'
import { Libp2pPeers, withoutPeer } from './libp2p-peers.ts'
import { Warden } from './libp2p-warden.ts'
import type { Connection, Libp2p, MessageStream, Stream } from '@libp2p/interface'
import type { GossipSub } from '@libp2p/gossipsub'
import type { KeyId } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { Admission, ConnectedPeer, GossipJudge, Handler, Network, PeerEvent } from './network.ts'

const { closeTimeoutMs, dialTimeoutMs, messageBytesMax, requestTimeoutMs, streamsPerConnectionMax } = limits.network

export class Libp2pNetwork implements Network {
  readonly self: KeyId
  readonly #options: Libp2pNodeOptions
  readonly #log: Log
  readonly #warden: Warden
  readonly #doorstep = new Doorstep()
  readonly #hello: HelloExchange
  readonly #gossip: Libp2pGossip
  readonly #peers = new Libp2pPeers()
  readonly #services = new Map<string, Service>()
  readonly #serving = new Set<FrameStream>()
  #host: HostComponents | undefined
  #pubsub: GossipSub | undefined
  #own: Libp2p<WritServices> | undefined

  constructor(deps: { readonly hello: HelloDeps; readonly log: Log }, options: Libp2pNodeOptions) {
    this.self = signerFromSeed(options.seed).key
    this.#options = options
    this.#log = deps.log
    this.#warden = new Warden({
      clock: deps.hello.clock,
      log: deps.log,
      hangUp: (account) => {
        for (const connection of this.#peers.connectionsOf(account)) connection.abort(new Error('cut off'))
      }
    })
    this.#hello = new HelloExchange(deps.hello, this.#warden)
    this.#gossip = new Libp2pGossip(deps.log, {
      begin: (from) => this.#withAdmission(from, (admission) => this.#warden.beginJudging(admission)) ?? false,
      end: (from, verdict) =>
        this.#withAdmission(from, (admission) => {
          this.#warden.endJudging(admission)
          if (verdict === 'reject') this.#warden.blame(admission, { code: 'malformed', detail: 'in gossip' })
        })
    })
  }

  /** For whoever builds the libp2p instance: once that is started, this network is. */
  libp2pOptions(): Libp2pOptions<WritServices> {
    const parts = {
      encrypter: this.#hello.encrypter(),
      gater: this.#doorstep.gater,
      mayOpen: (secured: MessageStream) => {
        const admission = this.#hello.admissionOver(secured)
        return admission !== undefined && this.#warden.openStream(admission)
      },
      onGossip: (service: GossipSub) => {
        this.#pubsub = service
      },
      writ: (components: HostComponents) => ({
        start: () => this.#attach(components),
        afterStart: () => {
          if (this.#pubsub !== undefined) this.#gossip.attach(this.#pubsub)
        },
        beforeStop: () => this.#detach(),
        stop: () => undefined
      })
    }
    return createLibp2pOptions(parts, this.#options)
  }

  /** Errors: `cannot-listen`. */
  async start(): Promise<void> {
    if (this.#host !== undefined) return
    try {
      this.#own = await createLibp2p(this.libp2pOptions())
    } catch (error) {
      throw new WritError('cannot-listen', `cannot listen on ${this.#options.listen.join(', ')}: ${describeError(error)}`, { details: { addresses: this.#options.listen }, cause: error })
    }
  }

  /** Hangs up on everyone; a libp2p instance that another built is left for that one to stop. */
  async stop(): Promise<void> {
    const own = this.#own
    this.#own = undefined
    if (own === undefined) await this.#detach()
    else await own.stop()
  }

  addresses(): string[] {
    return (this.#host?.addressManager.getAddresses() ?? []).map((address) => withoutPeer(address.toString()))
  }

  async connect(peer: KeyId, addresses: readonly string[], options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.#peers.find(peer) !== undefined) return
    const targets = addresses.map((address) => targetOf(address, peer))
    const host = this.#host
    if (host === undefined || targets.length === 0) throw unreachable(peer, addresses, host === undefined ? 'this node is not started' : 'no address of it is known')
    this.#hello.takeRefusal(peer)
    const deadline = new Deadline(dialTimeoutMs * targets.length, options.signal)
    try {
      await host.connectionManager.openConnection(targets, { signal: deadline.signal })
    } catch (error) {
      const refusal = this.#hello.takeRefusal(peer)
      if (refusal !== undefined) throw new WritError(refusal.code, refusal.message, { details: { ...refusal.details, addresses }, cause: error })
      if (options.signal?.aborted === true) throw new WritError('connect-cancelled', 'the connection was not waited for', { details: { peer }, cause: error })
      throw unreachable(peer, addresses, deadline.isOver ? `no answer within ${(dialTimeoutMs * targets.length) / 1000} s` : reasonOf(error), error)
    } finally {
      deadline.clear()
    }
  }

  async disconnect(peer: KeyId): Promise<void> {
    await Promise.all(this.#peers.connections(peer).map((connection) => this.#hangUp(connection)))
  }

  peers(): readonly ConnectedPeer[] {
    return this.#peers.list()
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    return this.#peers.onPeer(listener)
  }

  async request(peer: KeyId, protocol: string, message: Uint8Array, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Uint8Array> {
    const connection = this.#connectionTo(peer)
    const timeoutMs = options.timeoutMs ?? requestTimeoutMs
    const deadline = new Deadline(timeoutMs, options.signal)
    try {
      return await this.#askOnce(connection, peer, protocol, message, deadline.signal)
    } catch (error) {
      if (isWritError(error)) throw error
      if (!deadline.isOver) throw cancelled(peer, protocol, error)
      throw new WritError('request-timeout', `${peer} did not answer on ${protocol} within ${timeoutMs / 1000} s`, { details: { peer, protocol, timeoutMs }, cause: error })
    } finally {
      deadline.clear()
    }
  }

  async *follow(peer: KeyId, protocol: string, message: Uint8Array, options: { signal?: AbortSignal } = {}): AsyncIterable<Uint8Array> {
    const signal = options.signal ?? new AbortController().signal
    let isDone = false
    const frames = await ask(this.#connectionTo(peer), protocol, message, signal).catch((error: unknown) => {
      throw isWritError(error) ? error : cancelled(peer, protocol, error)
    })
    try {
      for (;;) {
        const answer = await readAnswer(frames, peer, protocol, signal)
        if (answer === undefined) break
        yield answer
      }
      isDone = true
    } catch (error) {
      this.#blameAnswer(peer, error)
      throw isWritError(error) ? error : cancelled(peer, protocol, error)
    } finally {
      if (isDone) void frames.close()
      else frames.abort(new Error('no more answers are wanted'))
    }
  }

  handle(protocol: string, who: (admission: Admission) => boolean, handler: Handler): void {
    if (this.#services.has(protocol)) throw new Error(`${protocol} is handled already`)
    const service = { protocol, who, handler }
    this.#services.set(protocol, service)
    if (this.#host !== undefined) void this.#register(this.#host, service)
  }

  subscribe(topic: string, judge: GossipJudge, deliver: (message: Uint8Array, from: KeyId) => void): void {
    this.#gossip.subscribe(topic, { judge, deliver })
  }

  publish(topic: string, message: Uint8Array): Promise<number> {
    return this.#gossip.publish(topic, message)
  }

  blame(peer: KeyId, code: string, detail = ''): void {
    this.#withAdmission(peer, (admission) => this.#warden.blame(admission, { code, detail }))
  }

  async #attach(host: HostComponents): Promise<void> {
    this.#host = host
    host.events.addEventListener('connection:open', this.#onOpen)
    host.events.addEventListener('connection:close', this.#onClose)
    await Promise.all([...this.#services.values()].map((service) => this.#register(host, service)))
  }

  async #detach(): Promise<void> {
    const host = this.#host
    if (host === undefined) return
    this.#host = undefined
    this.#pubsub = undefined
    this.#gossip.detach()
    for (const frames of this.#serving) frames.abort(new Error('this node is stopping'))
    for (const protocol of this.#services.keys()) await host.registrar.unhandle(protocol)
    host.events.removeEventListener('connection:open', this.#onOpen)
    await Promise.all(this.#peers.connections().map((connection) => this.#hangUp(connection)))
    host.events.removeEventListener('connection:close', this.#onClose)
  }

  #register(host: HostComponents, service: Service): Promise<void> {
    const answer = (stream: Stream, connection: Connection): void => {
      const admission = this.#hello.admissionOf(connection)
      if (admission === undefined || !this.#warden.beginQuestion(admission)) stream.abort(new Error(admission === undefined ? 'the peer was not admitted' : 'too many questions'))
      else void this.#serve(service, new FrameStream(stream, messageBytesMax, { meter: this.#warden.meter(admission) }), admission)
    }
    return host.registrar.handle(service.protocol, answer, { maxInboundStreams: streamsPerConnectionMax, maxOutboundStreams: streamsPerConnectionMax, runOnLimitedConnection: true })
  }

  async #serve(service: Service, frames: FrameStream, admission: Admission): Promise<void> {
    this.#serving.add(frames)
    const turn = (sizeBytes: number, signal: AbortSignal): Promise<void> => this.#warden.turn(admission, service.protocol, sizeBytes, signal)
    const refusal = await serve({ service, frames, admission, log: this.#log, turn, patienceMs: requestTimeoutMs })
    this.#serving.delete(frames)
    this.#warden.endQuestion(admission)
    if (refusal !== undefined) this.#warden.blame(admission, refusal)
  }

  readonly #onOpen = ({ detail: connection }: CustomEvent<Connection>): void => {
    this.#doorstep.leave(connection)
    const admission = this.#hello.admissionOf(connection)
    if (admission === undefined) {
      connection.abort(new Error('the peer was not admitted'))
      return
    }
    if (admission.kind === 'guest') connection.limits = {}
    this.#peers.add(connection, admission)
    if (connection.direction === 'inbound' && !this.#warden.connect(admission)) {
      connection.abort(new Error('the peer connects too often'))
      return
    }
    const { id, rank } = accountOf(admission)
    const all = this.#peers.connectionsOf(id)
    if (all.length > limits.conduct.ranks[rank].connectionsMax) all.at(-1)?.abort(new Error('the peer has newer connections'))
  }

  readonly #onClose = ({ detail: connection }: CustomEvent<Connection>): void => {
    const peer = keyIdOfPeer(connection.remotePeer)
    const admission = this.#hello.admissionOf(connection)
    if (peer !== undefined) this.#peers.remove(connection, peer)
    if (admission !== undefined && connection.direction === 'inbound') this.#warden.disconnect(admission)
  }

  #withAdmission<T>(peer: KeyId, act: (admission: Admission) => T): T | undefined {
    const admission = this.#peers.admissionOf(peer)
    return admission === undefined ? undefined : act(admission)
  }

  async #askOnce(connection: Connection, peer: KeyId, protocol: string, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const frames = await ask(connection, protocol, message, signal)
    try {
      const answer = await readAnswer(frames, peer, protocol, signal)
      if (answer === undefined) throw new WritError('malformed', `the peer had no answer on ${protocol}`, { details: { peer, protocol } })
      void frames.close()
      return answer
    } catch (error) {
      frames.abort(error)
      this.#blameAnswer(peer, error)
      throw error
    }
  }

  /** A refusal is no misdeed of whoever refuses; an answer that cannot be read is one. */
  #blameAnswer(peer: KeyId, error: unknown): void {
    if (isWritError(error) && error.details['by'] === undefined && isGarbage(error.code)) this.blame(peer, error.code, 'in an answer')
  }

  #connectionTo(peer: KeyId): Connection {
    const connection = this.#peers.find(peer)
    if (connection === undefined) throw new WritError('not-connected', `there is no connection to ${peer}`, { details: { peer } })
    return connection
  }

  async #hangUp(connection: Connection): Promise<void> {
    try {
      await connection.close({ signal: AbortSignal.timeout(closeTimeoutMs) })
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }
}

const targetOf = (address: string, peer: KeyId): Multiaddr => {
  try {
    return multiaddr(`${withoutPeer(address)}/p2p/${peerIdOf(peer).toString()}`)
  } catch (error) {
    throw new WritError('bad-address', `${address} is no multiaddr; expected something like /ip4/192.0.2.1/tcp/4001`, { details: { address }, cause: error })
  }
}

const cancelled = (peer: KeyId, protocol: string, cause: unknown): WritError =>
  new WritError('request-cancelled', `the answer of ${peer} on ${protocol} is no longer wanted`, { details: { peer, protocol }, cause })

const unreachable = (peer: KeyId, addresses: readonly string[], reason: string, cause?: unknown): WritError =>
  new WritError('unreachable', `cannot reach ${peer} at ${addresses.join(', ') || 'any address'}: ${reason}; check that it runs and that the addresses are right`, { details: { peer, addresses, reason }, cause })

const reasonOf = (error: unknown): string => (error instanceof AggregateError ? [...new Set(error.errors.map(describeError))].join('; ') : describeError(error))
