/**
 * The network as the roles of a node see it: peers that were admitted, questions with one or many answers, and gossip.
 * Production speaks libp2p, simulations pass messages in memory; both promise what is written here.
 */
import type { KeyId, Millis } from '../../base/brand.ts'
import type { Rejected } from '../../base/result.ts'
import type { InviteBody, Role } from '../../record/invite.ts'
import type { Verified } from '../../record/record.ts'
import type { Membership } from '../../trust/admission.ts'

/** Who is at the other end of a connection, as judged when it was made. */
export interface Admission {
  readonly peer: KeyId
  /** A guest holds an open invite and no credential yet: it may enrol, and nothing else. */
  readonly kind: 'node' | 'admin' | 'guest'
  /** Of a node, by its credential; null for admins and guests. */
  readonly role: Role | null
  /** Enrolled as an endpoint, and listed by the charter in force. */
  readonly isEndpoint: boolean
  readonly membership: Membership | null
  /** The admin key behind a session; null for nodes and guests. */
  readonly admin: KeyId | null
  readonly invite: Verified<InviteBody> | null
}

export interface ConnectedPeer {
  readonly admission: Admission
  /** The multiaddr that the connection runs over. */
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
}

export interface PeerEvent {
  readonly kind: 'connected' | 'disconnected'
  readonly admission: Admission
}

/** Bytes, or a refusal with a stable code, which ends the answers. */
export type Answer = Uint8Array | Rejected

/**
 * Answers a question. `signal` aborts when the asker goes away or the network stops. A `WritError` that is thrown
 * travels as a refusal with its code; anything else that is thrown travels as `internal-error` and is logged here.
 */
export type Handler = (admission: Admission, message: Uint8Array, signal: AbortSignal) => Promise<Answer> | AsyncIterable<Answer>

export type GossipVerdict = 'accept' | 'ignore' | 'reject'

/** What becomes of a message before it is delivered or passed on; one that throws counts as `ignore`. */
export type GossipJudge = (message: Uint8Array, from: KeyId) => Promise<GossipVerdict>

export interface Network {
  readonly self: KeyId
  /** Idempotent, as `stop` is. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Where this node listens, without the peer part; empty for one that only dials. */
  addresses(): string[]
  /**
   * Dials until one address answers and both sides admit each other; returns at once when connected already.
   * Errors: `unreachable`, `bad-address`, `connect-cancelled`, and whatever code a side gave for refusing the other:
   * `details.by` says whose refusal it was, `peer` or `self`.
   */
  connect(peer: KeyId, addresses: readonly string[], options?: { signal?: AbortSignal }): Promise<void>
  disconnect(peer: KeyId): Promise<void>
  /** Each peer once, however many connections there are to it. */
  peers(): readonly ConnectedPeer[]
  /** Called with a peer's first connection and after its last; the returned function ends that. */
  onPeer(listener: (event: PeerEvent) => void): () => void
  /**
   * One question, one answer.
   * Errors: `not-connected`, `request-timeout`, `request-cancelled`, `connection-lost`, `protocol-unsupported`,
   * `oversized`, `malformed`, and the code of the peer's refusal, with `details.by` = `peer`.
   */
  request(peer: KeyId, protocol: string, message: Uint8Array, options?: { timeoutMs?: Millis; signal?: AbortSignal }): Promise<Uint8Array>
  /** One question, many answers, for as long as they are read. Errors: as `request`, but for the timeout. */
  follow(peer: KeyId, protocol: string, message: Uint8Array, options?: { signal?: AbortSignal }): AsyncIterable<Uint8Array>
  /** Answers a protocol to those that `who` lets; others are refused with `not-permitted`. Once for each protocol. */
  handle(protocol: string, who: (admission: Admission) => boolean, handler: Handler): void
  /** Hears a topic. Nothing is delivered or passed on that `judge` did not accept. Once for each topic. */
  subscribe(topic: string, judge: GossipJudge, deliver: (message: Uint8Array, from: KeyId) => void): void
  /**
   * Counts a misdeed that no refusal tells of against a peer, by its code; who does what no honest node does is cut off for a
   * while. What a handler refuses, and a judge rejects, is counted already.
   */
  blame(peer: KeyId, code: string, detail?: string): void
  /** Tells those who listen, and answers how many peers that were; never throws because nobody does. */
  publish(topic: string, message: Uint8Array): Promise<number>
}
