import test from 'ava'
import { limits } from '../../../src/base/limits.ts'
import { answerPull } from '../../../src/node/endpoint/endpoint-pull.ts'
import { pullAnswerSchema, type PullAnswer, type PullRequest } from '../../../src/node/protocol/pull.ts'
import { openIndication } from '../../../src/trust/order.ts'
import { bytesOf, receipts, said } from '../../queue/world.ts'
import { commandPayload } from '../../fixtures/orders.ts'
import { ask, endpointWorld, madeAt, read } from '../endpoint-world.ts'
import { newestOf, openCharterChain } from '../../../src/trust/charter-chain.ts'
import type { Author } from '../../queue/world.ts'

const setUp = async () => {
  const made = await endpointWorld()
  const { world, queue } = made
  const agent = world.agent('web-1')
  await queue.merge(bytesOf(...agent.entries), 'test')
  const pull = async (change: Partial<PullRequest> = {}, who: Author = agent): Promise<PullAnswer> =>
    read(pullAnswerSchema, await answerPull(made, who.key, ask({ ...newestOf(world.mesh.chain), presence: world.presence('web-1', madeAt), entries: [], have: [], wanted: null, ...change })))
  const submit = async (): Promise<void> => void (await queue.merge(bytesOf(...world.admin.entries), 'test'))
  return { ...made, agent, pull, submit }
}

const namesOf = ({ work }: PullAnswer): string[] => (work.kind === 'nothing' ? [] : work.bundles.map(({ indication }) => {
  const opened = openIndication(indication)
  return opened.ok ? opened.value.body.name : opened.code
}))

test('where there is nothing to do the answer says so', async (t) => {
  const { pull } = await setUp()
  t.deepEqual((await pull()).work, { kind: 'nothing' })
})

test('an agent gets its orders with their payloads, where these are small and here', async (t) => {
  const { world, content, pull, submit } = await setUp()
  const payload = commandPayload('uptime')
  await content.add(payload.bytes)
  world.order({ name: 'with', payload: payload.ref })
  world.order({ name: 'without', payload: commandPayload('elsewhere').ref, createdAt: madeAt + 1 })
  await submit()
  const { work } = await pull()
  t.true(work.kind === 'orders' && !work.more)
  t.deepEqual(work.kind === 'orders' ? work.bundles.map((bundle) => bundle.payload) : [], [payload.bytes, null])
})

test('an order for others is not handed out', async (t) => {
  const { world, agent, pull, submit } = await setUp()
  world.order({ name: 'mine', target: { kind: 'nodes', nodes: [agent.key] } })
  world.order({ name: 'theirs', target: { kind: 'nodes', nodes: [world.mesh.peer('web-2')] } })
  await submit()
  t.deepEqual(namesOf(await pull()), ['mine'])
})

test('what an agent has is not sent again, but its cancellation is', async (t) => {
  const { world, pull, submit } = await setUp()
  const had = world.order({ name: 'had' })
  const control = world.cancel(had.id)
  await submit()
  const { work } = await pull({ have: [had.id] })
  const expected = control.body.content.kind === 'control' ? [control.body.content.control] : []
  t.deepEqual(work, { kind: 'orders', bundles: [], controls: expected, more: false })
})

test('what an agent brings is told to the other endpoints, once, and a long backlog is not', async (t) => {
  const { world, agent, pull, submit, relayed } = await setUp()
  const order = world.order()
  await submit()
  const first = bytesOf(agent.say(receipts(said(order.id, 'received'))))
  await pull({ entries: first })
  t.deepEqual(relayed, first)
  await pull({ entries: first })
  t.is(relayed.length, 1)
  const backlog = Array.from({ length: limits.gossip.relayedMax + 1 }, () => bytesOf(agent.say(receipts(said(order.id, 'retrieving'))))).flat()
  await pull({ entries: backlog })
  t.is(relayed.length, 1)
})

test('an order that was cancelled before it was handed out is not', async (t) => {
  const { world, pull, submit } = await setUp()
  world.cancel(world.order().id)
  await submit()
  t.deepEqual((await pull()).work, { kind: 'nothing' })
})

test('an order that has expired is not handed out', async (t) => {
  const { world, clock, pull, submit } = await setUp()
  world.order({ expiresAt: madeAt + 1000 })
  await submit()
  await clock.pass(1001)
  t.deepEqual((await pull()).work, { kind: 'nothing' })
})

test('what an agent has attempted is not handed out again', async (t) => {
  const { world, agent, pull, submit } = await setUp()
  const order = world.order()
  await submit()
  agent.say(receipts(world.statement(agent.node.executor, order.id, 'running')))
  t.deepEqual((await pull({ entries: bytesOf(...agent.entries) })).work, { kind: 'nothing' })
})

test('an order that was received and no more is handed out again to an agent that does not have it', async (t) => {
  const { world, agent, pull, submit } = await setUp()
  const order = world.order({ name: 'again' })
  await submit()
  agent.say(receipts(said(order.id, 'received')))
  t.deepEqual(namesOf(await pull({ entries: bytesOf(...agent.entries) })), ['again'])
})

test('orders beyond what an answer holds are announced as more', async (t) => {
  const { world, pull, submit } = await setUp()
  for (let index = 0; index <= limits.pull.ordersMax; index += 1) world.order()
  await submit()
  const { work } = await pull()
  t.true(work.kind === 'orders' && work.more)
  t.is(work.kind === 'orders' ? work.bundles.length : 0, limits.pull.ordersMax)
})

test('entries are kept, and the answer says how far', async (t) => {
  const { world, agent, pull } = await setUp()
  t.deepEqual((await pull()).acknowledged, [{ incarnation: agent.incarnation, sequence: 1, id: agent.entries[1 - 1]?.id ?? null, frozenAt: null }])
  agent.say(receipts(said(world.order().id, 'received')))
  t.deepEqual((await pull({ entries: bytesOf(...agent.entries) })).acknowledged, [{ incarnation: agent.incarnation, sequence: 2, id: agent.entries[2 - 1]?.id ?? null, frozenAt: null }])
})

test('an agent that was restored gets its own entries back, from where it wants them', async (t) => {
  const { world, agent, pull } = await setUp()
  for (let count = 0; count < 3; count += 1) agent.say(receipts(said(world.order().id, 'received')))
  await pull({ entries: bytesOf(...agent.entries) })
  t.deepEqual((await pull({ wanted: { incarnation: agent.incarnation, from: 3 } })).history, bytesOf(...agent.entries.slice(2)))
  t.deepEqual((await pull({ wanted: { incarnation: agent.incarnation, from: 5 } })).history, [])
  t.deepEqual((await pull({ wanted: { incarnation: world.admin.incarnation, from: 1 } })).history, [])
  t.deepEqual((await pull()).history, [])
})

test('of a forked log the answer tells where, and hands out both branches', async (t) => {
  const { world, queue, agent, pull } = await setUp()
  const other = agent.branch(1)
  agent.say(receipts(said(world.order().id, 'received')))
  other.say(receipts(said(world.order().id, 'validated')))
  await queue.merge(bytesOf(...agent.entries, ...other.entries), 'test')
  const answer = await pull({ wanted: { incarnation: agent.incarnation, from: 2 } })
  t.deepEqual(answer.acknowledged, [{ incarnation: agent.incarnation, sequence: 1, id: agent.entries[1 - 1]?.id ?? null, frozenAt: 2 }])
  t.deepEqual(new Set(answer.history.map((bytes) => Buffer.from(bytes).toString('hex'))), new Set([agent.entries[1], other.entries[1]].map((entry) => Buffer.from(entry?.bytes ?? []).toString('hex'))))
})

test('what gossip brought is on disk before it is acknowledged', async (t) => {
  const { world, queue, agent, pull, store } = await setUp()
  const writes: boolean[] = []
  const { write } = store
  store.write = async (changes, options) => {
    writes.push(options.durable)
    return write.call(store, changes, options)
  }
  await pull()
  writes.length = 0
  await queue.merge(bytesOf(agent.say(receipts(said(world.order().id, 'received')))), 'gossip')
  t.deepEqual(writes, [false])
  const [one, two] = await Promise.all([pull(), pull()])
  t.deepEqual([one.acknowledged, two.acknowledged], [[{ incarnation: agent.incarnation, sequence: 2, id: agent.entries[2 - 1]?.id ?? null, frozenAt: null }], [{ incarnation: agent.incarnation, sequence: 2, id: agent.entries[2 - 1]?.id ?? null, frozenAt: null }]])
  t.is(writes.filter(Boolean).length, 1)
  await pull()
  t.is(writes.filter(Boolean).length, 1)
})

test('an entry that was altered is not acknowledged, and counts against its sender', async (t) => {
  const { world, agent, network, pull } = await setUp()
  const entry = agent.say(receipts(said(world.order().id, 'received')))
  const altered = entry.bytes.slice()
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
  t.deepEqual((await pull({ entries: [altered] })).acknowledged, [{ incarnation: agent.incarnation, sequence: 1, id: agent.entries[1 - 1]?.id ?? null, frozenAt: null }])
  t.deepEqual(network.blamed, [{ peer: agent.key, code: 'bad-signature' }])
})

test('the word of an agent about itself counts as contact', async (t) => {
  const { world, queue, agent, pull } = await setUp()
  await pull({ presence: world.presence('web-1', madeAt, '0.2.0') })
  t.like(queue.nodes().find(({ key }) => key === agent.key), { release: '0.2.0', lastContactAt: madeAt })
})

test('charters that the agent lacks come along', async (t) => {
  const { world, charters, pull } = await setUp()
  world.mesh.amend({ name: 'lab-2' })
  charters.learn(world.mesh.charters)
  const known = (count: number): ReturnType<typeof newestOf> => {
    const chain = openCharterChain(world.mesh.mesh, world.mesh.charters.slice(0, count))
    if (!chain.ok) throw new Error(chain.detail)
    return newestOf(chain.value)
  }
  t.deepEqual((await pull(known(1))).charters, world.mesh.charters.slice(1))
  t.deepEqual((await pull(known(2))).charters, [])
  // One that goes by a rival of version 2 cannot tell from where on.
  t.deepEqual((await pull({ ...known(2), charterHead: known(1).charterHead })).charters, world.mesh.charters)
})

test('an agent that the endpoint does not know is told that there is nothing', async (t) => {
  const { world, pull, submit } = await setUp()
  world.order()
  await submit()
  const stranger = world.agent('stranger')
  const answer = await pull({}, stranger)
  t.deepEqual([answer.work, answer.acknowledged], [{ kind: 'nothing' }, []])
})

test('a request that cannot be read is refused', async (t) => {
  const { agent, ...made } = await setUp()
  await t.throwsAsync(answerPull(made, agent.key, new Uint8Array([0xa0])), { code: 'malformed' })
  await t.throwsAsync(answerPull(made, agent.key, ask({ ...newestOf(made.world.mesh.chain), presence: new Uint8Array(), entries: [], have: [], wanted: null, extra: 1 })), { code: 'malformed' })
  await t.throwsAsync(answerPull(made, agent.key, new Uint8Array(limits.network.messageBytesMax + 1)), { code: 'oversized' })
})

test('of more lives of a log than an answer may name, as many are named', async (t) => {
  const { world, queue, agent, pull } = await setUp()
  const lives = Array.from({ length: limits.pull.livesMax }, (_, index) => world.agent('web-1', { life: `life ${index}` }))
  await queue.merge(bytesOf(...lives.flatMap(({ entries }) => entries)), 'test')
  t.is((await queue.headsOf(agent.key)).length, limits.pull.livesMax + 1)
  t.is((await pull()).acknowledged.length, limits.pull.livesMax)
})

test('of more cancellations of one order than an agent needs, as many as it may have are handed out', async (t) => {
  const { world, pull, submit } = await setUp()
  const had = world.order({ name: 'had' })
  for (let count = 0; count < limits.queue.controlsPerOrderMax + 4; count += 1) world.cancel(had.id, count)
  await submit()
  const { work } = await pull({ have: [had.id] })
  t.is(work.kind === 'orders' ? work.controls.length : 0, limits.queue.controlsPerOrderMax)
})

test('orders beyond what one answer may hold are left for the next', async (t) => {
  const { world, pull, submit } = await setUp()
  const parameters = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`P${index}`, 'x'.repeat(4000)]))
  for (let count = 0; count < 20; count += 1) world.order({ name: `large ${count}`, parameters })
  await submit()
  const { work } = await pull()
  const sizeBytes = work.kind === 'orders' ? work.bundles.reduce((total, { indication }) => total + indication.length, 0) : 0
  t.true(work.kind === 'orders' && work.more)
  t.true(sizeBytes > limits.pull.ordersBytesMax - 64 * 1024 && sizeBytes < limits.pull.ordersBytesMax + 64 * 1024, `${sizeBytes} bytes`)
})
