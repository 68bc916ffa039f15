/** A network, contents and outputs in memory, for one role at a time: what a test does not set is refused. */
import { sha256 } from '../../src/base/codec.ts'
import { WritError } from '../../src/base/errors.ts'
import { accept, reject, type Result } from '../../src/base/result.ts'
import { rawCidOf } from '../../src/record/payload-location.ts'
import { limits } from '../../src/base/limits.ts'
import type { Admission, ConnectedPeer, GossipJudge, GossipVerdict, Handler, Network, PeerEvent } from '../../src/node/network/network.ts'
import type { Content } from '../../src/content/content.ts'
import type { KeyId } from '../../src/base/brand.ts'
import type { Log, LogFields } from '../../src/base/log.ts'
import type { OutputPart, OutputStore } from '../../src/node/agent/output-shelf.ts'
import type { PayloadRef } from '../../src/record/indication.ts'
import type { TestMesh, TestNode } from '../fixtures/mesh.ts'

export const admitNode = (node: TestNode, isEndpoint = node.credential.body.role === 'endpoint'): Admission => ({
  peer: node.peer.key, kind: 'node', role: node.credential.body.role, isEndpoint, membership: node.membership, admin: null, invite: null
})

export const admitAdmin = (mesh: TestMesh, admin: KeyId = mesh.admin.key): Admission => ({
  peer: mesh.key('command').key, kind: 'admin', role: null, isEndpoint: false, membership: null, admin, invite: null
})

export const admitGuest = (peer: KeyId): Admission => ({ peer, kind: 'guest', role: null, isEndpoint: false, membership: null, admin: null, invite: null })

export interface Asked {
  readonly peer: KeyId
  readonly protocol: string
  readonly message: Uint8Array
}

interface Topic {
  readonly judge: GossipJudge
  readonly deliver: (message: Uint8Array, from: KeyId) => void
}

export class FakeNetwork implements Network {
  readonly self: KeyId
  readonly asked: Asked[] = []
  readonly dialled: KeyId[] = []
  readonly published: { readonly topic: string; readonly message: Uint8Array }[] = []
  readonly blamed: { readonly peer: KeyId; readonly code: string }[] = []
  readonly services = new Map<string, { readonly who: (admission: Admission) => boolean; readonly handler: Handler }>()
  listen: string[] = []
  /** How peers answer; throws by default. */
  answer: (asked: Asked) => Promise<Uint8Array | readonly Uint8Array[]> = async ({ protocol }) => {
    throw new WritError('protocol-unsupported', `nobody answers ${protocol}`)
  }
  onConnect: (peer: KeyId) => Promise<void> = async () => undefined
  readonly #peers = new Map<KeyId, ConnectedPeer>()
  readonly #listeners = new Set<(event: PeerEvent) => void>()
  readonly #topics = new Map<string, Topic>()

  constructor(self: KeyId) {
    this.self = self
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  addresses(): string[] {
    return this.listen
  }

  async connect(peer: KeyId): Promise<void> {
    this.dialled.push(peer)
    await this.onConnect(peer)
  }

  async disconnect(peer: KeyId): Promise<void> {
    this.part(peer)
  }

  peers(): readonly ConnectedPeer[] {
    return [...this.#peers.values()]
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async request(peer: KeyId, protocol: string, message: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#ask({ peer, protocol, message })
    if (answer instanceof Uint8Array) return answer
    throw new Error('several answers to a request')
  }

  async *follow(peer: KeyId, protocol: string, message: Uint8Array): AsyncIterable<Uint8Array> {
    const answers = await this.#ask({ peer, protocol, message })
    yield* answers instanceof Uint8Array ? [answers] : answers
  }

  handle(protocol: string, who: (admission: Admission) => boolean, handler: Handler): void {
    this.services.set(protocol, { who, handler })
  }

  subscribe(topic: string, judge: GossipJudge, deliver: (message: Uint8Array, from: KeyId) => void): void {
    this.#topics.set(topic, { judge, deliver })
  }

  async publish(topic: string, message: Uint8Array): Promise<number> {
    this.published.push({ topic, message })
    return this.#peers.size
  }

  blame(peer: KeyId, code: string): void {
    this.blamed.push({ peer, code })
  }

  meet(admission: Admission): void {
    this.#peers.set(admission.peer, { admission, address: '/ip4/192.0.2.1/tcp/4400', direction: 'outbound' })
    for (const listener of this.#listeners) listener({ kind: 'connected', admission })
  }

  part(peer: KeyId): void {
    const found = this.#peers.get(peer)
    if (found === undefined || !this.#peers.delete(peer)) return
    for (const listener of this.#listeners) listener({ kind: 'disconnected', admission: found.admission })
  }

  /** What gossip makes of a message that comes in, and hands it on when it is accepted. */
  async gossip(topic: string, message: Uint8Array, from: KeyId): Promise<GossipVerdict> {
    const heard = this.#topics.get(topic)
    if (heard === undefined) throw new Error(`nobody hears ${topic}`)
    const verdict = await heard.judge(message, from)
    if (verdict === 'accept') heard.deliver(message, from)
    return verdict
  }

  async #ask(asked: Asked): Promise<Uint8Array | readonly Uint8Array[]> {
    this.asked.push(asked)
    return this.answer(asked)
  }
}

/** Payloads by their CID; `elsewhere` is what peers would give. */
export class MemoryContent implements Content {
  readonly held = new Map<string, Uint8Array>()
  readonly elsewhere = new Map<string, Uint8Array>()
  readonly retrieved: { readonly cid: string; readonly providers: readonly KeyId[] }[] = []
  kept: readonly PayloadRef[] = []
  retentions = 0
  /** Told before each read: what it does to what is held is found by that read. */
  beforeRead: (ref: PayloadRef) => void = () => undefined

  async add(source: AsyncIterable<Uint8Array> | Uint8Array): Promise<PayloadRef> {
    const parts: Uint8Array[] = []
    if (source instanceof Uint8Array) parts.push(source)
    else for await (const part of source) parts.push(part)
    const bytes = new Uint8Array(Buffer.concat(parts))
    const digest = sha256(bytes)
    const cid = rawCidOf(digest).toString()
    this.held.set(cid, bytes)
    return { cid, sizeBytes: bytes.length, sha256: Buffer.from(digest).toString('hex') }
  }

  async addInline(ref: PayloadRef, bytes: Uint8Array): Promise<Result<null>> {
    if (Buffer.from(sha256(bytes)).toString('hex') !== ref.sha256) return reject('bad-inline-payload', 'other bytes')
    this.held.set(ref.cid, bytes)
    return accept(null)
  }

  async has(ref: PayloadRef): Promise<boolean> {
    return this.held.has(ref.cid)
  }

  async retrieve(ref: PayloadRef, providers: () => readonly KeyId[]): Promise<Result<null>> {
    this.retrieved.push({ cid: ref.cid, providers: providers() })
    const bytes = this.held.get(ref.cid) ?? this.elsewhere.get(ref.cid)
    if (bytes === undefined) return reject('payload-unavailable', 'nobody has it')
    this.held.set(ref.cid, bytes)
    return accept(null)
  }

  async *read(ref: PayloadRef): AsyncIterable<Uint8Array> {
    this.beforeRead(ref)
    const bytes = this.held.get(ref.cid)
    if (bytes === undefined) throw new WritError('payload-incomplete', 'not here')
    yield bytes
  }

  async readInline(ref: PayloadRef): Promise<Uint8Array | null> {
    return ref.sizeBytes > limits.payload.inlineBytesMax ? null : (this.held.get(ref.cid) ?? null)
  }

  async retain(needed: readonly PayloadRef[]): Promise<{ removedBlocks: number }> {
    this.kept = needed
    this.retentions += 1
    return { removedBlocks: 0 }
  }
}

/** Whole outputs, put together from parts in their order. */
export class MemoryOutputs implements OutputStore {
  prunes = 0

  async prune(): Promise<void> {
    this.prunes += 1
  }

  readonly whole = new Map<string, Uint8Array>()
  readonly #parts = new Map<string, Uint8Array>()
  failure: Error | undefined

  async append({ cid, offset, sizeBytes, bytes }: OutputPart): Promise<Result<{ complete: boolean }>> {
    if (this.failure !== undefined) throw this.failure
    if (this.whole.has(cid)) return accept({ complete: true })
    const held = offset === 0 ? new Uint8Array() : (this.#parts.get(cid) ?? new Uint8Array())
    if (held.length !== offset) return reject('bad-output-part', `begins at ${offset} where ${held.length} bytes are held`)
    const joined = new Uint8Array(Buffer.concat([held, bytes]))
    this.#parts.set(cid, joined)
    if (joined.length < sizeBytes) return accept({ complete: false })
    this.whole.set(cid, joined)
    return accept({ complete: true })
  }

  async has(cid: string): Promise<boolean> {
    return this.whole.has(cid)
  }

  async read(cid: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const bytes = this.whole.get(cid)
    return bytes === undefined ? undefined : (async function* () { yield bytes })()
  }
}

export const cidOf = (bytes: Uint8Array): string => rawCidOf(sha256(bytes)).toString()

export class RecordingLog implements Log {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = []

  debug(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', message, fields })
  }

  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields })
  }

  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields })
  }

  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields })
  }

  child(): Log {
    return this
  }

  problems(): string[] {
    return this.lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ message }) => message)
  }
}
