/** Bounds that take thousands of logs, orders or nodes to reach. */
import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { presenceKind } from '../../src/record/presence.ts'
import { sealRecord } from '../../src/record/record.ts'
import { LogTable } from '../../src/queue/log-table.ts'
import { NodeTable } from '../../src/queue/node-table.ts'
import { OrderTable } from '../../src/queue/order-table.ts'
import { emptyHead } from '../../src/queue/log.ts'
import { keys, putRow } from '../../src/queue/queue-store.ts'
import { answerSync } from '../../src/queue/sync-answer.ts'
import { verifySignature } from '../../src/record/keys.ts'
import { bytesOf, dayMs, madeAt, randomOf, signerOf, World } from './world.ts'
import type { Incarnation, RecordId } from '../../src/base/brand.ts'
import type { LogName } from '../../src/queue/log.ts'

class CountingStore extends MemoryStore {
  read = 0

  override getMany(wanted: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    this.read += wanted.length
    return super.getMany(wanted)
  }
}

test('heads of so many logs are kept in memory, those that were asked for last', async (t) => {
  const { cachedLogsMax } = limits.queue
  const store = new CountingStore()
  const author = signerOf('author').key
  const names = Array.from({ length: cachedLogsMax + 1 }, (_, index): LogName => ({ author, incarnation: `life-${index}` as Incarnation }))
  const row = { kind: 'node' as const, head: { ...emptyHead, sequence: 1, id: 'id' as RecordId }, executor: null, frozenAt: null, base: 1 }
  await store.write(names.map((name) => putRow(keys.log(name), row)), { durable: false })
  const logs = await LogTable.open(store, randomOf('logs'))
  const readFor = async (...wanted: LogName[]): Promise<number> => {
    const before = store.read
    t.true((await logs.states(wanted)).every((state) => state?.head.sequence === 1))
    return store.read - before
  }
  const [first, ...others] = names
  if (first === undefined) throw new Error('there is a first')
  t.is(await readFor(first), 1)
  t.is(await readFor(first), 0)
  t.is(await readFor(...others.slice(0, cachedLogsMax / 2 - 1)), cachedLogsMax / 2 - 1)
  t.is(await readFor(first), 0)
  await readFor(...others)
  t.is(await readFor(first), 1)
  t.is(await readFor(...others.slice(-10)), 0)
})

test('of the orders that have expired so many stay in memory, those that expired last', async (t) => {
  const { closedOrdersMax } = limits.queue
  const world = new World()
  const store = new MemoryStore()
  const orders = Array.from({ length: closedOrdersMax + 3 }, (_, index) => world.order({ expiresAt: madeAt + dayMs + index }))
  await (await world.queue({ store })).merge(bytesOf(...world.admin.entries), 'test')
  const nodes = await NodeTable.open(store, verifySignature)
  const table = await OrderTable.open({ store, nodes, chain: () => world.mesh.chain, clock: { now: () => madeAt } })
  t.is([...table.loaded()].length, orders.length)
  table.unloadClosed(madeAt + dayMs + 10)
  t.is([...table.loaded()].length, orders.length, 'so few have expired')
  table.unloadClosed(madeAt + 2 * dayMs)
  const left = [...table.loaded()].map(({ indication }) => indication.id)
  t.is(left.length, closedOrdersMax)
  for (const { id } of orders.slice(0, 3)) {
    t.false(left.includes(id))
    t.is((await table.get(id))?.indication.id, id)
  }
})

test('presences come in answers of a bounded size, each once', async (t) => {
  const { presencesBytesMax } = limits.sync
  const world = new World()
  const queue = await world.queue()
  const addresses = Array.from({ length: 16 }, (_, index) => `/dns4/${'a'.repeat(230)}/tcp/${4000 + index}`)
  const agents = Array.from({ length: 140 }, (_, index) => world.agent(`web-${index}`))
  await queue.merge(bytesOf(...agents.flatMap(({ entries }) => entries)), 'test')
  for (const { node } of agents) {
    const presence = sealRecord(presenceKind, { mesh: world.mesh.mesh, node: node.peer.key, at: madeAt, release: '0.1.0', addresses }, [node.peer])
    t.true((await queue.notePresence(presence.bytes, madeAt)).ok)
  }
  const sizes: number[] = []
  let presenceCursor = 0
  let found = 0
  for (let more = true; more; ) {
    const answer = await answerSync(queue, world.mesh.chain, signerOf('asker').key, { kind: 'cursor', storeId: queue.history.storeId, cursor: queue.history.arrival, presenceCursor, digest: queue.digest(), charterVersion: 1 })
    if (answer.kind !== 'cursor') throw new Error('another answer')
    sizes.push(answer.presences.reduce((total, { record }) => total + record.length, 0))
    found += answer.presences.length
    presenceCursor = answer.presenceNext
    more = answer.more
  }
  t.is(sizes.length, 2)
  t.true(sizes.every((size) => size <= presencesBytesMax))
  t.is(found, agents.length)
})
