/**
 * One attempt at a payload: walks its graph from the root, takes what is here, and asks these peers in turn for the
 * rest. A peer that failed once is asked only after the others.
 */
import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { ByteRange } from '../base/byte-range.ts'
import { limits } from '../base/limits.ts'
import { accept, reject, type Result } from '../base/result.ts'
import type { BlockStore } from './block-store.ts'
import { walkDag } from './dag-walk.ts'
import type { PeerBlocks } from './helia-blocks.ts'
import { isLeaf, planWithin, type DagNode } from './payload-dag.ts'

export interface FetchAttemptDeps {
  readonly blocks: BlockStore
  readonly peers: PeerBlocks
}

export interface FetchAttemptEvents {
  /** A node is here, be it from now or from before. */
  readonly onHeld: (node: DagNode) => void
  /** It was not here before. */
  readonly onFetched: () => void
}

export class FetchAttempt {
  readonly #deps: FetchAttemptDeps
  readonly #events: FetchAttemptEvents
  readonly #signal: AbortSignal
  readonly #greeted = new Map<PeerId, Promise<boolean>>()
  #preferred: PeerId[]
  #failed: PeerId[] = []

  constructor(deps: FetchAttemptDeps, peers: readonly PeerId[], signal: AbortSignal, events: FetchAttemptEvents) {
    this.#deps = deps
    this.#preferred = [...peers]
    this.#signal = signal
    this.#events = events
  }

  /** The blocks of these ranges of it. Errors: `payload-unavailable`, `bad-payload`. Throws what the block store throws. */
  run(root: DagNode, ranges: readonly ByteRange[]): Promise<Result<null>> {
    return walkDag(root, (node) => this.#visit(node, ranges), limits.fetch.blocksInFlightMax)
  }

  async #visit(node: DagNode, ranges: readonly ByteRange[]): Promise<Result<readonly DagNode[]>> {
    const held = isLeaf(node) ? await this.#deps.blocks.has(node.cid) : await this.#deps.blocks.load(node.cid)
    if (held === true) return this.#hold(node, accept([]))
    if (held instanceof Uint8Array) return this.#hold(node, planWithin(node, held, ranges))
    const fetched = await this.#fetch(node.cid)
    if (!fetched.ok) return fetched
    this.#events.onFetched()
    return this.#hold(node, planWithin(node, fetched.value, ranges))
  }

  #hold(node: DagNode, below: Result<readonly DagNode[]>): Result<readonly DagNode[]> {
    if (below.ok) this.#events.onHeld(node)
    return below
  }

  async #fetch(cid: CID): Promise<Result<Uint8Array>> {
    const [first, ...others] = this.#preferred
    if (first !== undefined) this.#preferred = [...others, first]
    let last: Result<Uint8Array> = reject('payload-unavailable', 'nobody was asked')
    for (const peer of [...(first === undefined ? [] : [first]), ...others, ...this.#failed]) {
      if (this.#signal.aborted) break
      last = (await this.#greet(peer)) ? await this.#deps.peers.fetch(cid, peer, this.#signal) : reject('payload-unavailable', `${peer.toString()} does not answer`)
      if (last.ok || last.code !== 'payload-unavailable') return last
      this.#demote(peer)
    }
    return last
  }

  #greet(peer: PeerId): Promise<boolean> {
    const greeting = this.#greeted.get(peer) ?? this.#deps.peers.greet(peer, this.#signal)
    this.#greeted.set(peer, greeting)
    return greeting
  }

  #demote(peer: PeerId): void {
    if (!this.#preferred.includes(peer)) return
    this.#preferred = this.#preferred.filter((other) => other !== peer)
    this.#failed = [...this.#failed, peer]
  }
}
