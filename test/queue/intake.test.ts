import test from 'ava'
import { decodeRecord } from '../../src/record/record.ts'
import { statementKind } from '../../src/record/statement.ts'
import { verifySignature, type CheckSignature } from '../../src/record/keys.ts'
import { bytesOf, receipts, said, spoil, World } from './world.ts'
import type { RecordId } from '../../src/base/brand.ts'
import type { Receipt } from '../../src/record/entry.ts'

/** Counts the signatures that a queue checks. */
const counting = (): { checkSignature: CheckSignature; count: () => number } => {
  let checks = 0
  const checkSignature: CheckSignature = (...signed) => {
    checks += 1
    return verifySignature(...signed)
  }
  return { checkSignature, count: () => checks }
}

const idOf = (receipt: Receipt): RecordId => {
  const decoded = receipt.kind === 'executor' ? decodeRecord(statementKind, receipt.statement) : undefined
  if (decoded?.ok !== true) throw new Error('no statement')
  return decoded.value.id
}

const spoilStatement = (receipt: Receipt): Receipt => (receipt.kind === 'executor' ? { ...receipt, statement: spoil(receipt.statement) } : receipt)

/** An agent whose executor has said two linked things about each of its orders, an entry for each order. */
const busy = (orders: number, change: (receipt: Receipt, index: number) => Receipt = (receipt) => receipt) => {
  const world = new World()
  const agent = world.agent('a')
  const { executor } = agent.node
  let previous: RecordId | null = null
  const ids = Array.from({ length: orders }, (_, index) => {
    const order = world.order()
    const running = world.statement(executor, order.id, 'running', { previous })
    const outcome = world.statement(executor, order.id, 'succeeded', { previous: idOf(running) })
    previous = idOf(outcome)
    agent.say(receipts(running, change(outcome, index)))
    return order.id
  })
  return { world, agent, ids }
}

test('a run of entries costs one verification, and the statements of each another', async (t) => {
  const { world, agent, ids } = busy(8)
  const { checkSignature, count } = counting()
  const queue = await world.queue({ checkSignature })
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  const before = count()
  const report = await queue.merge(bytesOf(...agent.entries), 'test')
  t.is(report.accepted.length, 9)
  t.is(count() - before, 9)
  for (const id of ids) t.is((await queue.rowsOf(id))[0]?.state, 'succeeded')
})

test('a forged statement keeps its entry out, whatever comes along', async (t) => {
  const { world, agent } = busy(2, (receipt, index) => (index === 0 ? spoilStatement(receipt) : receipt))
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  const alone = await queue.merge(bytesOf(...agent.entries.slice(0, 2)), 'test')
  t.deepEqual(alone.rejections.map(({ code, author }) => [code, author]), [['bad-signature', agent.key]])
  const together = await queue.merge(bytesOf(...agent.entries), 'test')
  t.deepEqual(together.rejections.map(({ code, entry }) => [code, entry]), [['bad-signature', agent.entries[1]?.id]])
  t.is((await queue.head(agent.key, agent.incarnation)).sequence, 1)
})

test('a statement that another of its entry links to counts, whatever its own signature says', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const running = world.statement(agent.node.executor, order.id, 'running')
  agent.say(receipts(spoilStatement(running), world.statement(agent.node.executor, order.id, 'succeeded', { previous: idOf(running) })))
  const queue = await world.queue()
  t.deepEqual((await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')).rejections, [])
  t.is((await queue.rowsOf(order.id))[0]?.state, 'succeeded')
})

test('an entry that one which waits links to is taken in, whatever its own signature says', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  agent.say(receipts(said(order.id, 'received')))
  agent.say(receipts(said(order.id, 'validated')))
  const [first, second, third] = bytesOf(...agent.entries)
  if (first === undefined || second === undefined || third === undefined) return t.fail()
  const { checkSignature, count } = counting()
  const queue = await world.queue({ checkSignature })
  t.deepEqual((await queue.merge([first, spoil(second)], 'test')).rejections.map(({ code }) => code), ['bad-signature'])
  await queue.merge([third], 'test')
  const before = count()
  t.is((await queue.merge([spoil(second)], 'test')).accepted.length, 2)
  t.is(count(), before)
  t.is((await queue.head(agent.key, agent.incarnation)).sequence, 3)
})

test('a forged entry at the end of a run does not count, and those before it do', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  for (const state of ['received', 'retrieving', 'validated'] as const) agent.say(receipts(said(order.id, state)))
  const [first, second, third, fourth] = bytesOf(...agent.entries)
  if (first === undefined || second === undefined || third === undefined || fourth === undefined) return t.fail()
  const queue = await world.queue()
  const report = await queue.merge([first, second, spoil(third), spoil(fourth), ...bytesOf(...world.admin.entries)], 'test')
  t.deepEqual(report.rejections.map(({ code, entry }) => [code, entry]), [['bad-signature', agent.entries[2]?.id], ['bad-signature', agent.entries[3]?.id]])
  t.is((await queue.head(agent.key, agent.incarnation)).sequence, 2)
  t.is((await queue.rowsOf(order.id))[0]?.state, 'received')
})
