import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { limits } from '../../src/base/limits.ts'
import { isNotAttempted } from '../../src/queue/views.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { indicationKind } from '../../src/record/indication.ts'
import { payloadOf } from '../fixtures/orders.ts'
import { bytesOf, dayMs, madeAt, plenty, receipts, said, signerOf, World } from './world.ts'
import type { AgentState } from '../../src/record/entry.ts'
import type { IndicationId } from '../../src/base/brand.ts'
import type { Handover } from '../../src/queue/order-views.ts'
import type { StatementBody } from '../../src/record/statement.ts'

const namesOf = (orders: readonly Handover[]): string[] =>
  orders.map(({ indication }) => {
    const decoded = decodeRecord(indicationKind, indication)
    return decoded.ok ? decoded.value.body.name : ''
  })

const nothing: ReadonlySet<IndicationId> = new Set<IndicationId>()

test('an agent is handed what it was not told yet, the urgent first, then the old', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  world.order({ name: 'old' })
  world.order({ name: 'new', createdAt: madeAt + 1 })
  world.order({ name: 'urgent', createdAt: madeAt + 2, priority: 9 })
  const had = world.order({ name: 'had' })
  world.order({ name: 'elsewhere', target: { kind: 'nodes', nodes: [signerOf('elsewhere').key] } })
  world.order({ name: 'later', notBefore: madeAt + 100 })
  world.order({ name: 'over', expiresAt: madeAt + 10 })
  const queue = await world.queue()
  await queue.merge(bytesOf(...agent.entries, ...world.admin.entries), 'test')
  const have = new Set([had.id])
  t.deepEqual(namesOf(queue.notAttempted(agent.key, madeAt + 11, have, plenty).orders), ['urgent', 'old', 'new'])
  t.true(namesOf(queue.notAttempted(agent.key, madeAt + 100, have, plenty).orders).includes('later'))
  t.deepEqual(queue.notAttempted(agent.key, madeAt + dayMs + 1, nothing, plenty).orders, [])
  t.deepEqual(queue.notAttempted(signerOf('nobody').key, madeAt, nothing, plenty), { orders: [], more: false })
})

test('what does not fit is left for the next time, and at least one order fits', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  for (let index = 0; index < 3; index += 1) world.order({ createdAt: madeAt + index })
  const queue = await world.queue()
  await queue.merge(bytesOf(...agent.entries, ...world.admin.entries), 'test')
  for (const bounds of [{ countMax: 1, sizeBytesMax: 1e6 }, { countMax: 10, sizeBytesMax: 1 }]) {
    const { orders, more } = queue.notAttempted(agent.key, madeAt, nothing, bounds)
    t.deepEqual([orders.length, more], [1, true])
  }
  t.false(queue.notAttempted(agent.key, madeAt, nothing, { countMax: 3, sizeBytesMax: 1e6 }).more)
})

const handedOut = test.macro({
  exec: async (t, by: 'agent' | 'executor', state: string) => {
    const world = new World()
    const agent = world.agent('a')
    const order = world.order()
    agent.say(receipts(by === 'agent' ? said(order.id, state as AgentState) : world.statement(agent.node.executor, order.id, state as StatementBody['state'])))
    const queue = await world.queue()
    await queue.merge(bytesOf(...agent.entries, ...world.admin.entries), 'test')
    const wanted = isNotAttempted(state as AgentState) ? 1 : 0
    t.is(queue.notAttempted(agent.key, madeAt, nothing, plenty).orders.length, wanted)
    t.is(queue.nodes()[0]?.queueLength, state === 'running' ? 1 : wanted)
  },
  title: (_, by: string, state: string) => `after ${state} of the ${by} an order is handed out as its state demands`
})

for (const state of ['received', 'retrieving', 'validated', 'rejected', 'expired']) test(handedOut, 'agent', state)
for (const state of ['running', 'succeeded', 'failed', 'interrupted', 'skipped']) test(handedOut, 'executor', state)

test('an agent that joins later gets the open orders that select it', async (t) => {
  const world = new World()
  const target = { kind: 'select' as const, selector: 'role=web', enrolledUntil: madeAt + 50 }
  const order = world.order({ target })
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  const web = world.agent('web', { labels: { role: 'web' } })
  const late = world.agent('late', { labels: { role: 'web' }, credential: { enrolledAt: madeAt + 51 } })
  await queue.merge(bytesOf(...web.entries, ...late.entries), 'test')
  t.is(queue.notAttempted(web.key, madeAt, nothing, plenty).orders.length, 1)
  t.is(queue.notAttempted(late.key, madeAt, nothing, plenty).orders.length, 0)
  t.deepEqual((await queue.rowsOf(order.id)).map(({ agentName }) => agentName), ['web'])
})

test('an order is found by a unique prefix, and by nothing else', async (t) => {
  const world = new World()
  const orders = Array.from({ length: 40 }, () => world.order())
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  const [first] = orders
  const found = await queue.findOrder(first?.id.slice(0, 20) ?? '')
  t.true(found.ok && found.value.indication === first?.id)
  // Forty ids begin with at most 32 different letters.
  const letters = orders.map(({ id }) => id.slice(0, 1))
  const twice = letters.find((letter, index) => letters.indexOf(letter) !== index) ?? ''
  for (const [prefix, code] of [[twice, 'ambiguous-indication'], ['', 'unknown-indication'], ['UPPER', 'unknown-indication'], ['~', 'unknown-indication'], ['2'.repeat(52), 'unknown-indication']] as const) {
    const result = await queue.findOrder(prefix)
    t.is(result.ok ? '' : result.code, code, prefix)
  }
})

test('orders come newest first, from a time on, and no more than wanted', async (t) => {
  const world = new World()
  for (const [index, name] of ['a', 'b', 'c'].entries()) world.order({ name, createdAt: madeAt + index, expiresAt: madeAt + index + 10 })
  const queue = await world.queue({ now: () => madeAt + 11 })
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  t.deepEqual((await queue.orders()).map(({ name }) => name), ['c', 'b', 'a'])
  t.deepEqual((await queue.orders({ sinceMs: madeAt + 1 })).map(({ name }) => name), ['c', 'b'])
  t.deepEqual((await queue.orders({ limit: 1 })).map(({ name }) => name), ['c'])
})

test('a silent agent reads as expired once its order is, and the stored state stays', async (t) => {
  const world = new World()
  const [silent, done] = [world.agent('silent'), world.agent('done')]
  const order = world.order()
  done.say(receipts(world.statement(done.node.executor, order.id, 'succeeded')))
  let now = madeAt
  const queue = await world.queue({ now: () => now })
  await queue.merge(bytesOf(...world.admin.entries, ...silent.entries, ...done.entries), 'test')
  const digest = queue.digest()
  now = madeAt + dayMs + 1
  t.deepEqual((await queue.rowsOf(order.id)).map(({ agentName, state, at }) => [agentName, state, at]), [['done', 'succeeded', madeAt + 2], ['silent', 'expired', madeAt + dayMs]])
  t.is((await queue.order(order.id))?.counts.expired, 1)
  t.deepEqual((await queue.queueOf(silent.key, { status: 'expired' })).length, 1)
  t.deepEqual(await queue.queueOf(silent.key, { status: 'queued' }), [])
  t.deepEqual(queue.digest(), digest)
  now = madeAt
  t.is((await queue.rowsOf(order.id))[1]?.state, 'queued')
})

test('payloads are needed until their last order expires', async (t) => {
  const world = new World()
  const [one, two] = [payloadOf(new Uint8Array([1])).ref, payloadOf(new Uint8Array([2])).ref]
  world.order({ payload: one, expiresAt: madeAt + 10 })
  world.order({ payload: one, expiresAt: madeAt + 20 })
  world.order({ payload: two, expiresAt: madeAt + 10 })
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  t.deepEqual(queue.payloadsNeeded(madeAt).map(({ cid }) => cid).sort(), [one.cid, two.cid].sort())
  t.deepEqual(queue.payloadsNeeded(madeAt + 11).map(({ cid }) => cid), [one.cid])
  t.deepEqual(queue.payloadsNeeded(madeAt + 21), [])
})

test('the payload of an order that its own admin took back is not needed any more', async (t) => {
  const world = new World()
  const kept = world.order({ payload: payloadOf(new Uint8Array([1])).ref })
  const takenBack = world.order({ payload: payloadOf(new Uint8Array([2])).ref })
  world.cancel(takenBack.id)
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  t.deepEqual(queue.payloadsNeeded(madeAt), [kept.body.payload])
})

test('two nodes that took one name show it with the beginning of their keys', async (t) => {
  const world = new World()
  const [one, two, other] = [world.agent('one', { credential: { name: 'web' } }), world.agent('two', { credential: { name: 'web' } }), world.agent('other')]
  const queue = await world.queue()
  await queue.merge(bytesOf(...one.entries, ...other.entries), 'test')
  t.deepEqual(queue.nodes().map(({ name }) => name), ['other', 'web'])
  t.deepEqual(queue.profiles().map((profile) => ({ ...profile, queueLength: 0 })), queue.nodes())
  await queue.merge(bytesOf(...two.entries), 'test')
  t.deepEqual(queue.nodes().map(({ name }) => name), ['other', ...[one, two].map(({ key }) => `web~${key.slice(0, 6)}`).sort()])
})

test('a presence of somebody unknown, or one that is forged, is refused', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const queue = await world.queue()
  const unknown = await queue.notePresence(world.presence('a', madeAt), madeAt)
  t.is(unknown.ok ? '' : unknown.code, 'unknown-node')
  await queue.merge(bytesOf(...agent.entries), 'test')
  const forged = world.presence('a', madeAt)
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  const refused = await queue.notePresence(forged, madeAt)
  t.is(refused.ok ? '' : refused.code, 'bad-signature')
  t.is(queue.nodes()[0]?.lastContactAt, null)
  t.deepEqual(await queue.notePresence(world.presence('a', madeAt), madeAt + 1e9), { ok: true, value: true })
  t.is(queue.nodes()[0]?.lastContactAt, madeAt + 1000)
})

test('a presence that is known tells of a contact, and is no news; one that was replaced tells nothing', async (t) => {
  const world = new World()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.agent('a').entries), 'test')
  const [older, newer] = [world.presence('a', madeAt), world.presence('a', madeAt + 1)]
  const contacts: unknown[] = []
  for (const [record, contactAt] of [[older, 10], [older, 20], [older, 15], [newer, 30], [newer, 40], [older, 50]] as const) {
    const noted = await queue.notePresence(record, madeAt + contactAt)
    contacts.push([noted.ok && noted.value, (queue.nodes()[0]?.lastContactAt ?? 0) - madeAt])
  }
  t.deepEqual(contacts, [[true, 10], [false, 20], [false, 20], [true, 30], [false, 40], [false, 40]])
})

test('with label, an order and its rows go when they are old enough, and heads and digest stay', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  agent.say(receipts(world.statement(agent.node.executor, order.id, 'succeeded')))
  world.cancel(order.id)
  const queue = await world.queue({ retention: { mode: 'label', ageMs: dayMs } })
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  const [digest, arrival] = [queue.digest(), queue.history.arrival]
  t.deepEqual(await queue.prune(madeAt + 2 * dayMs), { orders: 0, rows: 0 })
  t.is((await queue.rowsOf(order.id)).length, 1)
  t.deepEqual(await queue.prune(madeAt + 2 * dayMs + 1), { orders: 1, rows: 0 })
  t.deepEqual([await queue.orders(), await queue.rowsOf(order.id), queue.controlsFor(order.id)], [[], [], []])
  t.deepEqual([queue.digest(), queue.history.arrival], [digest, arrival])
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  t.deepEqual(await queue.orders(), [])
  t.is((await queue.history.entriesAfter(0, plenty)).entries.length, arrival)
})

test('with remove, a row goes once it has ended and is not handed out again, and its order goes after its expiry', async (t) => {
  const world = new World()
  const [done, busy] = [world.agent('done'), world.agent('busy')]
  const order = world.order()
  done.say(receipts(world.statement(done.node.executor, order.id, 'succeeded')))
  const queue = await world.queue({ retention: { mode: 'remove', ageMs: dayMs } })
  await queue.merge(bytesOf(...world.admin.entries, ...done.entries, ...busy.entries), 'test')
  t.is((await queue.rowsOf(order.id)).length, 2)
  t.deepEqual(await queue.prune(madeAt), { orders: 0, rows: 1 })
  t.deepEqual((await queue.rowsOf(order.id)).map(({ agentName }) => agentName), ['busy'])
  t.deepEqual(await queue.queueOf(done.key), [])
  t.is((await queue.order(order.id))?.counts.succeeded, 1)
  t.deepEqual(queue.notAttempted(done.key, madeAt, nothing, plenty).orders, [])
  t.deepEqual(await queue.prune(madeAt), { orders: 0, rows: 0 })
  t.deepEqual(await queue.prune(madeAt + dayMs + limits.trust.clockToleranceMs + 1), { orders: 1, rows: 0 })
  t.deepEqual(await queue.orders(), [])
})

test('an order that came while the clock was a day ahead is handed out once that is set right, and so is one that was there when the store was opened', async (t) => {
  const world = new World()
  const agent = world.agent('web1')
  const store = new MemoryStore()
  let aheadMs = 2 * dayMs
  const now = () => madeAt + aheadMs
  const queue = await world.queue({ store, now })
  world.order({ name: 'came' })
  await queue.merge(bytesOf(...agent.entries, ...world.admin.entries), 'test')
  const opened = await world.queue({ store, now })
  const handedBy = async (each: typeof queue): Promise<number> => {
    await each.lookAtClock()
    return each.notAttempted(agent.key, now(), new Set(), plenty).orders.length
  }
  t.deepEqual([await handedBy(queue), await handedBy(opened)], [0, 0])
  aheadMs = 0
  t.deepEqual([await handedBy(queue), await handedBy(opened)], [1, 1])
})
