import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { bytesOf, dayMs, dump, madeAt, plenty, receipts, said, World } from './world.ts'
import type { Queue } from '../../src/queue/queue.ts'

const retention = { mode: 'label' as const, ageMs: dayMs }
/** The moment after which nothing that is made here counts for anything. */
const longAfter = madeAt + dayMs + limits.indication.validityMsMax + retention.ageMs + 1000
/** After the orders were dropped, and long before anybody forgets that. */
const afterwards = madeAt + 2 * dayMs + 1000

/** An agent and an admin who have both said something of one order, and made a checkpoint after it. */
const settled = () => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  agent.say(receipts(said(order.id, 'received')))
  agent.say(receipts(world.statement(agent.node.executor, order.id, 'succeeded')))
  world.checkpoint(agent)
  world.cancel(order.id)
  world.checkpoint(world.admin)
  const next = world.order({ createdAt: madeAt + 1, expiresAt: madeAt + 50 * dayMs })
  agent.say(receipts(said(next.id, 'received')))
  return { world, agent, order, next, entries: bytesOf(...world.admin.entries, ...agent.entries) }
}

const countRows = async (store: MemoryStore, prefix: string): Promise<number> => (await dump(store, [prefix])).length

const headsOf = async (queue: Queue, world: World, ...authors: readonly { key: Parameters<Queue['headsOf']>[0] }[]) =>
  (await Promise.all([world.admin, ...authors].map(({ key }) => queue.headsOf(key)))).flat().map(({ head, frozenAt, executor }) => ({ head, frozenAt, executor }))

test('what lies below a checkpoint goes once its orders are gone, with its arrivals, and heads and digest stay', async (t) => {
  const { world, agent, order, next, entries } = settled()
  const store = new MemoryStore()
  const queue = await world.queue({ store, retention })
  await queue.merge(entries, 'test')
  const [digest, heads] = [queue.digest(), await headsOf(queue, world, agent)]
  await queue.prune(madeAt + dayMs)
  t.is(await countRows(store, 'q/entry/'), entries.length)
  await queue.prune(afterwards)
  await queue.prune(afterwards)
  t.deepEqual([queue.digest(), await headsOf(queue, world, agent)], [digest, heads])
  t.deepEqual((await queue.headsOf(agent.key)).map(({ base }) => base), [4])
  t.is(await countRows(store, 'q/entry/'), 4)
  t.is(await countRows(store, 'q/arrival/'), 4)
  t.is(await countRows(store, 'q/checkpoint/'), 0)
  t.is(await countRows(store, `q/cell/${order.id}`), 0)
  t.is((await queue.rowsOf(next.id))[0]?.state, 'received')
  const page = await queue.history.entriesAfter(0, plenty)
  t.deepEqual([page.entries.length, page.next, page.more], [4, queue.history.arrival, false])
  const reopened = await world.queue({ store, retention })
  t.deepEqual(await headsOf(reopened, world, agent), heads)
})

test('an order that is still kept keeps the entries that speak of it', async (t) => {
  const { world, agent, entries } = settled()
  const store = new MemoryStore()
  const queue = await world.queue({ store, retention })
  const late = world.order({ createdAt: madeAt + 2, expiresAt: madeAt + 60 * dayMs })
  agent.say(receipts(said(late.id, 'received')))
  world.checkpoint(agent)
  await queue.merge([...entries, ...bytesOf(...agent.entries, ...world.admin.entries)], 'test')
  await queue.prune(afterwards)
  t.deepEqual((await queue.headsOf(agent.key)).map(({ base }) => base), [4])
})

test('entries below the base are old, whatever they say, and never a fork', async (t) => {
  const { world, agent, order, entries } = settled()
  const queue = await world.queue({ retention })
  await queue.merge(entries, 'test')
  await queue.prune(afterwards)
  const [digest, arrival] = [queue.digest(), queue.history.arrival]
  const other = agent.branch(1)
  for (const state of ['received', 'validated', 'rejected'] as const) other.say(receipts(said(order.id, state)))
  const report = await queue.merge([...entries, ...bytesOf(...other.entries)], 'test')
  t.is(report.accepted.length, 0)
  t.true(report.duplicates >= entries.length)
  t.deepEqual([queue.digest(), queue.history.arrival], [digest, arrival])
})

test('what comes late of an order that is gone leaves no row, and is forgotten in time', async (t) => {
  const { world, order, entries } = settled()
  const late = world.agent('late')
  late.say(receipts(world.statement(late.node.executor, order.id, 'failed')))
  const again = world.agent('again', { life: 'second' })
  again.say(receipts(said(order.id, 'received')))
  const store = new MemoryStore()
  const queue = await world.queue({ store, retention })
  await queue.merge(entries, 'test')
  await queue.prune(afterwards)
  world.admin.say({ kind: 'indication', indication: order.bytes })
  world.cancel(order.id)
  const report = await queue.merge(bytesOf(...late.entries, ...again.entries, ...world.admin.entries), 'test')
  t.true(report.accepted.length > 0)
  for (const prefix of ['q/cell/', 'q/order/', 'q/control/']) t.is((await dump(store, [`${prefix}${order.id}`])).length, 0, prefix)
  t.is(await countRows(store, 'q/gone/'), 1)
  await queue.prune(longAfter)
  t.is(await countRows(store, `q/gone/${order.id}`), 0)
})

test('receipts of an order that never came go when they are older than any order can be', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  agent.say(receipts(said(world.sealOrder().id, 'received')))
  world.checkpoint(agent)
  const store = new MemoryStore()
  const queue = await world.queue({ store, retention })
  await queue.merge(bytesOf(...agent.entries), 'test')
  await queue.prune(afterwards)
  t.is(await countRows(store, 'q/cell/'), 1)
  await queue.prune(longAfter)
  t.deepEqual([await countRows(store, 'q/cell/'), await countRows(store, 'q/entry/')], [0, 1])
})

test('a log begins at a checkpoint only where its giver holds nothing below', async (t) => {
  const { world, agent, next, entries } = settled()
  const late = bytesOf(...agent.entries.slice(3), ...world.admin.entries.slice(2))
  const strict = await world.queue()
  const report = await strict.merge(late, 'gossip')
  t.deepEqual([report.accepted.length, (await strict.head(agent.key, agent.incarnation)).sequence], [0, 0])
  const queue = await world.queue()
  t.is((await queue.merge(late, 'peer', { mayBeginAtCheckpoint: true })).accepted.length, late.length)
  t.is((await queue.rowsOf(next.id))[0]?.state, 'received')
  const whole = await world.queue()
  await whole.merge(entries, 'test')
  t.deepEqual(queue.digest(), whole.digest())
  t.deepEqual(await headsOf(queue, world, agent), await headsOf(whole, world, agent))
  t.is((await queue.merge(bytesOf(agent.say(receipts(world.statement(agent.node.executor, next.id, 'succeeded')))), 'test')).accepted.length, 1)
  t.is((await queue.rowsOf(next.id))[0]?.state, 'succeeded')
})

test('a log that was left behind goes on at a checkpoint, and what it held below goes', async (t) => {
  const { world, agent } = settled()
  const store = new MemoryStore()
  const queue = await world.queue({ store, retention })
  await queue.merge(bytesOf(...agent.entries.slice(0, 2)), 'test')
  await queue.merge(bytesOf(...agent.entries.slice(3)), 'peer', { mayBeginAtCheckpoint: true })
  t.deepEqual((await queue.headsOf(agent.key)).map(({ base, head }) => [base, head.sequence]), [[4, 5]])
  await queue.prune(afterwards)
  t.is(await countRows(store, 'q/entry/'), 2)
})

test("a checkpoint's credential counts like any, and a node's checkpoint without one begins nothing", async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const next = world.mesh.key('executor:a renewed')
  agent.say({ kind: 'checkpoint', credential: world.renewed('a', next).bytes })
  agent.say(receipts(world.statement(next, order.id, 'running')))
  const queue = await world.queue()
  t.deepEqual((await queue.merge(bytesOf(...agent.entries, ...world.admin.entries), 'test')).rejections, [])
  t.is(queue.node(agent.key)?.executor, next.key)
  const bare = world.agent('b')
  const empty = bare.say({ kind: 'checkpoint', credential: null })
  t.deepEqual((await queue.merge(bytesOf(empty), 'peer', { mayBeginAtCheckpoint: true })).rejections.map(({ code }) => code), ['unknown-author'])
  const foreign = world.agent('c')
  const stolen = foreign.say({ kind: 'checkpoint', credential: agent.node.credential.bytes })
  t.deepEqual((await queue.merge(bytesOf(stolen), 'peer', { mayBeginAtCheckpoint: true })).rejections.map(({ code }) => code), ['bad-credential'])
})

test('endpoints that drop at any moments come to the same heads, digests and rows of what is kept', async (t) => {
  const { world, agent } = settled()
  const more = world.agent('b')
  for (let round = 0; round < 3; round += 1) {
    const order = world.order({ createdAt: madeAt + 10 + round, expiresAt: madeAt + (round === 1 ? 60 * dayMs : dayMs / 2) })
    for (const author of [agent, more]) {
      author.say(receipts(said(order.id, 'received')))
      author.say(receipts(world.statement(author.node.executor, order.id, 'succeeded')))
      world.checkpoint(author)
    }
    world.checkpoint(world.admin)
  }
  const entries = bytesOf(...world.admin.entries, ...agent.entries, ...more.entries)
  const kept = ['q/node/', 'q/order/', 'q/age/', 'q/expiry/', 'q/control/', 'q/cell/']
  const reference = new MemoryStore()
  const straight = await world.queue({ store: reference, retention })
  await straight.merge(entries, 'test')
  await straight.prune(afterwards)
  const wanted = await dump(reference, kept)
  t.true(wanted.length > 5)
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...entries, ...entries], { minLength: entries.length * 2 }), fc.array(fc.record({ size: fc.integer({ min: 1, max: 6 }), prunes: fc.boolean() }), { minLength: 12, maxLength: 12 }), async (shuffled, steps) => {
      const store = new MemoryStore()
      const queue = await world.queue({ store, retention, name: 'other' })
      let rest = shuffled
      for (const { size, prunes } of [...steps, { size: rest.length, prunes: true }]) {
        await queue.merge(rest.slice(0, size), 'test')
        rest = rest.slice(size)
        if (prunes) await queue.prune(afterwards)
      }
      if (!Buffer.from(queue.digest()).equals(straight.digest())) throw new Error('the digests differ')
      if (JSON.stringify(await headsOf(queue, world, agent, more)) !== JSON.stringify(await headsOf(straight, world, agent, more))) throw new Error('the heads differ')
      const found = await dump(store, kept)
      if (found.join('\n') !== wanted.join('\n')) throw new Error(`the rows differ:\n${found.filter((line) => !wanted.includes(line)).join('\n')}\n--\n${wanted.filter((line) => !found.includes(line)).join('\n')}`)
    }),
    { numRuns: 60 }
  )
})
