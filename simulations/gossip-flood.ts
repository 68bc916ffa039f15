/**
 * Gossip as flooding: whoever hears something for the first time, and finds it good, tells all that listen. Who listens to
 * what is noted when links come and go, so that a message costs as much as it has listeners, however many peers there are.
 */
import { toBase32 } from '../src/base/bytes.ts'
import { sha256 } from '../src/base/codec.ts'
import { isWritError } from '../src/base/errors.ts'
import { otherEnd, type Fabric, type Host, type Link } from './fabric.ts'
import type { GossipJudge } from '../src/node/network/network.ts'
import type { KeyId } from '../src/base/brand.ts'

interface Subscription {
  readonly judge: GossipJudge
  readonly deliver: (message: Uint8Array, from: KeyId) => void
}

interface Message {
  readonly topic: string
  readonly id: string
  readonly bytes: Uint8Array
}

export interface GossipHost extends Host {
  readonly gossip: GossipFlood
}

export class GossipFlood {
  readonly #fabric: Pick<Fabric<GossipHost>, 'spread' | 'onFault'>
  readonly #host: GossipHost
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #links = new Map<KeyId, Link<GossipHost>>()
  /** By topic: the links to those that have subscribed to it. */
  readonly #listeners = new Map<string, Map<KeyId, Link<GossipHost>>>()
  readonly #seen = new Set<string>()

  constructor(fabric: Pick<Fabric<GossipHost>, 'spread' | 'onFault'>, host: GossipHost) {
    this.#fabric = fabric
    this.#host = host
  }

  /** One link to each peer: a new one takes the place of the one before. */
  link(peer: KeyId, link: Link<GossipHost>): void {
    this.#links.set(peer, link)
    for (const topic of otherEnd(link, this.#host).gossip.#subscriptions.keys()) this.#note(topic, peer, link)
  }

  unlink(peer: KeyId): void {
    this.#links.delete(peer)
    for (const listeners of this.#listeners.values()) listeners.delete(peer)
  }

  subscribe(topic: string, subscription: Subscription): void {
    if (this.#subscriptions.has(topic)) throw new Error(`subscribed to ${topic} already`)
    this.#subscriptions.set(topic, subscription)
    for (const link of this.#links.values()) otherEnd(link, this.#host).gossip.#note(topic, this.#host.self, link)
  }

  /** How many were told. */
  publish(topic: string, bytes: Uint8Array): number {
    const message: Message = { topic, id: toBase32(sha256(bytes)), bytes }
    this.#seen.add(message.id)
    return this.#tell(message, undefined)
  }

  #note(topic: string, peer: KeyId, link: Link<GossipHost>): void {
    const listeners = this.#listeners.get(topic)
    if (listeners === undefined) this.#listeners.set(topic, new Map([[peer, link]]))
    else listeners.set(peer, link)
  }

  #tell(message: Message, except: KeyId | undefined): number {
    let told = 0
    for (const [peer, link] of this.#listeners.get(message.topic) ?? []) {
      if (peer === except) continue
      const other = otherEnd(link, this.#host)
      told += 1
      this.#fabric.spread(link, this.#host, { kind: 'gossip', bytes: message.bytes }, () => void other.gossip.#hear(message, this.#host.self))
    }
    return told
  }

  async #hear(message: Message, from: KeyId): Promise<void> {
    const subscription = this.#subscriptions.get(message.topic)
    if (subscription === undefined || this.#seen.has(message.id)) return
    this.#seen.add(message.id)
    const verdict = await subscription.judge(message.bytes, from).catch((error: unknown) => {
      if (!isWritError(error)) this.#fabric.onFault(`${this.#host.name} could not judge gossip: ${String(error)}`)
      return 'ignore' as const
    })
    if (verdict !== 'accept') return
    subscription.deliver(message.bytes, from)
    this.#tell(message, from)
  }
}
