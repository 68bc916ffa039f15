import test, { type ExecutionContext } from 'ava'
import { LevelStore } from '../../src/base/level-store.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { WritError } from '../../src/base/errors.ts'
import { limits } from '../../src/base/limits.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { bytesOf, dayMs, dump, foldedPrefixes, madeAt, plenty, receipts, said, World } from './world.ts'
import type { Change, KeyValueStore } from '../../src/base/key-value-store.ts'

/** A place for a store that can be opened again. */
type Place = () => Promise<KeyValueStore>

const places: Readonly<Record<string, (t: ExecutionContext) => Promise<Place>>> = {
  memory: async () => {
    const store = new MemoryStore()
    return async () => store
  },
  level: async (t) => {
    const directory = await temporaryDirectory(t)
    return () => LevelStore.open(directory)
  }
}

const busyWorld = () => {
  const world = new World()
  const agents = ['a', 'b', 'c'].map((name) => world.agent(name))
  const [open, closed] = [world.order({ name: 'open' }), world.order({ name: 'closed', expiresAt: madeAt + 1 })]
  world.cancel(closed.id)
  for (const agent of agents) agent.say(receipts(said(open.id, 'received'), world.statement(agent.node.executor, closed.id, 'succeeded')))
  return { world, agents, open, closed, entries: bytesOf(...world.admin.entries, ...agents.flatMap((agent) => agent.entries)) }
}

for (const [name, makePlace] of Object.entries(places)) {
  test(`${name}: a queue that is opened again answers as before`, async (t) => {
    const { world, agents, closed, entries } = busyWorld()
    const place = await makePlace(t)
    const store = await place()
    const now = () => madeAt + dayMs / 2
    const before = await world.queue({ store, now, retention: { mode: 'remove', ageMs: 0 } })
    await before.merge(entries, 'test', { durable: true })
    await before.notePresence(world.presence('a', madeAt), madeAt + 5)
    const answers = async (queue: typeof before) => ({
      orders: await queue.orders(),
      nodes: queue.nodes(),
      rows: await queue.rowsOf(closed.id),
      handed: agents.map(({ key }) => queue.notAttempted(key, madeAt, new Set(), plenty)),
      controls: queue.controlsFor(closed.id).map(({ id }) => id),
      digest: queue.digest(),
      arrival: await queue.history.entriesAfter(0, plenty),
      presences: queue.presencesAfter(0, plenty),
      storeId: queue.history.storeId
    })
    const wanted = await answers(before)
    t.is(wanted.nodes.length, 3)
    await store.close()
    const reopened = await place()
    t.teardown(() => reopened.close())
    const after = await world.queue({ store: reopened, now, retention: { mode: 'remove', ageMs: 0 }, name: 'second opening' })
    t.deepEqual(await answers(after), wanted)
    t.is((await after.merge(entries, 'test')).duplicates, entries.length)
  })

  test(`${name}: a merge is one batch, and a batch that fails changes nothing`, async (t) => {
    const { world, open, entries } = busyWorld()
    const store = await (await makePlace(t))()
    t.teardown(() => store.close())
    const queue = await world.queue({ store })
    const write = store.write.bind(store)
    const batches: (readonly Change[])[] = []
    store.write = async (changes) => {
      batches.push(changes)
      throw new WritError('store-write-failed', 'the disk is full')
    }
    const digest = queue.digest()
    await t.throwsAsync(queue.merge(entries, 'test'), { code: 'store-write-failed' })
    t.is(batches.length, 1)
    t.deepEqual([queue.digest(), queue.history.arrival, queue.nodes(), await queue.orders()], [digest, 0, [], []])
    store.write = write
    const report = await queue.merge(entries, 'test')
    t.is(report.accepted.length, entries.length)
    t.is((await queue.rowsOf(open.id)).length, 3)
  })

  test(`${name}: arrivals come in pages of the wanted size and count, each once`, async (t) => {
    const { world, entries } = busyWorld()
    const store = await (await makePlace(t))()
    t.teardown(() => store.close())
    const queue = await world.queue({ store })
    await queue.merge(entries, 'test')
    for (const bounds of [{ countMax: 2, sizeBytesMax: 1e6 }, { countMax: 100, sizeBytesMax: 1 }, plenty]) {
      const seen: string[] = []
      let page = await queue.history.entriesAfter(0, bounds)
      for (let round = 0; round < 20; round += 1) {
        t.true(page.entries.length <= bounds.countMax)
        seen.push(...page.entries.map((bytes) => Buffer.from(bytes).toString('hex')))
        if (!page.more) break
        page = await queue.history.entriesAfter(page.next, bounds)
      }
      t.deepEqual(seen.toSorted(), entries.map((bytes) => Buffer.from(bytes).toString('hex')).sort())
      t.is(page.next, queue.history.arrival)
    }
  })

  test(`${name}: entries that were taken in one by one and in one batch make the same store`, async (t) => {
    const { world, entries } = busyWorld()
    const [store, other] = [await (await makePlace(t))(), new MemoryStore()]
    t.teardown(() => store.close())
    const [queue, reference] = [await world.queue({ store }), await world.queue({ store: other })]
    for (const entry of entries.toReversed()) await queue.merge([entry], 'test')
    await reference.merge(entries, 'test')
    t.deepEqual(await dump(store, foldedPrefixes), await dump(other, foldedPrefixes))
  })
}

test('a durable merge of what is held already makes sure that it is on disk', async (t) => {
  const { world, entries } = busyWorld()
  const store = new MemoryStore()
  const queue = await world.queue({ store })
  const write = store.write.bind(store)
  const durable: boolean[] = []
  store.write = async (changes, options) => {
    durable.push(options.durable && changes.length > 0)
    await write(changes, options)
  }
  await queue.merge(entries, 'gossip')
  await queue.merge(entries, 'submit', { durable: true })
  await queue.merge(entries, 'gossip')
  t.deepEqual(durable, [false, true])
})

test('an order that had long expired when it came is shown, and not kept in memory', async (t) => {
  const { world, open, entries } = busyWorld()
  const queue = await world.queue({ now: () => madeAt + 40 * dayMs })
  await queue.merge(entries, 'test')
  t.is((await queue.rowsOf(open.id)).length, 3)
  t.is((await queue.order(open.id))?.counts.expired, 3)
  t.deepEqual(queue.payloadsNeeded(madeAt), [])
})

test('what waits for earlier entries is bounded for each log, and the lowest numbers are kept', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const bound = limits.queue.pendingEntriesPerAuthorMax
  for (let index = 0; index < bound + 10; index += 1) agent.say(receipts(said(order.id, 'received', madeAt + index)))
  const queue = await world.queue()
  await queue.merge(bytesOf(...agent.entries.slice(0, 1), ...agent.entries.slice(2)), 'test')
  const report = await queue.merge(bytesOf(...agent.entries.slice(1, 2)), 'test')
  t.is(report.accepted.length, bound + 1)
  t.is((await queue.head(agent.key, agent.incarnation)).sequence, bound + 2)
})
