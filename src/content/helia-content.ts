/**
 * Content over Helia: blocks are kept by a block store of this node, and those that are missing come by bitswap from
 * peers that the caller names. What must be kept follows from the orders, so `retain` marks and sweeps; Helia's pins,
 * a second record of the same, are not used.
 */
import type { PeerId } from '@libp2p/interface'
import type { SteadyClock, Timers } from '../base/clock.ts'
import type { KeyId, Millis } from '../base/brand.ts'
import { endOf, type ByteRange } from '../base/byte-range.ts'
import { sha256 } from '../base/codec.ts'
import { WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { accept, reject, type Result } from '../base/result.ts'
import type { PayloadRef } from '../record/indication.ts'
import { checkLocation, rawCidOf } from '../record/payload-location.ts'
import { blockKeyOf, type BlockStore } from './block-store.ts'
import type { Content, RetrieveOptions } from './content.ts'
import { walkDag } from './dag-walk.ts'
import { driveFetch, type FetchDeps, type SignOfLife } from './fetch-driver.ts'
import { FetchPlan } from './fetch-plan.ts'
import { PeerBlocks, type HeliaSessions } from './helia-blocks.ts'
import { FetchAttempt } from './helia-fetch.ts'
import { isLeaf, leafPart, planFloor, planRoot, planWithin, type DagNode, type DagPart } from './payload-dag.ts'
import { Retention, type Adding } from './retention.ts'
import { SourceSplit } from './source-split.ts'
import { Turns } from './turns.ts'

/** Reads of a local disk at once. */
const localLanes = 16

export interface HeliaContentDeps {
  /** Started. */
  readonly helia: HeliaSessions
  /** The one that Helia was created with. */
  readonly blocks: BlockStore
  readonly peerIdOf: (key: KeyId) => PeerId
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}

interface AttemptFrame {
  readonly peers: readonly KeyId[]
  readonly signal: AbortSignal
  readonly report: (sign: SignOfLife) => void
  readonly ranges: readonly ByteRange[]
}

export class HeliaContent implements Content {
  readonly #deps: HeliaContentDeps
  readonly #peers: PeerBlocks
  readonly #retention: Retention
  readonly #turns = new Turns(limits.fetch.concurrentMax)

  constructor(deps: HeliaContentDeps) {
    this.#deps = deps
    this.#peers = new PeerBlocks(deps)
    this.#retention = new Retention(deps)
  }

  async add(source: AsyncIterable<Uint8Array> | Uint8Array, cuts: readonly number[] = []): Promise<PayloadRef> {
    const split = new SourceSplit(source, limits.payload.sizeBytesMax)
    const adding = this.#retention.startAdding()
    try {
      const root = await storeDag(split.pieces(limits.payload.blockBytesMax, cuts), adding)
      const ref = { cid: root.cid.toString(), ...split.totals() }
      await this.#retention.keepForNow(ref)
      return ref
    } finally {
      adding.end()
    }
  }

  async addInline(ref: PayloadRef, bytes: Uint8Array): Promise<Result<null>> {
    const location = checkLocation(ref)
    if (!location.ok) return location
    if (bytes.length !== ref.sizeBytes || bytes.length > limits.payload.inlineBytesMax) return reject('bad-inline-payload', `${bytes.length} bytes beside an order that announces ${ref.sizeBytes}`)
    const cid = rawCidOf(sha256(bytes))
    if (!cid.equals(location.value)) return reject('bad-inline-payload', 'the bytes beside the order are not those that it names')
    await this.#retention.keepForNow(ref)
    await this.#deps.blocks.put(cid, bytes)
    return accept(null)
  }

  async has(ref: PayloadRef): Promise<boolean> {
    const root = planRoot(ref)
    return root.ok && this.#isHeld(root.value, [root.value])
  }

  async #isHeld(root: DagNode, ranges: readonly ByteRange[]): Promise<boolean> {
    const { blocks } = this.#deps
    const visit = async (node: DagNode): Promise<Result<readonly DagNode[]>> => {
      if (isLeaf(node)) return (await blocks.has(node.cid)) ? accept([]) : reject('payload-incomplete')
      const bytes = await blocks.load(node.cid)
      return bytes === undefined ? reject('payload-incomplete') : planWithin(node, bytes, ranges)
    }
    return (await walkDag(root, visit, localLanes)).ok
  }

  async retrieve(ref: PayloadRef, providers: () => readonly KeyId[], options: RetrieveOptions): Promise<Result<null>> {
    const root = planRoot(ref)
    if (!root.ok) return root
    await this.#retention.keepForNow(ref)
    const { ranges = [root.value] } = options
    if (await this.#isHeld(root.value, ranges)) return accept(null)
    const plan = new FetchPlan(this.#deps.random, this.#deadlineOf(options))
    const { clock, timers } = this.#deps
    const attempt: FetchDeps['attempt'] = (peers, signal, report) => this.#attempt(root.value, { peers, signal, report, ranges }, options)
    const result = await driveFetch({ clock, timers, providers, attempt }, plan, options.signal)
    await this.#retention.keepForNow(ref)
    return result
  }

  async *read(ref: PayloadRef, range?: ByteRange): AsyncGenerator<Uint8Array> {
    const root = planRoot(ref)
    if (!root.ok) throw incomplete(ref, root.detail)
    const wanted = range ?? root.value
    const pending = [root.value]
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      const bytes = await this.#deps.blocks.load(node.cid)
      if (bytes === undefined) throw incomplete(ref, `block ${node.cid} is missing`)
      const below = planWithin(node, bytes, [wanted])
      if (!below.ok) throw incomplete(ref, below.detail)
      if (isLeaf(node)) yield bytes.subarray(Math.max(0, wanted.offset - node.offset), Math.max(0, endOf(wanted) - node.offset))
      pending.push(...[...below.value].reverse())
    }
  }

  async readInline(ref: PayloadRef): Promise<Uint8Array | null> {
    const root = planRoot(ref)
    if (!root.ok || !isLeaf(root.value) || ref.sizeBytes > limits.payload.inlineBytesMax) return null
    return (await this.#deps.blocks.load(root.value.cid)) ?? null
  }

  retain(needed: readonly PayloadRef[]): Promise<{ removedBlocks: number }> {
    return this.#retention.collect(needed)
  }

  #deadlineOf(options: RetrieveOptions): Millis {
    return this.#deps.clock.monotonic() + (options.deadlineMs ?? limits.fetch.deadlineMs)
  }

  async #attempt(root: DagNode, { peers, signal, report, ranges }: AttemptFrame, options: RetrieveOptions): Promise<Result<null>> {
    const leave = await this.#turns.enter(blockKeyOf(root.cid), signal)
    if (leave === undefined) return reject('payload-unavailable', 'other payloads were being fetched')
    try {
      report('attempt-begun') // the time in the queue is not the peers' fault
      let heldBytes = 0
      const onHeld = (node: DagNode): void => {
        if (!isLeaf(node)) return
        heldBytes += node.sizeBytes
        options.onProgress?.(heldBytes, root.sizeBytes)
      }
      const peerIds = peers.map((peer) => this.#deps.peerIdOf(peer))
      return await new FetchAttempt({ blocks: this.#deps.blocks, peers: this.#peers }, peerIds, signal, { onHeld, onFetched: () => report('progressed') }).run(root, ranges)
    } finally {
      leave()
    }
  }
}

/** Leaves as they come, then floors of nodes until there is one root; a payload of one piece is its own root. */
const storeDag = async (pieces: AsyncIterable<Uint8Array>, adding: Adding): Promise<DagPart> => {
  const storeLeaf = async (piece: Uint8Array): Promise<DagPart> => {
    const cid = rawCidOf(sha256(piece))
    await adding.put(cid, piece)
    return leafPart(cid, piece.length)
  }
  let parts: DagPart[] = []
  for await (const piece of pieces) parts.push(await storeLeaf(piece))
  while (parts.length > 1) {
    const floor = planFloor(parts)
    for (const { part, bytes } of floor) await adding.put(part.cid, bytes)
    parts = floor.map(({ part }) => part)
  }
  return parts[0] ?? storeLeaf(new Uint8Array())
}

const incomplete = (ref: PayloadRef, detail: string): WritError =>
  new WritError('payload-incomplete', `the payload ${ref.cid} is not whole on this node (${detail}): retrieve it again`, { details: { cid: ref.cid } })
