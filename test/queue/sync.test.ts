import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { WritError } from '../../src/base/errors.ts'
import { answerSync } from '../../src/queue/sync-answer.ts'
import { ask, bytesIn, catchUp, entriesIn, isEqualState, kindsOf, settle, sideOf } from './sync-sides.ts'
import { bytesOf, dayMs, madeAt, receipts, said, World } from './world.ts'
import { newestOf } from '../../src/trust/charter-chain.ts'
import type { Author } from './world.ts'
import type { CursorAnswer, SyncAnswer } from '../../src/queue/sync-message.ts'

const populate = (world: World, agents: number) => {
  const order = world.order()
  const logs = Array.from({ length: agents }, (_, index) => world.agent(`n${index}`))
  for (const log of logs) log.say(receipts(said(order.id, 'received')))
  return { order, logs }
}

const all = (world: World, logs: readonly Author[]): Uint8Array[] => bytesOf(...world.admin.entries, ...logs.flatMap(({ entries }) => entries))

/** Two sides that have met, and hold the same. */
const pair = async (agents: number) => {
  const world = new World()
  const { order, logs } = populate(world, agents)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await right.queue.merge(all(world, logs), 'test')
  await settle(world, left, right)
  await catchUp(world, left, right)
  await catchUp(world, right, left)
  return { world, order, logs, left, right }
}

test('two endpoints that were told different things hold the same after each has asked the other', async (t) => {
  const world = new World()
  const { order, logs } = populate(world, 6)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await left.queue.merge(all(world, logs.slice(0, 3)), 'test')
  await right.queue.merge(bytesOf(...logs.slice(3).flatMap(({ entries }) => entries)), 'test')
  await catchUp(world, left, right)
  await catchUp(world, right, left)
  t.deepEqual(left.queue.digest(), right.queue.digest())
  t.deepEqual(await left.queue.rowsOf(order.id), await right.queue.rowsOf(order.id))
  t.is((await right.queue.order(order.id))?.counts.received, 6)
})

test('endpoints in equal state exchange less than 1 KB', async (t) => {
  const { world, left, right } = await pair(20)
  await right.queue.notePresence(world.presence('n1', madeAt), madeAt)
  await catchUp(world, left, right)
  const { bytes, again, answer } = await ask(world, left, right)
  t.false(again)
  t.is(answer.kind === 'cursor' ? answer.entries.length : -1, 0)
  t.true(bytes < 1024, `${bytes} bytes`)
})

test('where digests are equal nothing is sent, although neither has met the other', async (t) => {
  const world = new World()
  const { logs } = populate(world, 20)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  for (const { queue } of [left, right]) await queue.merge(all(world, logs), 'test')
  const rounds = await catchUp(world, left, right)
  t.is(kindsOf(rounds), 'cursor')
  t.true(bytesIn(rounds) < 1024, `${bytesIn(rounds)} bytes`)
  logs[0]?.say(receipts(said(world.admin.entries[0]?.id ?? ('' as never), 'validated')))
  await right.queue.merge(bytesOf(...(logs[0]?.entries.slice(-1) ?? [])), 'test')
  const news = await catchUp(world, left, right)
  t.deepEqual([kindsOf(news), entriesIn(news)], ['cursor', 1])
})

test('what is new since the last meeting comes in one round trip, and nothing else', async (t) => {
  const { world, order, logs, left, right } = await pair(20)
  const news = logs.slice(0, 7).map((log) => log.say(receipts(said(order.id, 'validated'))))
  await right.queue.merge(bytesOf(...news), 'test')
  const rounds = await catchUp(world, left, right)
  t.deepEqual([kindsOf(rounds), entriesIn(rounds)], ['cursor', 7])
  t.true(isEqualState(left, right))
})

test('entries are not sent back to whom they came from', async (t) => {
  const { world, order, logs, left, right } = await pair(6)
  const [first, second, third] = logs.map((log) => log.say(receipts(said(order.id, 'validated'))))
  if (first === undefined || second === undefined || third === undefined) throw new Error('no entries')
  await right.queue.merge(bytesOf(first), 'an agent')
  await left.queue.merge(bytesOf(second), 'an agent')
  t.is(entriesIn(await catchUp(world, left, right)), 1)
  await right.queue.merge(bytesOf(third), 'an agent')
  const back = await catchUp(world, right, left)
  t.is(entriesIn(back), 1, 'the first one came from the right side')
  t.is(entriesIn(await catchUp(world, left, right)), 1)
  t.true(isEqualState(left, right))
})

test('an endpoint that may have lost what it gave is sent it again', async (t) => {
  const { world, order, logs, left, right } = await pair(2)
  const [entry] = logs.map((log) => log.say(receipts(said(order.id, 'validated'))))
  await left.queue.merge(bytesOf(...(entry === undefined ? [] : [entry])), 'an agent')
  await catchUp(world, right, left)
  right.queue.history.forgetSource(left.key)
  const { storeId, arrival } = right.queue.history
  const question = { kind: 'cursor' as const, storeId, cursor: arrival - 1, presenceCursor: 0, digest: new Uint8Array(32), ...newestOf(world.mesh.chain) }
  const answer = await answerSync(right.queue, world.mesh.chain, left.key, question)
  t.is(answer.kind === 'cursor' ? answer.entries.length : -1, 1)
})

test('a cursor outlives a restart of the asker; a new store of the answerer that holds the same costs one round', async (t) => {
  const { world, logs, left, right } = await pair(5)
  const restarted = await sideOf(world, 'left', { store: left.store })
  t.is(kindsOf(await catchUp(world, restarted, right)), 'cursor')
  const rebuilt = { ...(await sideOf(world, 'right rebuilt')), key: right.key }
  t.not(rebuilt.queue.history.storeId, right.queue.history.storeId)
  await rebuilt.queue.merge(all(world, logs), 'test')
  const rounds = await catchUp(world, restarted, rebuilt)
  t.deepEqual([kindsOf(rounds), entriesIn(rounds)], ['cursor', 0])
})

test('where the cursor belongs to no store of the answerer, only what is missing is fetched', async (t) => {
  const { world, order, logs, left, right } = await pair(300)
  const rebuilt = { ...(await sideOf(world, 'right rebuilt')), key: right.key }
  const news = logs.slice(100, 103).map((log) => log.say(receipts(said(order.id, 'validated'))))
  await rebuilt.queue.merge(all(world, logs), 'test')
  const rounds = await catchUp(world, left, rebuilt)
  t.is(entriesIn(rounds), 3)
  t.true(rounds.length <= 5, kindsOf(rounds))
  t.true(isEqualState(left, rebuilt))
  const missing = news.reduce((total, { bytes }) => total + bytes.length, 0)
  t.true(bytesIn(rounds) <= missing * 1.5 + 4096 + 3 * 700, `${bytesIn(rounds)} bytes for ${missing}`)
  t.is(kindsOf(await catchUp(world, left, rebuilt)), 'cursor')
})

test('a cursor beyond what the answerer has is lost: nothing is sent before the heads were compared', async (t) => {
  const world = new World()
  const { logs } = populate(world, 2)
  const right = await sideOf(world, 'right')
  await right.queue.merge(all(world, logs), 'test')
  const question = { kind: 'cursor' as const, storeId: right.queue.history.storeId, cursor: 99, presenceCursor: 0, digest: new Uint8Array(32), ...newestOf(world.mesh.chain) }
  const answer = (await answerSync(right.queue, world.mesh.chain, right.key, question)) as CursorAnswer
  t.deepEqual([answer.isLost, answer.entries.length, answer.next], [true, 0, right.queue.history.arrival])
})

const withoutFirst = (answer: SyncAnswer): SyncAnswer => (answer.kind === 'cursor' ? { ...answer, entries: answer.entries.slice(1) } : answer)

test('an entry that a cursor has passed and that was lost is fetched when both are at rest', async (t) => {
  const { world, order, logs, left, right } = await pair(3)
  await right.queue.merge(bytesOf(...logs.map((log) => log.say(receipts(said(order.id, 'validated'))))), 'test')
  await ask(world, left, right, withoutFirst)
  t.false(isEqualState(left, right))
  let rounds = 0
  while (!isEqualState(left, right) && rounds < 20) {
    await catchUp(world, left, right)
    rounds += 1
  }
  t.true(rounds <= limits.sync.idleRoundsMin, `${rounds} rounds`)
})

test('an entry that was lost is fetched although there is news in every round', async (t) => {
  const { world, order, logs, left, right } = await pair(3)
  await right.queue.merge(bytesOf(...logs.map((log) => log.say(receipts(said(order.id, 'validated'))))), 'test')
  await ask(world, left, right, withoutFirst)
  const busy = world.agent('busy')
  let rounds = 0
  let compared = false
  while (!compared && rounds < 100) {
    await right.queue.merge(bytesOf(...busy.entries.slice(rounds, rounds + 1)), 'test')
    busy.say(receipts(said(order.id, 'received')))
    compared = (await catchUp(world, left, right)).length > 1
    rounds += 1
  }
  t.true(rounds <= limits.sync.busyRoundsMin, `${rounds} rounds`)
  t.true(isEqualState(left, right))
})

test('heads are compared with one endpoint at a time, unless that takes too long', async (t) => {
  const world = new World()
  const { logs } = populate(world, 10)
  let now = madeAt
  const left = await sideOf(world, 'left', { now: () => now })
  const [right, other] = [await sideOf(world, 'right'), await sideOf(world, 'other')]
  for (const { queue } of [right, other]) await queue.merge(all(world, logs), 'test')
  t.true((await ask(world, left, right)).again)
  t.false((await ask(world, left, other)).again)
  now += limits.sync.turnMsMax
  t.true((await ask(world, left, other)).again)
  await catchUp(world, left, other)
  t.true(isEqualState(left, other))
  const next = await ask(world, left, right)
  t.is(next.question.kind, 'cursor', 'the comparison that lost its turn is not taken up again')
  t.is(next.bytes < 1024, true)
})

test('a comparison that was broken off begins anew', async (t) => {
  const world = new World()
  const { logs } = populate(world, 10)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await right.queue.merge(all(world, logs), 'test')
  await ask(world, left, right)
  await ask(world, left, right)
  left.client.giveUp(right.key)
  await catchUp(world, left, right)
  t.true(isEqualState(left, right))
})

test('the newest presence wins on both sides, and comes with its last contact', async (t) => {
  const { world, left, right } = await pair(1)
  await right.queue.notePresence(world.presence('n0', madeAt + 1, '1.0.0'), madeAt + 10)
  await catchUp(world, left, right)
  await right.queue.notePresence(world.presence('n0', madeAt, '0.9.0'), madeAt + 20)
  await right.queue.notePresence(world.presence('n0', madeAt + 2, '1.1.0'), madeAt + 30)
  await catchUp(world, left, right)
  t.deepEqual(left.queue.nodes().map(({ name, release, lastContactAt }) => [name, release, lastContactAt]), [['n0', '1.1.0', madeAt + 30]])
  t.deepEqual(left.queue.digest(), right.queue.digest())
})

test('an endpoint that knows no node yet learns of presences after their logs', async (t) => {
  const world = new World()
  const { logs } = populate(world, 3)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await right.queue.merge(all(world, logs), 'test')
  await right.queue.notePresence(world.presence('n0', madeAt, '1.0.0'), madeAt)
  await catchUp(world, left, right)
  t.is(left.queue.nodes().find(({ name }) => name === 'n0')?.release, '1.0.0')
})

test('what could not be stored is asked for again', async (t) => {
  const world = new World()
  const log = world.agent('talker')
  const detail = 'x'.repeat(1000)
  for (let count = 0; count < 2500; count += 1) log.say({ kind: 'fault', fault: { kind: 'none', subject: String(count), detail } })
  class FullStore extends MemoryStore {
    isFull = false
    override async write(...args: Parameters<MemoryStore['write']>): Promise<void> {
      if (this.isFull) throw new WritError('store-write-failed', 'the disk is full')
      return super.write(...args)
    }
  }
  const store = new FullStore()
  const [left, right] = [await sideOf(world, 'left', { store }), await sideOf(world, 'right')]
  await right.queue.merge(bytesOf(...log.entries), 'test')
  for (let round = 0; round < 3; round += 1) t.true((await ask(world, left, right)).again)
  store.isFull = true
  await t.throwsAsync(async () => catchUp(world, left, right), { code: 'store-write-failed' })
  store.isFull = false
  await catchUp(world, left, right)
  t.true(isEqualState(left, right))
})

test('logs of which the answerer has dropped the beginning are taken over from their checkpoints on', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  agent.say(receipts(said(order.id, 'received')))
  agent.say(receipts(world.statement(agent.node.executor, order.id, 'succeeded')))
  world.checkpoint(agent)
  world.checkpoint(world.admin)
  agent.say(receipts(said(world.order({ createdAt: madeAt + 1, expiresAt: madeAt + 50 * dayMs }).id, 'received')))
  const right = await sideOf(world, 'right', { retention: { mode: 'label', ageMs: dayMs } })
  const [fresh, behind] = [await sideOf(world, 'fresh'), await sideOf(world, 'behind')]
  await right.queue.merge(bytesOf(...agent.entries.slice(0, 1)), 'test')
  await catchUp(world, behind, right)
  t.true(isEqualState(behind, right))
  await right.queue.merge(all(world, [agent]), 'test')
  for (let turn = 0; turn < 2; turn += 1) await right.queue.prune(madeAt + 2 * dayMs + 1000)
  t.deepEqual((await right.queue.headsOf(agent.key)).map(({ base }) => base), [4])
  for (const side of [fresh, behind]) {
    const rounds = await catchUp(world, side, right)
    t.true(rounds.some(({ answer }) => answer.kind !== 'ranges' && answer.isTrimmed))
    t.true(isEqualState(side, right))
  }
})
