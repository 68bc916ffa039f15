/** A node over fakes: its network is answered by a real endpoint's queue, its executor by the test. */
import { MemoryStore } from '../../src/base/memory-store.ts'
import { limits } from '../../src/base/limits.ts'
import { answerPull } from '../../src/node/endpoint/endpoint-pull.ts'
import { Charters } from '../../src/node/charters.ts'
import { createNode, type Node } from '../../src/node/node.ts'
import { pullProtocol } from '../../src/node/protocol/pull.ts'
import { bytesOf, randomOf } from '../queue/world.ts'
import { commandPayload } from '../fixtures/orders.ts'
import { checkAtOnce, endpointWorld, type EndpointWorld } from './endpoint-world.ts'
import { admitNode, FakeNetwork, MemoryContent, MemoryOutputs, RecordingLog } from './in-memory.ts'
import { settled } from './manual-time.ts'
import type { ExecutorLink } from '../../src/node/agent/executor-link.ts'
import type { ToAgent, ToExecutor } from '../../src/executor/ipc.ts'
import type { Indication } from '../../src/trust/order.ts'
import type { Receipt } from '../../src/record/entry.ts'

export class FakeExecutor implements ExecutorLink {
  /** But for the question of a new log. */
  readonly told: ToExecutor[] = []
  /** False for one whose journal cannot be written. */
  confirms = true
  #handler: ((message: ToAgent) => void | Promise<void>) | undefined

  async send(message: ToExecutor): Promise<boolean> {
    if (message.kind !== 'retell') this.told.push(message)
    if (message.kind === 'retell' || (message.kind === 'adopt' && this.confirms)) await this.#handler?.({ kind: 'written', batch: message.batch })
    return true
  }

  listen(handler: (message: ToAgent) => void | Promise<void>): void {
    this.#handler = handler
  }

  async say(message: ToAgent): Promise<void> {
    await this.#handler?.(message)
    await settled()
  }

  /** But for the word that orders may start. */
  get orders(): ToExecutor[] {
    return this.told.filter(({ kind }) => kind !== 'caught-up')
  }

  kinds(): string[] {
    return this.orders.map(({ kind }) => kind)
  }
}

export interface SetUp {
  readonly made: EndpointWorld
  readonly node: Node
  readonly network: FakeNetwork
  readonly executor: FakeExecutor
  readonly content: MemoryContent
  readonly outputs: MemoryOutputs
  readonly log: RecordingLog
  readonly store: MemoryStore
  /** Makes the endpoint known and connected. */
  readonly join: () => Promise<void>
}

export const uptime = commandPayload('uptime')

let nodes = 0

export const setUp = async (options: { readonly name?: string; readonly gossip?: boolean; readonly store?: MemoryStore; readonly made?: EndpointWorld } = {}): Promise<SetUp> => {
  const made = options.made ?? (await endpointWorld())
  const { world, clock } = made
  const { mesh } = world
  const own = mesh.node(options.name ?? 'web-1', { labels: { role: 'web' } })
  const network = new FakeNetwork(own.peer.key)
  const executor = new FakeExecutor()
  const content = new MemoryContent()
  const outputs = new MemoryOutputs()
  const log = new RecordingLog()
  const store = options.store ?? new MemoryStore()
  network.answer = async ({ protocol, message }) => {
    if (protocol !== pullProtocol) throw new Error(`unexpected ${protocol}`)
    return answerPull(made, own.peer.key, message)
  }
  const node = await createNode(
    { network, store, content, outputs, executor, charters: new Charters(mesh.chain, () => undefined), signer: own.peer, membership: own.membership, clock, timers: clock, random: randomOf(`node ${(nodes += 1)}`), log, checkSignature: checkAtOnce },
    { endpoints: [], gossip: options.gossip ?? false, pullIntervalMs: 30_000, syncIntervalMs: 5000, retention: { mode: 'label', ageMs: limits.queue.labelRetentionMs }, formats: new Set(['command', 'script']) }
  )
  await node.start()
  await settled()
  const join = async (): Promise<void> => {
    network.meet(admitNode(mesh.node('endpoint-1')))
    await settled()
    await clock.pass(limits.ownLog.secondAnswerMs) // the other endpoint of the charter is not there
  }
  return { made, node, network, executor, content, outputs, log, store, join }
}

export const order = async ({ made }: SetUp, change: Partial<Indication['body']> = {}): Promise<Indication> => {
  const indication = made.world.order({ payload: uptime.ref, ...change })
  await made.queue.merge(bytesOf(...made.world.admin.entries), 'test')
  return indication
}

export const stateOf = async ({ made, network }: SetUp, indication: Indication): Promise<string | undefined> =>
  (await made.queue.rowsOf(indication.id)).find(({ agent }) => agent === network.self)?.state

export const statementOf = ({ made }: SetUp, indication: Indication, state: 'running' | 'succeeded'): Uint8Array => {
  const receipt: Receipt = made.world.statement(made.world.mesh.key('executor:web-1'), indication.id, state)
  return receipt.kind === 'executor' ? receipt.statement : new Uint8Array()
}
