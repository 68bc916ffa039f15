/** Gossip as flooding: whoever hears something for the first time, and finds it good, tells all that listen. */
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

export interface Neighbour {
  readonly link: Link<GossipHost>
  readonly peer: KeyId
}

export class GossipFlood {
  readonly #fabric: Pick<Fabric<GossipHost>, 'spread' | 'onFault'>
  readonly #host: GossipHost
  readonly #neighbours: () => readonly Neighbour[]
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #seen = new Set<string>()

  constructor(fabric: Pick<Fabric<GossipHost>, 'spread' | 'onFault'>, host: GossipHost, neighbours: () => readonly Neighbour[]) {
    this.#fabric = fabric
    this.#host = host
    this.#neighbours = neighbours
  }

  subscribe(topic: string, subscription: Subscription): void {
    if (this.#subscriptions.has(topic)) throw new Error(`subscribed to ${topic} already`)
    this.#subscriptions.set(topic, subscription)
  }

  /** How many were told. */
  publish(topic: string, bytes: Uint8Array): number {
    const message: Message = { topic, id: toBase32(sha256(bytes)), bytes }
    this.#seen.add(message.id)
    return this.#tell(message, undefined)
  }

  #tell(message: Message, except: KeyId | undefined): number {
    let told = 0
    for (const { link, peer } of this.#neighbours()) {
      const other = otherEnd(link, this.#host)
      if (peer === except || !other.gossip.#subscriptions.has(message.topic)) continue
      told += 1
      this.#fabric.spread(link, this.#host, 'gossip', message.bytes, () => void other.gossip.#hear(message, this.#host.self))
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
