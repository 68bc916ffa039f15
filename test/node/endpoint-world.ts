/** What an endpoint's answers are made from: a real queue over a store in memory, and content in memory. */
import { decodeShape } from '../../src/base/schema.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { verifySignatureSync, type CheckSignature } from '../../src/record/keys.ts'
import { Queue } from '../../src/queue/queue.ts'
import { Charters } from '../../src/node/charters.ts'
import { Directory } from '../../src/node/endpoint/directory.ts'
import { madeAt, randomOf, World } from '../queue/world.ts'
import { FakeNetwork, MemoryContent, RecordingLog } from './in-memory.ts'
import { ManualTime } from './manual-time.ts'
import type * as v from 'valibot'

export interface EndpointWorld {
  readonly world: World
  readonly queue: Queue
  readonly content: MemoryContent
  readonly charters: Charters
  readonly directory: Directory
  readonly clock: ManualTime
  readonly timers: ManualTime
  readonly store: MemoryStore
  readonly log: RecordingLog
  readonly network: FakeNetwork
  readonly relayed: Uint8Array[]
  readonly relay: (entry: Uint8Array) => void
}

/** Not on the thread pool, so that all is at rest after a few turns of the loop. */
export const checkAtOnce: CheckSignature = async (key, message, signature) => verifySignatureSync(key, message, signature)

export const endpointWorld = async (world = new World()): Promise<EndpointWorld> => {
  const time = new ManualTime()
  const store = new MemoryStore()
  const charters = new Charters(world.mesh.chain, () => undefined)
  const log = new RecordingLog()
  const queue = await Queue.open(
    { store, chain: () => charters.chain, clock: time, random: randomOf('queue'), log, checkSignature: checkAtOnce },
    { retention: { mode: 'label', ageMs: limits.queue.labelRetentionMs } }
  )
  const directory = new Directory({ nodes: () => queue.nodes(), clock: time })
  const relayed: Uint8Array[] = []
  const relay = (entry: Uint8Array): void => void relayed.push(entry)
  return { world, queue, content: new MemoryContent(), charters, directory, clock: time, timers: time, store, log, network: new FakeNetwork(world.mesh.peer('endpoint-1')), relayed, relay }
}

/** An answer as its reader would see it. */
export const read = <S extends v.GenericSchema>(schema: S, bytes: Uint8Array): v.InferOutput<S> => {
  const decoded = decodeShape(schema, bytes, limits.network.messageBytesMax)
  if (!decoded.ok) throw new Error(`an answer that cannot be read: ${decoded.detail}`)
  return decoded.value
}

export const ask = (request: unknown): Uint8Array => encodeCbor(request)
export const never = new AbortController().signal
export { madeAt }
