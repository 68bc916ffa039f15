import test from 'ava'
import { comesOutAlike } from './any-order.ts'
import { bytesOf, madeAt, receipts, said, World } from './world.ts'

/** Two branches of an agent's log that part at 4, and two of the admin's that part at 3. */
const forked = () => {
  const world = new World()
  const agent = world.agent('a')
  const other = world.agent('a', { life: 'second' })
  const [first, second] = [world.order(), world.order()]
  agent.say(receipts(said(first.id, 'received'), said(second.id, 'received')))
  agent.say(receipts(said(second.id, 'validated')))
  const branch = agent.branch(3)
  agent.say(receipts(world.statement(agent.node.executor, first.id, 'succeeded')))
  agent.say(receipts(world.statement(agent.node.executor, second.id, 'succeeded')))
  branch.say(receipts(world.statement(agent.node.executor, first.id, 'failed')))
  branch.say({ kind: 'fault', fault: { kind: 'none', subject: '', detail: '' } })
  branch.say({ kind: 'credential', credential: agent.node.credential.bytes })
  other.say(receipts(world.statement(agent.node.executor, first.id, 'running')))
  const admin = world.admin.branch(2)
  const third = world.order()
  world.cancel(first.id)
  const lost = world.sealOrder({ name: 'lost' })
  admin.say({ kind: 'indication', indication: lost.bytes })
  return { world, agent, branch, other, admin, first, second, third, lost }
}

test('a fork freezes its log below the conflict, and only that life of it', async (t) => {
  const { world, agent, branch, other, first, second } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries.slice(0, 2), ...agent.entries, ...other.entries), 'test')
  t.deepEqual((await queue.rowsOf(first.id)).map(({ state }) => state), ['succeeded'])
  const report = await queue.merge(bytesOf(...branch.entries.slice(3)), 'test')
  t.true(report.rejections.every(({ code }) => code === 'forked-log'))
  t.deepEqual(report.logs.map(({ sequence, frozenAt }) => [sequence, frozenAt]), [[3, 4]])
  t.deepEqual((await queue.rowsOf(first.id)).map(({ state }) => state), ['running'])
  t.deepEqual((await queue.rowsOf(second.id)).map(({ state }) => state), ['validated'])
  t.deepEqual((await queue.headsOf(agent.key)).map(({ head, frozenAt }) => [head.sequence, frozenAt]).sort(), [[2, null], [3, 4]])
  const kept = await queue.entriesOfLog(agent.key, agent.incarnation, 4, { countMax: 10, sizeBytesMax: 1e6 })
  t.true(kept.some((bytes) => Buffer.compare(bytes, agent.entries[3]?.bytes ?? bytes.slice(1)) === 0))
  t.true(kept.some((bytes) => Buffer.compare(bytes, branch.entries[3]?.bytes ?? bytes.slice(1)) === 0))
  const more = await queue.merge(bytesOf(agent.say(receipts(world.statement(agent.node.executor, second.id, 'failed')))), 'test')
  t.deepEqual([more.accepted.length, more.rejections[0]?.code], [0, 'forked-log'])
})

test('an entry that names another predecessor than the one held freezes its log one step earlier', async (t) => {
  const { world, agent, branch } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...agent.entries), 'test')
  await queue.merge(bytesOf(...branch.entries.slice(4, 5)), 'test')
  t.deepEqual((await queue.headsOf(agent.key)).map(({ head, frozenAt }) => [head.sequence, frozenAt]), [[3, 4]])
})

test("orders and cancels above a fork of the admin's log are taken back", async (t) => {
  const { world, agent, admin, first, third } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries.slice(0, 1)), 'test')
  t.is((await queue.orders()).length, 3)
  t.is(queue.controlsFor(first.id).length, 1)
  await queue.merge(bytesOf(...admin.entries), 'test')
  t.is((await queue.orders()).length, 2)
  t.is(await queue.order(third.id), undefined)
  t.is(queue.controlsFor(first.id).length, 0)
  t.is(queue.notAttempted(agent.key, madeAt, new Set(), { countMax: 10, sizeBytesMax: 1e6 }).orders.length, 2)
})

test('forked logs freeze the same way everywhere, whatever arrived first', async (t) => {
  const { world, agent, branch, other, admin } = forked()
  const entries = bytesOf(...world.admin.entries, ...admin.entries.slice(2), ...agent.entries, ...branch.entries.slice(3), ...other.entries)
  await t.notThrowsAsync(comesOutAlike(world, entries))
})
