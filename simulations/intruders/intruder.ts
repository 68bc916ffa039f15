/**
 * A member of the mesh that does not run what it should: it holds its peer's key and credential, speaks every protocol
 * as it likes, and writes its log by hand.
 */
import { encodeCbor } from '../../src/base/codec.ts'
import { drawIncarnation } from '../../src/base/random.ts'
import { entryKind, type EntryBody, type EntryContent } from '../../src/record/entry.ts'
import { presenceKind } from '../../src/record/presence.ts'
import { sealRecord, type Verified } from '../../src/record/record.ts'
import { pullProtocol, type PullRequest } from '../../src/node/protocol/pull.ts'
import { newestOf } from '../../src/trust/charter-chain.ts'
import { isWritError } from '../../src/base/errors.ts'
import { SimulatedNetwork } from '../simulated-network.ts'
import type { EndpointAddress } from '../../src/trust/home-config.ts'
import type { Fabric } from '../fabric.ts'
import type { Incarnation, KeyId, Millis, RecordId } from '../../src/base/brand.ts'
import type { Ledger } from '../ledger.ts'
import type { Member, World } from '../world.ts'
import type { SeededRandom } from '../seeded-random.ts'

export interface IntruderDeps {
  readonly world: World
  readonly member: Member
  readonly listen: readonly string[]
  readonly endpoints: readonly EndpointAddress[]
  readonly fabric: Fabric<SimulatedNetwork>
  readonly random: SeededRandom
  readonly ledger: Ledger
}

/** Where a hand-written log stands. */
export interface Tip {
  readonly incarnation: Incarnation
  readonly sequence: number
  readonly id: RecordId | null
}

export abstract class Intruder {
  readonly deps: IntruderDeps
  readonly network: SimulatedNetwork
  #isStopped = false

  constructor(deps: IntruderDeps) {
    const { fabric, member, listen, world } = deps
    this.deps = deps
    this.network = new SimulatedNetwork(fabric, {
      self: member.peer.key, name: member.name, listen, door: 'agent',
      identity: { kind: 'node', credential: member.membership.credential.bytes },
      chain: () => world.chain,
      learnCharters: () => undefined
    })
  }

  async start(): Promise<void> {
    await this.network.start()
    this.begin()
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Sets the first timers. */
  protected abstract begin(): void

  protected every(meanMs: Millis, action: () => Promise<void>): void {
    const { fabric, random, ledger, member } = this.deps
    fabric.time.after(random.between(1, 2 * meanMs), () => {
      if (this.#isStopped) return
      action().catch((error: unknown) => {
        if (!isWritError(error)) ledger.violate('no-fault', `${member.name} could not do harm: ${String(error)}`)
      })
      this.every(meanMs, action)
    })
  }

  protected freshTip(): Tip {
    return { incarnation: drawIncarnation(this.deps.random), sequence: 0, id: null }
  }

  protected write(tip: Tip, content: EntryContent): { readonly entry: Verified<EntryBody>; readonly tip: Tip } {
    const { world, member, fabric } = this.deps
    const entry = sealRecord(
      entryKind,
      { mesh: world.chain.mesh, author: member.peer.key, incarnation: tip.incarnation, sequence: tip.sequence + 1, previous: tip.id, at: fabric.time.now(), content },
      [member.peer]
    )
    return { entry, tip: { ...tip, sequence: tip.sequence + 1, id: entry.id } }
  }

  protected get credential(): EntryContent {
    return { kind: 'credential', credential: this.deps.member.membership.credential.bytes }
  }

  /** Hands entries in, as a node does. */
  protected async handIn({ key, addresses }: EndpointAddress, entries: readonly Uint8Array[]): Promise<void> {
    await this.network.connect(key, addresses)
    await this.network.request(key, pullProtocol, encodeCbor(this.pullRequest(entries)))
  }

  protected pullRequest(entries: readonly Uint8Array[]): PullRequest {
    const { world, member, fabric } = this.deps
    const presence = sealRecord(presenceKind, { mesh: world.chain.mesh, node: member.peer.key, at: fabric.time.now(), release: '0.0.0', addresses: this.network.addresses() }, [member.peer])
    return { ...newestOf(world.chain), presence: presence.bytes, entries: [...entries], have: [], wanted: null }
  }

  protected drawEndpoint(): EndpointAddress {
    return this.drawOf(this.deps.endpoints)
  }

  protected drawOf<T>(items: readonly T[]): T {
    const item = items[this.deps.random.between(0, items.length - 1)]
    if (item === undefined) throw new Error('nothing to draw from')
    return item
  }

  protected drawVictim(): KeyId {
    const { world, member } = this.deps
    return this.drawOf([...world.endpoints, ...world.agents].map(({ peer }) => peer.key).filter((key) => key !== member.peer.key))
  }
}
