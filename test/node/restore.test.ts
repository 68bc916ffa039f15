/** Nodes whose stores were restored from a backup, and endpoints that know more of their logs than they do. */
import test from 'ava'
import { encodeCbor, decodeOwn } from '../../src/base/codec.ts'
import { limits } from '../../src/base/limits.ts'
import { answerPull } from '../../src/node/endpoint/endpoint-pull.ts'
import { copyStore } from '../fixtures/store-copy.ts'
import { endpointWorld, type EndpointWorld } from './endpoint-world.ts'
import { admitNode } from './in-memory.ts'
import { order, setUp, stateOf, statementOf, type SetUp } from './node-world.ts'
import { settled } from './manual-time.ts'
import type { Indication } from '../../src/trust/order.ts'
import type { PullAnswer } from '../../src/node/protocol/pull.ts'
import type { ToExecutor } from '../../src/executor/ipc.ts'

/** Runs an order to its end, as far as the node is concerned. */
const runOrder = async (all: SetUp, states: readonly ('running' | 'succeeded')[] = ['running', 'succeeded']): Promise<Indication> => {
  const indication = await order(all)
  await all.made.clock.pass(40_000)
  for (const state of states) await all.executor.say({ kind: 'statement', statement: statementOf(all, indication, state) })
  await all.made.clock.pass(1000)
  return indication
}

const adoptedBy = ({ executor }: SetUp): Uint8Array[] => executor.told.flatMap((message) => (message.kind === 'adopt' ? message.statements : []))
const kindsOf = (told: readonly ToExecutor[]): string[] => told.map(({ kind }) => kind)
const livesOf = async ({ made, network }: SetUp) => made.queue.headsOf(network.self)

/** A node that ran one order after its backup was taken, was lost, and is here again from the backup. */
const restored = async (states: readonly ('running' | 'succeeded')[] = ['running', 'succeeded']) => {
  const first = await setUp()
  await first.join()
  const backup = await copyStore(first.store)
  const indication = await runOrder(first, states)
  first.node.stop()
  const second = await setUp({ store: backup, made: first.made })
  return { first, second, indication }
}

test('a restored node hands its executor what it had said before any order, and goes on in a new life without a fork', async (t) => {
  const { second, indication } = await restored()
  const later = await order(second)
  await second.join()
  await second.made.clock.pass(40_000)
  t.deepEqual(adoptedBy(second), [statementOf(second, indication, 'running'), statementOf(second, indication, 'succeeded')])
  t.deepEqual(kindsOf(second.executor.told), ['adopt', 'caught-up', 'order'])
  t.is(await stateOf(second, later), 'received')
  const lives = await livesOf(second)
  t.is(lives.length, 2)
  t.deepEqual(lives.map(({ frozenAt }) => frozenAt), [null, null])
  t.is(second.node.vitals().unacknowledged > 0, true)
})

test('an order that had ended before a restore is not offered to the executor again', async (t) => {
  const { second, indication } = await restored()
  await second.join()
  const entry = second.made.world.admin.entries.find(({ body }) => body.content.kind === 'indication')
  t.not(entry, undefined)
  second.network.answer = async () => encodeCbor({ charters: [], acknowledged: [], history: [], endpoints: [], neighbours: [], work: { kind: 'orders', bundles: [{ indication: indication.bytes, controls: [], payload: null }], controls: [], more: false } } satisfies PullAnswer)
  await second.made.clock.pass(40_000)
  t.deepEqual(kindsOf(second.executor.orders), ['adopt'])
})

test('a node stops although its executor never writes down what it is to adopt', async (t) => {
  const { second } = await restored()
  second.executor.confirms = false
  await second.join()
  t.deepEqual(kindsOf(second.executor.told), ['adopt'])
  // Whatever is to be done about the own log waits for that.
  second.made.world.mesh.amend({})
  second.made.charters.learn(second.made.world.mesh.charters)
  second.network.meet(admitNode(second.made.world.mesh.node('endpoint-2')))
  await settled()
  second.node.stop()
  await t.notThrowsAsync(second.node.settled())
})

test('a node that was restored and restarted before its new life began begins it then', async (t) => {
  const { second } = await restored()
  const { network } = second
  const { answer } = network
  let asked = 0
  network.answer = async (question) => {
    asked += 1
    if (asked > 2) throw new Error('gone')
    return answer(question)
  }
  await second.join()
  second.node.stop()
  const third = await setUp({ store: await copyStore(second.store), made: second.made })
  await third.join()
  await runOrder(third)
  t.deepEqual((await livesOf(third)).map(({ frozenAt }) => frozenAt), [null, null])
})

test('a node whose store was lost learns from its old life what it had started', async (t) => {
  const first = await setUp()
  await first.join()
  const indication = await runOrder(first, ['running'])
  first.node.stop()
  const second = await setUp({ made: first.made })
  await second.join()
  t.deepEqual(adoptedBy(second), [statementOf(second, indication, 'running')])
  t.deepEqual(kindsOf(second.executor.told), ['adopt', 'caught-up'])
  await runOrder(second)
  t.is((await livesOf(second)).length, 2)
})

/** Two endpoints that do not know each other; the node meets them one after the other. */
const withTwoEndpoints = (all: SetUp, other: EndpointWorld): void => {
  all.network.answer = async ({ peer, message }) => answerPull(peer === all.made.world.mesh.peer('endpoint-2') ? other : all.made, all.network.self, message)
}

const endsFork = test.macro(async (t, endpointsMeet: 'before' | 'after') => {
  const first = await setUp()
  await first.join()
  const backup = await copyStore(first.store)
  const mine = await runOrder(first)
  first.node.stop()
  // Restored, and at first it meets only an endpoint that knows nothing of what was lost.
  const other = await endpointWorld(first.made.world)
  const second = await setUp({ store: backup, made: first.made })
  withTwoEndpoints(second, other)
  second.network.meet(admitNode(first.made.world.mesh.node('endpoint-2')))
  await settled()
  await second.made.clock.pass(limits.ownLog.secondAnswerMs)
  const theirs = second.made.world.order()
  await other.queue.merge(second.made.world.admin.entries.map(({ bytes }) => bytes), 'test')
  await second.made.clock.pass(40_000)
  await second.executor.say({ kind: 'statement', statement: statementOf(second, theirs, 'succeeded') })
  await second.made.clock.pass(40_000)
  t.is((await other.queue.headsOf(second.network.self))[0]?.frozenAt, null)
  await second.made.queue.merge(second.made.world.admin.entries.map(({ bytes }) => bytes), 'test')
  const meet = async () => second.made.queue.merge([...(await other.queue.history.entriesAfter(0, { sizeBytesMax: 1e9, countMax: 1e9 })).entries], 'sync')
  if (endpointsMeet === 'before') await meet()
  await second.join()
  await second.made.clock.pass(80_000)
  if (endpointsMeet === 'after') await meet()
  await second.made.clock.pass(80_000)
  const lives = await livesOf(second)
  t.is(lives.filter(({ frozenAt }) => frozenAt !== null).length, 1)
  t.is(await stateOf(second, mine), 'succeeded')
  t.is(await stateOf(second, theirs), 'succeeded')
  t.true(adoptedBy(second).length >= 2)
  t.is(second.node.vitals().unacknowledged, 0)
  const before = second.network.asked.length
  await second.made.clock.pass(120_000)
  t.true(second.network.asked.length - before <= 20, 'it comes to rest')
  t.is((await livesOf(second)).length, lives.length)
})

test('a fork that a node finds by itself is ended, and no receipt of either branch is lost', endsFork, 'after')
test('a fork that endpoints tell of is ended, and no receipt of either branch is lost', endsFork, 'before')

test('an endpoint that claims more than it can show is asked once, and changes nothing', async (t) => {
  const all = await setUp()
  const { answer } = all.network
  const elsewhere = (await setUp()).store
  t.truthy(elsewhere)
  let wanted = 0
  all.network.answer = async (asked) => {
    if ((decodeOwn(asked.message) as { wanted: unknown }).wanted !== null) wanted += 1
    const honest = decodeOwn((await answer(asked)) as Uint8Array) as PullAnswer
    const [life] = honest.acknowledged
    return encodeCbor({ ...honest, history: [], acknowledged: life === undefined ? [] : [{ ...life, sequence: life.sequence + 7 }, { ...life, incarnation: all.made.world.admin.incarnation, sequence: 3, frozenAt: 4 }] })
  }
  await all.join()
  await runOrder(all)
  t.true(wanted <= 4, `${wanted} times`)
  t.deepEqual(adoptedBy(all), [])
  t.is((await livesOf(all)).length, 1)
})

const aloneOrNot = test.macro({
  async exec(t, waitMs: number, lives: number) {
    const first = await setUp({ name: 'endpoint-1' })
    await first.made.clock.pass(limits.ownLog.noAnswerMs)
    first.node.stop()
    const second = await setUp({ name: 'endpoint-1', store: first.store, made: first.made })
    t.deepEqual(kindsOf(second.executor.told), [])
    await second.made.clock.pass(waitMs)
    t.is(kindsOf(second.executor.told).includes('caught-up'), lives === 2)
    const known = new Set<string>()
    for await (const [key] of second.store.entries({ from: 'own/entry/', to: 'own/entry/~' })) known.add(key.split('/')[2] ?? '')
    t.is(known.size, lives)
  },
  title: (name = '') => `an endpoint's own agent ${name}`
})
test('that reaches no other endpoint goes on in a new life after a while', aloneOrNot, limits.ownLog.noAnswerMs, 2)
test('that reaches no other endpoint waits before', aloneOrNot, limits.ownLog.noAnswerMs - 1, 1)

test("an endpoint's own agent that another endpoint answers goes on in its life", async (t) => {
  const first = await setUp({ name: 'endpoint-1' })
  const [other] = [await endpointWorld(first.made.world)]
  first.network.answer = async ({ message }) => answerPull(other, first.network.self, message)
  first.network.meet(admitNode(first.made.world.mesh.node('endpoint-2')))
  await settled()
  await first.made.clock.pass(limits.ownLog.secondAnswerMs)
  t.deepEqual(kindsOf(first.executor.told), ['caught-up'])
  t.is((await other.queue.headsOf(first.network.self)).length, 1)
})

test('right after the clock was set orders are passed over, and taken up later', async (t) => {
  const all = await setUp()
  await all.join()
  const indication = await order(all)
  all.made.clock.setAhead(400 * 86_400_000)
  await all.made.clock.pass(20_000)
  all.made.clock.setAhead(0)
  await all.made.clock.pass(3 * 60_000)
  t.deepEqual(all.executor.kinds(), ['order'])
  t.is(await stateOf(all, indication), 'received')
})
