/** One server of the mesh: a production node and a production executor over a simulated network, disk and clock. */
import { accept } from '../src/base/result.ts'
import { limits } from '../src/base/limits.ts'
import { MemoryStore } from '../src/base/memory-store.ts'
import { Charters } from '../src/node/charters.ts'
import { createNode, type Node } from '../src/node/node.ts'
import { SimulatedContent } from './simulated-content.ts'
import { startExecutor } from './simulated-executor.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { EndpointAddress } from '../src/trust/home-config.ts'
import type { Fabric } from './fabric.ts'
import type { KeyId } from '../src/base/brand.ts'
import type { KeyValueStore } from '../src/base/key-value-store.ts'
import type { Ledger } from './ledger.ts'
import type { Log } from '../src/base/log.ts'
import type { Member } from './world.ts'
import type { Network } from '../src/node/network/network.ts'
import type { OutputStore } from '../src/node/agent/output-shelf.ts'
import type { Runner } from '../src/executor/child-runner.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What a test breaks on purpose: something put between a node and what it is given. */
export interface Sabotage {
  readonly network?: (network: Network) => Network
  readonly runner?: (runner: Runner) => Runner
}

export interface MachineDeps {
  readonly fabric: Fabric<SimulatedNetwork>
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly log: Log
  readonly checkSignature: CheckSignature
  readonly sabotage: Sabotage
}

export interface MachineOptions {
  readonly chain: CharterChain
  readonly listen: readonly string[]
  /** Endpoints that it knows from the beginning. */
  readonly endpoints: readonly EndpointAddress[]
  readonly gossip: boolean
}

export interface Machine {
  readonly key: KeyId
  readonly name: string
  readonly node: Node
  readonly network: SimulatedNetwork
  /** The agent's disk. */
  readonly store: KeyValueStore
}

export const bootMachine = async (deps: MachineDeps, member: Member, options: MachineOptions): Promise<Machine> => {
  const { fabric, ledger, log, checkSignature, sabotage } = deps
  const { time } = fabric
  const random = deps.random.stream(member.name)
  const { membership, name, peer } = member
  const charters = new Charters(options.chain, () => undefined)
  const host = new SimulatedNetwork(fabric, {
    self: peer.key, name, listen: options.listen,
    door: membership.credential.body.role,
    identity: { kind: 'node', credential: membership.credential.bytes },
    chain: () => charters.chain,
    learnCharters: (bytes) => void charters.learn(bytes)
  })
  const network = sabotage.network?.(host) ?? host
  const store = new MemoryStore()
  const content = new SimulatedContent({ network, clock: time, timers: time, random: random.stream('content') })
  const executor = await startExecutor({
    member, chain: options.chain, store: new MemoryStore(), time, random: random.stream('executor'), ledger, log,
    wrapRunner: sabotage.runner ?? ((runner) => runner)
  })
  const node = await createNode(
    { network, store, content, outputs: noOutputs, executor, charters, signer: peer, membership, clock: time, timers: time, random, log, checkSignature },
    {
      endpoints: options.endpoints,
      gossip: options.gossip,
      pullIntervalMs: limits.pull.intervalMs,
      syncIntervalMs: limits.sync.intervalMs,
      retention: { mode: 'label', ageMs: limits.queue.labelRetentionMs },
      formats: new Set(['command'])
    }
  )
  await network.start()
  await node.start()
  return { key: peer.key, name, node, network: host, store }
}

/** Whole outputs do not occur: simulated processes say little. */
const noOutputs: OutputStore = {
  append: async () => accept({ complete: true }),
  has: async () => false,
  read: async () => undefined,
  prune: async () => undefined
}
