/**
 * The hello as a part of the connection's encryption: right after the Noise handshake and before the muxer, so that no
 * protocol, libp2p's own included, ever sees a peer that was not admitted. What the hello says is hello.ts; this file
 * moves its frames, within their bounds in bytes and time.
 *
 * The protocol id differs from Noise's own: a plain libp2p peer ends at the first negotiation.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { serviceCapabilities, type Connection, type ConnectionEncrypter, type MessageStream, type SecureConnectionOptions, type SecuredConnection } from '@libp2p/interface'
import { byteStream, type ByteStream } from '@libp2p/utils'
import { describeError, WritError } from '../../base/errors.ts'
import { encodeFrame } from '../../base/framing.ts'
import { limits } from '../../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../../base/result.ts'
import { accountOf } from './conduct.ts'
import { awaitsCharters, composeHello, decodeHello, decodeHelloAnswer, encodeHello, encodeHelloAnswer, judgeHello, planCharters, type Door, type Hello, type HelloAnswer, type Identity, type Verdict } from './hello.ts'
import { Deadline } from './libp2p-deadline.ts'
import { keyIdOfPeer } from './libp2p-identity.ts'
import type { SteadyClock } from '../../base/clock.ts'
import type { KeyId, MeshId } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { CharterChain } from '../../trust/charter-chain.ts'
import type { Admission } from './network.ts'
import type { Warden } from './libp2p-warden.ts'

export const helloProtocol = '/writ/hello/1'

export interface HelloDeps {
  readonly mesh: MeshId
  readonly clock: SteadyClock
  readonly log: Log
  /** What this node shows of itself; read for each connection, since credentials are renewed. */
  readonly identity: () => Identity
  readonly door: () => Door
  /** Null only for a guest that has met no member yet. */
  readonly chain: () => CharterChain | null
  /** Takes charters that a peer brought, before that peer is judged; `chain` shows them afterwards. */
  readonly learnCharters: (charters: readonly Uint8Array[]) => Result<unknown>
  /** The last word on someone whose papers are in order, such as one who was revoked. */
  readonly mayEnter: (admission: Admission) => Result<unknown>
}

type NoiseComponents = Parameters<ReturnType<typeof noise>>[0]

export class HelloExchange {
  readonly #deps: HelloDeps
  readonly #warden: Warden
  /** Keyed by the connection's timeline, which libp2p hands on from the raw connection to the upgraded one, and by the secured stream. */
  readonly #admissions = new WeakMap<object, Admission>()
  /** Why the last dial to a peer was refused: libp2p passes on nothing but an error's message. */
  readonly #refusals = new Map<KeyId, WritError>()

  constructor(deps: HelloDeps, warden: Warden) {
    this.#deps = deps
    this.#warden = warden
  }

  encrypter(): (components: NoiseComponents) => ConnectionEncrypter {
    const createNoise = noise()
    return (components) => {
      const inner = createNoise(components)
      return {
        protocol: helloProtocol,
        [serviceCapabilities]: ['@libp2p/connection-encryption'],
        secureInbound: async (connection, options) => this.#greet(connection, await inner.secureInbound(joinWrites(connection), options), options),
        secureOutbound: async (connection, options) => this.#greet(connection, await inner.secureOutbound(joinWrites(connection), options), options)
      } as ConnectionEncrypter
    }
  }

  admissionOf(connection: Connection): Admission | undefined {
    return this.#admissions.get(connection.timeline)
  }

  /** As `admissionOf`, for what the encrypter returned: before libp2p makes a connection of it. */
  admissionOver(secured: MessageStream): Admission | undefined {
    return this.#admissions.get(secured)
  }

  /** The refusal that ended the last dial to `peer`, if one did; asked for once. */
  takeRefusal(peer: KeyId): WritError | undefined {
    const refusal = this.#refusals.get(peer)
    this.#refusals.delete(peer)
    return refusal
  }

  async #greet(raw: MessageStream, secured: SecuredConnection, options: SecureConnectionOptions | undefined): Promise<SecuredConnection> {
    const stream = byteStream(secured.connection, { maxBufferSize: 4 * limits.network.helloBytesMax })
    const peer = keyIdOfPeer(secured.remotePeer)
    if (peer === undefined) throw new WritError('bad-key', 'the peer has no Ed25519 key')
    const outcome = await this.#exchangeInTime(stream, peer, options?.signal)
    if (outcome.by !== undefined) {
      const refusal = new WritError(outcome.code, outcome.detail, { details: { by: outcome.by, peer } })
      this.#warden.logRefusal({ peer, by: outcome.by, code: outcome.code, detail: outcome.detail, direction: raw.direction })
      if (raw.direction === 'outbound') this.#refusals.set(peer, refusal)
      await this.#linger(secured.connection)
      throw refusal
    }
    const connection = stream.unwrap()
    this.#admissions.set(raw.timeline, outcome.admission)
    this.#admissions.set(connection, outcome.admission)
    return { ...secured, connection }
  }

  async #exchangeInTime(stream: ByteStream<MessageStream>, peer: KeyId, outer: AbortSignal | undefined): Promise<Outcome> {
    const deadline = new Deadline(limits.network.helloTimeoutMs, outer)
    try {
      return await this.#exchange(stream, peer, deadline.signal)
    } finally {
      deadline.clear()
    }
  }

  async #exchange(stream: ByteStream<MessageStream>, peer: KeyId, signal: AbortSignal): Promise<Outcome> {
    const { mesh } = this.#deps
    const own = composeHello(mesh, this.#deps.chain(), this.#deps.identity())
    await writeFrame(stream, encodeHello(own), signal)
    const hello = await readFrame(stream, decodeHello, signal)
    if (!hello.ok) return this.#turnAway(stream, hello, signal)
    const awaiting = awaitsCharters(own, hello.value)
    let judged = awaiting ? undefined : this.#judge(hello.value, peer)
    await this.#answer(stream, planCharters(this.#deps.chain(), mesh, hello.value), judged, signal)
    const first = await readFrame(stream, decodeHelloAnswer, signal)
    if (!first.ok) return this.#turnAway(stream, first, signal)
    if (judged === undefined) {
      const learned = first.value.charters.length === 0 ? accept(null) : this.#deps.learnCharters(first.value.charters)
      judged = learned.ok ? this.#judge(hello.value, peer) : learned
      await this.#answer(stream, [], judged, signal)
    }
    const verdict = await this.#finalVerdict(stream, first.value, signal)
    if (!verdict.ok) return { by: 'self', ...verdict }
    if (verdict.value.kind === 'refused') return { by: 'peer', code: verdict.value.code, detail: verdict.value.detail }
    return judged.ok ? { by: undefined, admission: judged.value } : { by: 'self', code: judged.code, detail: judged.detail }
  }

  async #finalVerdict(stream: ByteStream<MessageStream>, first: HelloAnswer, signal: AbortSignal): Promise<Result<Verdict>> {
    if (first.verdict.kind !== 'pending') return accept(first.verdict)
    const second = await readFrame(stream, decodeHelloAnswer, signal)
    if (!second.ok) return second
    return second.value.verdict.kind === 'pending' ? reject('malformed', 'the peer does not come to a verdict') : accept(second.value.verdict)
  }

  /** Whoever is cut off costs no signature. */
  #judge(hello: Hello, peer: KeyId): Result<Admission> {
    const known = this.#warden.admit(peer)
    if (!known.ok) return known
    const judged = judgeHello(this.#deps.chain(), this.#deps.mesh, hello, peer, this.#deps.door(), this.#deps.clock.now())
    if (!judged.ok) return judged
    const conduct = this.#warden.admit(accountOf(judged.value).id)
    if (!conduct.ok) return conduct
    const entry = this.#deps.mayEnter(judged.value)
    return entry.ok ? judged : entry
  }

  async #answer(stream: ByteStream<MessageStream>, charters: Uint8Array[], judged: Result<Admission> | undefined, signal: AbortSignal): Promise<void> {
    await writeFrame(stream, encodeHelloAnswer({ charters, verdict: verdictOf(judged) }), signal)
  }

  async #turnAway(stream: ByteStream<MessageStream>, problem: Rejected, signal: AbortSignal): Promise<Outcome> {
    await this.#answer(stream, [], problem, signal)
    return { by: 'self', code: problem.code, detail: problem.detail }
  }

  /** An orderly end, so that the other side reads the refusal before the connection is gone. */
  async #linger(stream: MessageStream & { close?: (options: { signal: AbortSignal }) => Promise<void> }): Promise<void> {
    try {
      await stream.close?.({ signal: AbortSignal.timeout(limits.network.refusalLingerMs) })
    } catch (error) {
      this.#deps.log.debug('a refused peer did not hang up', { reason: describeError(error) })
    }
  }
}

/** Noise hands over each message in pieces, and TCP would send every piece by a system call, and a packet, of its own. */
const joinWrites = (connection: MessageStream): MessageStream => {
  const send = connection.send.bind(connection)
  return Object.assign(connection, { send: (data: Parameters<MessageStream['send']>[0]) => send(data.subarray()) })
}

type Outcome = { readonly by: undefined; readonly admission: Admission } | { readonly by: 'self' | 'peer'; readonly code: string; readonly detail: string }

const verdictOf = (judged: Result<Admission> | undefined): Verdict => {
  if (judged === undefined) return { kind: 'pending' }
  return judged.ok ? { kind: 'admitted' } : { kind: 'refused', code: judged.code, detail: judged.detail.slice(0, 1024) }
}

const writeFrame = (stream: ByteStream<MessageStream>, payload: Uint8Array, signal: AbortSignal): Promise<void> => stream.write(encodeFrame(payload), { signal })

/** Only what was announced is taken from the stream: what follows the hello belongs to the muxer. */
const readFrame = async <T>(stream: ByteStream<MessageStream>, decode: (bytes: Uint8Array) => Result<T>, signal: AbortSignal): Promise<Result<T>> => {
  const header = (await stream.read({ bytes: 4, signal })).subarray()
  const sizeBytes = new DataView(header.buffer, header.byteOffset, header.length).getUint32(0)
  if (sizeBytes > limits.network.helloBytesMax) return reject('oversized', `a hello of ${sizeBytes} bytes, at most ${limits.network.helloBytesMax} are allowed`)
  return decode((await stream.read({ bytes: sizeBytes, signal })).subarray())
}
