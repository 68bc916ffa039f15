/** A host's network as one process has it: it hears nothing more, and gets no answer, once the process has ended. */
import type { Admission, ConnectedPeer, GossipJudge, Handler, Network, PeerEvent } from '../src/node/network/network.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { Life } from './life.ts'

export class ProcessNetwork implements Network {
  readonly #inner: Network
  readonly #life: Life

  constructor(inner: Network, life: Life) {
    this.#inner = inner
    this.#life = life
  }

  get self(): KeyId {
    return this.#inner.self
  }

  start(): Promise<void> {
    return this.#inner.start()
  }

  stop(): Promise<void> {
    return this.#inner.stop()
  }

  addresses(): string[] {
    return this.#inner.addresses()
  }

  connect(peer: KeyId, addresses: readonly string[], options?: { signal?: AbortSignal }): Promise<void> {
    return this.#life.guard(this.#inner.connect(peer, addresses, options))
  }

  disconnect(peer: KeyId): Promise<void> {
    return this.#inner.disconnect(peer)
  }

  blame(...blamed: Parameters<Network['blame']>): ReturnType<Network['blame']> {
    return this.#inner.blame(...blamed)
  }

  peers(): readonly ConnectedPeer[] {
    return this.#inner.peers()
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    return this.#inner.onPeer((event) => {
      if (this.#life.isAlive) listener(event)
    })
  }

  request(peer: KeyId, protocol: string, message: Uint8Array, options?: { timeoutMs?: Millis; signal?: AbortSignal }): Promise<Uint8Array> {
    return this.#life.guardRequest(this.#inner.request(peer, protocol, message, options))
  }

  async *follow(peer: KeyId, protocol: string, message: Uint8Array, options?: { signal?: AbortSignal }): AsyncIterable<Uint8Array> {
    for await (const answer of this.#inner.follow(peer, protocol, message, options)) yield await this.#life.guard(Promise.resolve(answer))
  }

  handle(protocol: string, who: (admission: Admission) => boolean, handler: Handler): void {
    this.#inner.handle(protocol, who, handler)
  }

  subscribe(topic: string, judge: GossipJudge, deliver: (message: Uint8Array, from: KeyId) => void): void {
    this.#inner.subscribe(topic, judge, (message, from) => {
      if (this.#life.isAlive) deliver(message, from)
    })
  }

  publish(topic: string, message: Uint8Array): Promise<number> {
    return this.#life.isAlive ? this.#inner.publish(topic, message) : Promise.resolve(0)
  }
}
