/**
 * Payloads in memory, fetched block by block over the simulated network. Plans, graphs and retention are production's;
 * only the transport of a block is not bitswap.
 */
import type { CID } from 'multiformats/cid'
import { compareBytes, toText, utf8 } from '../src/base/bytes.ts'
import { sha256 } from '../src/base/codec.ts'
import { isWritError, WritError } from '../src/base/errors.ts'
import { limits } from '../src/base/limits.ts'
import { accept, reject, type Result } from '../src/base/result.ts'
import { blockKeyOf, type BlockStore } from '../src/content/block-store.ts'
import { walkDag } from '../src/content/dag-walk.ts'
import { driveFetch } from '../src/content/fetch-driver.ts'
import { FetchPlan } from '../src/content/fetch-plan.ts'
import { isLeaf, leafPart, planChildren, planFloor, planRoot, type DagNode, type DagPart } from '../src/content/payload-dag.ts'
import { Retention } from '../src/content/retention.ts'
import { SourceSplit } from '../src/content/source-split.ts'
import { checkLocation, rawCidOf } from '../src/record/payload-location.ts'
import type { SteadyClock, Timers } from '../src/base/clock.ts'
import type { Content, RetrieveOptions } from '../src/content/content.ts'
import type { KeyId } from '../src/base/brand.ts'
import type { Network } from '../src/node/network/network.ts'
import type { OutputStore } from '../src/node/agent/output-shelf.ts'
import type { PayloadRef } from '../src/record/indication.ts'
import type { Random } from '../src/base/random.ts'

const blockProtocol = '/simulation/block/1'

/** A machine's blocks: they outlive its processes. */
export class MemoryBlocks implements BlockStore {
  readonly #blocks = new Map<string, { readonly cid: CID; readonly bytes: Uint8Array }>()

  async has(cid: CID): Promise<boolean> {
    return this.#blocks.has(blockKeyOf(cid))
  }

  async load(cid: CID): Promise<Uint8Array | undefined> {
    return this.find(blockKeyOf(cid))
  }

  async put(cid: CID, bytes: Uint8Array): Promise<void> {
    this.#blocks.set(blockKeyOf(cid), { cid, bytes })
  }

  async delete(cid: CID): Promise<void> {
    this.#blocks.delete(blockKeyOf(cid))
  }

  async *list(): AsyncIterable<CID> {
    for (const { cid } of this.#blocks.values()) yield cid
  }

  find(key: string): Uint8Array | undefined {
    return this.#blocks.get(key)?.bytes
  }
}

export interface SimulatedContentDeps {
  readonly blocks: MemoryBlocks
  readonly network: Network
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly random: Random
}

export class SimulatedContent implements Content {
  readonly #deps: SimulatedContentDeps
  readonly #blocks: MemoryBlocks
  readonly #retention: Retention

  /** Serves its blocks to whoever is admitted. */
  constructor(deps: SimulatedContentDeps) {
    this.#deps = deps
    this.#blocks = deps.blocks
    this.#retention = new Retention({ blocks: this.#blocks, clock: deps.clock })
    deps.network.handle(blockProtocol, ({ kind }) => kind !== 'guest', async (_from, message) => this.#blocks.find(toText(message)) ?? reject('payload-unavailable', 'no such block'))
  }

  async add(source: AsyncIterable<Uint8Array> | Uint8Array): Promise<PayloadRef> {
    const split = new SourceSplit(source, limits.payload.sizeBytesMax)
    const adding = this.#retention.startAdding()
    let parts: DagPart[] = []
    for await (const piece of split.pieces(limits.payload.blockBytesMax)) {
      const cid = rawCidOf(sha256(piece))
      await adding.put(cid, piece)
      parts.push(leafPart(cid, piece.length))
    }
    while (parts.length > 1) {
      const floor = planFloor(parts)
      for (const { part, bytes } of floor) await adding.put(part.cid, bytes)
      parts = floor.map(({ part }) => part)
    }
    const [root] = parts
    if (root === undefined) throw new Error('no simulated payload is empty')
    const ref = { cid: root.cid.toString(), ...split.totals() }
    await this.#retention.keepForNow(ref)
    adding.end()
    return ref
  }

  async addInline(ref: PayloadRef, bytes: Uint8Array): Promise<Result<null>> {
    const location = checkLocation(ref)
    if (!location.ok) return location
    const cid = rawCidOf(sha256(bytes))
    if (!cid.equals(location.value)) return reject('bad-inline-payload', 'the bytes beside the order are not those that it names')
    await this.#retention.keepForNow(ref)
    await this.#blocks.put(cid, bytes)
    return accept(null)
  }

  async has(ref: PayloadRef): Promise<boolean> {
    const root = planRoot(ref)
    return root.ok && (await walkDag(root.value, (node) => this.#visit(node, []), 1)).ok
  }

  async retrieve(ref: PayloadRef, providers: () => readonly KeyId[], options: RetrieveOptions): Promise<Result<null>> {
    const { clock, timers, random } = this.#deps
    const root = planRoot(ref)
    if (!root.ok) return root
    await this.#retention.keepForNow(ref)
    if (await this.has(ref)) return accept(null)
    const plan = new FetchPlan(random, clock.monotonic() + (options.deadlineMs ?? limits.fetch.deadlineMs))
    return driveFetch(
      {
        clock, timers, providers,
        attempt: (peers, signal, report) => {
          report('attempt-begun')
          return walkDag(root.value, (node) => this.#visit(node, peers, { signal, onBlock: () => report('progressed') }), limits.fetch.blocksInFlightMax)
        }
      },
      plan,
      options.signal
    )
  }

  async *read(ref: PayloadRef): AsyncIterable<Uint8Array> {
    const root = planRoot(ref)
    const pending = root.ok ? [root.value] : []
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      const bytes = await this.#blocks.load(node.cid)
      const below = bytes === undefined ? reject('payload-incomplete') : planChildren(node, bytes)
      if (bytes === undefined || !below.ok) throw new WritError('payload-incomplete', `the payload ${ref.cid} is not whole`)
      if (isLeaf(node)) yield bytes
      pending.push(...[...below.value].reverse())
    }
  }

  async readInline(ref: PayloadRef): Promise<Uint8Array | null> {
    const root = planRoot(ref)
    if (!root.ok || !isLeaf(root.value) || ref.sizeBytes > limits.payload.inlineBytesMax) return null
    return (await this.#blocks.load(root.value.cid)) ?? null
  }

  retain(needed: readonly PayloadRef[]): Promise<{ removedBlocks: number }> {
    return this.#retention.collect(needed)
  }

  /** The block from here, or else of the first of these peers that gives it. */
  async #visit(node: DagNode, peers: readonly KeyId[], fetch?: { readonly signal: AbortSignal; readonly onBlock: () => void }): Promise<Result<readonly DagNode[]>> {
    const held = await this.#blocks.load(node.cid)
    if (held !== undefined) return planChildren(node, held)
    for (const peer of fetch === undefined ? [] : peers) {
      const bytes = await this.#ask(peer, node.cid, fetch?.signal)
      if (bytes === undefined) continue
      if (compareBytes(sha256(bytes), node.cid.multihash.digest) !== 0) return reject('bad-payload', 'a block does not match its hash')
      await this.#blocks.put(node.cid, bytes)
      fetch?.onBlock()
      return planChildren(node, bytes)
    }
    return reject('payload-unavailable', 'nobody who was asked gave the block')
  }

  async #ask(peer: KeyId, cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const options = { timeoutMs: limits.fetch.blockTimeoutMs, ...(signal === undefined ? {} : { signal }) }
    try {
      return await this.#deps.network.request(peer, blockProtocol, utf8(blockKeyOf(cid)), options)
    } catch (error) {
      if (isWritError(error)) return undefined // has it not, or is gone: the next is asked
      throw error
    }
  }
}

/** Whole outputs do not occur: simulated processes say little. */
export const noOutputs: OutputStore = {
  append: async () => accept({ complete: true }),
  has: async () => false,
  read: async () => undefined,
  prune: async () => undefined
}
