import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { OwnLog } from '../../src/queue/own-log.ts'
import { readOpenStarts } from '../../src/queue/own-starts.ts'
import { madeAt, randomOf, receipts, World } from './world.ts'

const setUp = async () => {
  const world = new World()
  const { node } = world.agent('a')
  const store = new MemoryStore()
  const log = await OwnLog.open({ store, signer: node.peer, mesh: world.mesh.mesh, random: randomOf('starts'), clock: { now: () => madeAt }, first: { kind: 'credential', credential: node.credential.bytes }, checkpointEntries: 2 })
  const orders = [world.order().id, world.order().id, world.order().id] as const
  const say = async (order: string, state: 'running' | 'succeeded', executor = node.executor): Promise<void> => {
    await log.append(receipts(world.statement(executor, order as typeof orders[0], state)), { durable: true })
  }
  /** Drops all below a new checkpoint. */
  const trim = async (): Promise<void> => {
    await log.checkpoint()
    const { incarnation, head } = log.head()
    await log.acknowledge(world.mesh.admin.key, incarnation, head.sequence)
    await log.trim(new Set([world.mesh.admin.key]), 1)
  }
  const open = async (): Promise<(string | undefined)[]> => {
    const found = await readOpenStarts(store, node.executor.key)
    return found.map((bytes) => orders.find((id) => Buffer.from(bytes).equals(startOf(id)))).sort()
  }
  const startOf = (id: typeof orders[0]): Buffer => {
    const receipt = world.statement(node.executor, id, 'running')
    return Buffer.from(receipt.kind === 'executor' ? receipt.statement : [])
  }
  return { world, log, store, orders, say, trim, open }
}

test('a start without an outcome is open, in whatever life of the log it stands', async (t) => {
  const { log, orders, say, open } = await setUp()
  await say(orders[0], 'running')
  await say(orders[1], 'running')
  await log.startIncarnation()
  t.deepEqual(await open(), [orders[0], orders[1]].sort())
  await say(orders[0], 'succeeded')
  t.deepEqual(await open(), [orders[1]])
})

test('a start that was signed by another executor is none of this one', async (t) => {
  const { world, orders, say, open } = await setUp()
  await say(orders[0], 'running', world.mesh.key('executor:former'))
  t.deepEqual(await open(), [])
})

test('a start that the log has dropped stays open until its outcome is said, and leaves nothing behind when that is dropped', async (t) => {
  const { store, log, orders, say, trim, open } = await setUp()
  await say(orders[0], 'running')
  await say(orders[1], 'running')
  await say(orders[1], 'succeeded')
  await trim()
  t.is(log.head().first, log.head().head.sequence)
  t.deepEqual(await open(), [orders[0]])
  await say(orders[2], 'running')
  await trim()
  t.deepEqual(await open(), [orders[0], orders[2]].sort())
  await say(orders[0], 'succeeded')
  t.deepEqual(await open(), [orders[2]])
  await say(orders[2], 'succeeded')
  await trim()
  t.deepEqual(await open(), [])
  const left: string[] = []
  for await (const [key] of store.entries({ from: 'own/start/', to: 'own/start/~' })) left.push(key)
  t.deepEqual(left, [])
})
