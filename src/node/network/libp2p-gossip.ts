/**
 * Gossip by gossipsub, with settings for a mesh of admitted members whose messages are signed records: no second
 * signature, the hash as message id, and scores that punish what is invalid but not many servers behind one address.
 */
import { gossipsub, StrictNoSign, TopicValidatorResult, type GossipSub } from '@libp2p/gossipsub'
import { WritError } from '../../base/errors.ts'
import { sha256 } from '../../base/codec.ts'
import { limits } from '../../base/limits.ts'
import { keyIdOfPeer } from './libp2p-identity.ts'
import type { PeerId } from '@libp2p/interface'
import type { KeyId } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { GossipJudge, GossipVerdict } from './network.ts'

interface Subscription {
  readonly judge: GossipJudge
  readonly deliver: (message: Uint8Array, from: KeyId) => void
}

const results: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject
}

/** `topics` are all that are spoken of here; any other is not even remembered. */
export const createGossip = (topics: readonly string[]): ReturnType<typeof gossipsub> =>
  gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => sha256(message.data),
    allowedTopics: [...topics],
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    // A node's own messages go to everyone who listens: they arrive in one hop, without waiting for a heartbeat.
    floodPublish: true,
    batchPublish: true,
    emitSelf: false,
    D: limits.gossip.meshPeers,
    Dlo: limits.gossip.meshPeersMin,
    Dhi: limits.gossip.meshPeersMax,
    Dscore: limits.gossip.meshPeersMin,
    Dout: 1,
    Dlazy: limits.gossip.meshPeers,
    // Nobody is told what need not be sent: with small messages, that word for each neighbour costs as much as it saves.
    idontwantMinDataSize: limits.gossip.messageBytesMax + 1,
    doPX: false,
    maxInboundDataLength: limits.gossip.frameBytesMax,
    scoreParams: {
      IPColocationFactorWeight: 0,
      // A busy machine keeps its promises late; only a peer that keeps on breaking them is punished.
      behaviourPenaltyThreshold: limits.gossip.brokenPromisesMax,
      topics: Object.fromEntries(topics.map((topic) => [topic, topicScore]))
    }
  })

/** A quiet topic is no fault: only invalid messages count. */
const topicScore = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1,
  timeInMeshCap: 1,
  firstMessageDeliveriesWeight: 0,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 1,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.9
}

/** Whose messages are judged, and what is made of those that are rejected. */
export interface GossipTurns {
  /** False where a message is to be ignored unread; else `end` follows with the verdict. */
  begin(from: KeyId): boolean
  end(from: KeyId, verdict: GossipVerdict): void
}

/** Subscriptions that outlive the libp2p instance which serves them. */
export class Libp2pGossip {
  readonly #log: Log
  readonly #turns: GossipTurns
  readonly #subscriptions = new Map<string, Subscription>()
  #service: GossipSub | undefined

  constructor(log: Log, turns: GossipTurns) {
    this.#log = log
    this.#turns = turns
  }

  attach(service: GossipSub): void {
    this.#service = service
    service.addEventListener('gossipsub:message', ({ detail }) => this.#deliver(detail.msg.topic, detail.msg.data, detail.propagationSource))
    for (const topic of this.#subscriptions.keys()) this.#listen(topic)
  }

  detach(): void {
    this.#service = undefined
  }

  subscribe(topic: string, subscription: Subscription): void {
    if (this.#subscriptions.has(topic)) throw new Error(`subscribed to ${topic} already`)
    this.#subscriptions.set(topic, subscription)
    this.#listen(topic)
  }

  /** Errors: `oversized`. */
  async publish(topic: string, message: Uint8Array): Promise<number> {
    if (message.length > limits.gossip.messageBytesMax) throw new WritError('oversized', `a gossip message of ${message.length} bytes, at most ${limits.gossip.messageBytesMax} are allowed`)
    if (this.#service === undefined) return 0
    return (await this.#service.publish(topic, message)).recipients.length
  }

  #listen(topic: string): void {
    const subscription = this.#subscriptions.get(topic)
    if (this.#service === undefined || subscription === undefined) return
    this.#service.topicValidators.set(topic, (peer, message) => this.#judge(subscription, peer, message.data))
    this.#service.subscribe(topic)
  }

  async #judge(subscription: Subscription, peer: PeerId, message: Uint8Array): Promise<TopicValidatorResult> {
    const from = keyIdOfPeer(peer)
    if (from === undefined) return TopicValidatorResult.Reject
    if (!this.#turns.begin(from)) return TopicValidatorResult.Ignore
    const verdict = message.length > limits.gossip.messageBytesMax ? 'reject' : await this.#verdict(subscription, message, from)
    this.#turns.end(from, verdict)
    return results[verdict]
  }

  async #verdict(subscription: Subscription, message: Uint8Array, from: KeyId): Promise<GossipVerdict> {
    try {
      return await subscription.judge(message, from)
    } catch (error) {
      this.#log.error('a gossip message could not be judged', { error })
      return 'ignore'
    }
  }

  #deliver(topic: string, message: Uint8Array, peer: PeerId): void {
    const from = keyIdOfPeer(peer)
    if (from !== undefined) this.#subscriptions.get(topic)?.deliver(message, from)
  }
}
