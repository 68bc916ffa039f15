import test from 'ava'
import { encodeCbor } from '../../src/base/codec.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { pullRequestSchema, type PullAnswer } from '../../src/node/protocol/pull.ts'
import { outputProtocol } from '../../src/node/protocol/output.ts'
import { encodeAnnouncement, indicationsTopic, receiptsTopic } from '../../src/node/protocol/announcement.ts'
import { eventually } from '../fixtures/eventually.ts'
import { FillingStore } from '../fixtures/filling-store.ts'
import { Author, bytesOf, receipts, said } from '../queue/world.ts'
import { read } from './endpoint-world.ts'
import { admitNode } from './in-memory.ts'
import { order, setUp, stateOf, statementOf, uptime, type SetUp } from './node-world.ts'
import type { GossipVerdict } from '../../src/node/network/network.ts'

test('without gossip an order comes by pull, is fetched, run and reported, and the executor hears that it is kept', async (t) => {
  const all = await setUp()
  const { made, executor, content, join } = all
  await join()
  t.is(made.queue.nodes().length, 1)
  const indication = await order(all)
  content.elsewhere.set(uptime.ref.cid, uptime.bytes)
  await made.clock.pass(40_000)
  t.deepEqual(executor.kinds(), ['order'])
  t.is(await stateOf(all, indication), 'received')
  await executor.say({ kind: 'payload-wanted', indication: indication.id, ranges: [{ offset: 0, sizeBytes: uptime.bytes.length }] })
  t.deepEqual(executor.orders.slice(1), [{ kind: 'payload-chunk', indication: indication.id, offset: 0, bytes: uptime.bytes }, { kind: 'payload-end', indication: indication.id }])
  await executor.say({ kind: 'validated', indication: indication.id, at: made.clock.now() })
  await executor.say({ kind: 'statement', statement: statementOf(all, indication, 'running') })
  await executor.say({ kind: 'statement', statement: statementOf(all, indication, 'succeeded') })
  t.is(executor.kinds().filter((kind) => kind === 'kept').length, 2)
  t.is(await stateOf(all, indication), 'succeeded')
  t.is(all.node.vitals().queueLength, 0)
})

test('a payload that is damaged between its fetch and its delivery is fetched again, and told of when it is damaged once more', async (t) => {
  for (const damages of [1, 2]) {
    const all = await setUp()
    await all.join()
    const indication = await order(all)
    all.content.elsewhere.set(uptime.ref.cid, uptime.bytes)
    await all.made.clock.pass(40_000)
    let reads = 0
    all.content.beforeRead = ({ cid }) => (reads += 1) <= damages && all.content.held.delete(cid)
    await all.executor.say({ kind: 'payload-wanted', indication: indication.id, ranges: [{ offset: 0, sizeBytes: uptime.bytes.length }] })
    await eventually(() => all.executor.told.at(-1)?.kind, (kind) => kind === (damages === 1 ? 'payload-end' : 'payload-failed'))
    if (damages === 2) t.like(all.executor.told.at(-1), { kind: 'payload-failed', code: 'payload-incomplete' })
    t.is(reads, 2)
  }
})

test('a payload that is not to be had is told to the executor with the reason', async (t) => {
  const all = await setUp()
  await all.join()
  const indication = await order(all)
  await all.made.clock.pass(40_000)
  await all.executor.say({ kind: 'payload-wanted', indication: indication.id, ranges: [{ offset: 0, sizeBytes: 1 }] })
  t.like(all.executor.told.at(-1), { kind: 'payload-failed', code: 'payload-unavailable' })
})

test('an order that the charter does not allow here is rejected without the executor', async (t) => {
  const all = await setUp()
  await all.join()
  const indication = await order(all, { format: 'release' })
  await all.made.clock.pass(40_000)
  t.deepEqual(all.executor.orders, [])
  t.is(await stateOf(all, indication), 'rejected')
})

test('a cancellation of an order that the agent has reaches the executor', async (t) => {
  const all = await setUp()
  await all.join()
  const indication = await order(all)
  await all.made.clock.pass(40_000)
  all.made.world.cancel(indication.id)
  await all.made.queue.merge(bytesOf(...all.made.world.admin.entries), 'test')
  await all.made.clock.pass(40_000)
  t.true(all.executor.kinds().includes('control'))
})

test('what was said before a restart is still handed over after it', async (t) => {
  const first = await setUp()
  await first.join()
  const indication = await order(first)
  await first.made.clock.pass(40_000)
  first.network.part(first.made.world.mesh.peer('endpoint-1'))
  await first.executor.say({ kind: 'statement', statement: statementOf(first, indication, 'succeeded') })
  t.is(await stateOf(first, indication), 'received')
  first.node.stop()
  const second = await setUp({ store: first.store })
  await second.made.queue.merge(bytesOf(...first.made.world.admin.entries), 'test')
  await second.join()
  t.is(await stateOf(second, indication), 'succeeded')
})

test('an endpoint that does not take the log is not asked over and over', async (t) => {
  const all = await setUp()
  const { network, made, join } = all
  let asked = 0
  network.answer = async () => {
    asked += 1
    if (asked > 50) throw new Error('asked too often')
    const answer: PullAnswer = { charters: [], acknowledged: [], history: [], endpoints: [], neighbours: [], work: { kind: 'nothing' } }
    return encodeCbor(answer)
  }
  await join()
  t.true(asked <= 3, `${asked} questions at once`)
  const before = asked
  await made.clock.pass(120_000)
  t.true(asked - before <= 8, `${asked - before} questions in two minutes`)
})

test('an endpoint whose orders need charters that it does not give is not asked over and over', async (t) => {
  const all = await setUp()
  const { network, made, join } = all
  const indication = made.world.order({ payload: uptime.ref, charterVersion: 2 })
  let asked = 0
  network.answer = async () => {
    asked += 1
    if (asked > 50) throw new Error('asked too often')
    const answer: PullAnswer = { charters: [], acknowledged: [], history: [], endpoints: [], neighbours: [], work: { kind: 'orders', bundles: [{ indication: indication.bytes, controls: [], payload: null }], controls: [], more: false } }
    return encodeCbor(answer)
  }
  await join()
  t.true(asked <= 4, `${asked} questions at once`)
})

test('an endpoint that offers known orders and says there are more is not asked over and over', async (t) => {
  const all = await setUp()
  const { network, made, join } = all
  const indication = made.world.order({ payload: uptime.ref })
  let asked = 0
  network.answer = async () => {
    asked += 1
    if (asked > 50) throw new Error('asked too often')
    const answer: PullAnswer = { charters: [], acknowledged: [], history: [], endpoints: [], neighbours: [], work: { kind: 'orders', bundles: [{ indication: indication.bytes, controls: [], payload: null }], controls: [], more: true } }
    return encodeCbor(answer)
  }
  await join()
  t.true(asked <= 4, `${asked} questions at once`)
})

test('a log that is longer than one question takes is handed over without waiting for the timer', async (t) => {
  const all = await setUp()
  const { network, made, executor, join } = all
  const { answer } = network
  await join()
  const indication = await order(all)
  network.part(made.world.mesh.peer('endpoint-1'))
  const head = new Uint8Array(limits.output.headBytesMax)
  const output = { head, sizeBytes: head.length, cid: null, keptBytes: head.length }
  for (let index = 0; index < 100; index += 1) {
    const statement = made.world.statement(made.world.mesh.key('executor:web-1'), indication.id, 'running', { at: made.clock.now() + index, stdout: output, stderr: output })
    if (statement.kind === 'executor') await executor.say({ kind: 'statement', statement: statement.statement })
  }
  await made.clock.pass(1000)
  let largest = 0
  network.answer = async (asked) => {
    const { entries } = read(pullRequestSchema, asked.message)
    largest = Math.max(largest, entries.reduce((sum, { length }) => sum + length, 0))
    return answer(asked)
  }
  const asked = network.asked.length
  await join()
  t.true(network.asked.length - asked >= 3)
  t.true(largest <= limits.pull.entriesBytesMax)
  const [life] = await made.queue.headsOf(network.self)
  t.is(life?.head.sequence, all.node.vitals().unacknowledged)
})

test('charters that come with an answer count at once, and the executor gets them', async (t) => {
  const all = await setUp()
  const { made, executor, join } = all
  // Two at once, as after some time away.
  for (const name of ['lab-2', 'lab-3']) made.world.mesh.amend({ name })
  made.charters.learn(made.world.mesh.charters)
  await join()
  t.deepEqual(executor.orders, [{ kind: 'charters', charters: made.world.mesh.charters.slice(1) }])
})

test('an order heard by gossip is handed over at once, and its receipt is gossiped', async (t) => {
  const all = await setUp({ gossip: true })
  const { made, network, executor, join } = all
  await join()
  const indication = made.world.order({ payload: uptime.ref })
  const entry = made.world.admin.entries[0]?.bytes ?? new Uint8Array()
  t.is(await network.gossip(indicationsTopic(made.world.mesh.mesh), encodeAnnouncement({ entry, payload: uptime.bytes }), made.world.mesh.peer('endpoint-1')), 'accept')
  t.deepEqual(executor.orders, [{ kind: 'order', bundle: { indication: indication.bytes, controls: [], payload: uptime.bytes } }])
  await executor.say({ kind: 'statement', statement: statementOf(all, indication, 'succeeded') })
  t.deepEqual(network.published.map(({ topic }) => topic), [receiptsTopic(made.world.mesh.mesh)])
})

test('a receipt that gossip brings to fewer than all endpoints is handed over at once', async (t) => {
  const all = await setUp({ gossip: true })
  const { made, network, executor, join } = all
  await join()
  const countPulls = async (reached: number): Promise<number> => {
    const indication = made.world.order({ payload: uptime.ref })
    const entry = made.world.admin.entries.at(-1)?.bytes ?? new Uint8Array()
    await network.gossip(indicationsTopic(made.world.mesh.mesh), encodeAnnouncement({ entry, payload: uptime.bytes }), made.world.mesh.peer('endpoint-1'))
    network.publish = async () => reached
    const before = network.asked.length
    await executor.say({ kind: 'statement', statement: statementOf(all, indication, 'succeeded') })
    return network.asked.length - before
  }
  t.is(await countPulls(1), 0)
  t.true((await countPulls(0)) > 0)
})

test('an agent serves its outputs to endpoints alone', async (t) => {
  const { made, network } = await setUp()
  const service = network.services.get(outputProtocol)
  t.true(service?.who(admitNode(made.world.mesh.node('endpoint-1'))))
  t.false(service?.who(admitNode(made.world.mesh.node('web-2'))))
})

test('after a stop nothing is asked any more', async (t) => {
  const { node, network, made, join } = await setUp()
  await join()
  node.stop()
  await node.settled()
  const before = network.asked.length
  await made.clock.pass(600_000)
  t.is(network.asked.length, before)
})

const hears = test.macro({
  async exec(t, verdict: GossipVerdict, make: (all: SetUp) => Uint8Array) {
    const all = await setUp({ name: 'endpoint-1', gossip: true })
    const { mesh } = all.made.world
    t.is(await all.network.gossip(receiptsTopic(mesh.mesh), make(all), mesh.peer('web-2')), verdict)
  },
  title: (name = '', verdict) => `of the receipts topic an endpoint makes, of ${name}: ${verdict}`
})
const flipLast = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))
test('the beginning of a log of an enrolled node', hears, 'accept', ({ made }) => made.world.agent('web-2').entries[0]?.bytes ?? new Uint8Array())
test('bytes that are no entry', hears, 'reject', () => utf8('nonsense'))
test('an entry that was altered', hears, 'reject', ({ made }) => flipLast(made.world.agent('web-2').entries[0]?.bytes ?? new Uint8Array()))
test('an entry of a node that never was enrolled', hears, 'ignore', ({ made }) => {
  const stranger = new Author(made.world.mesh, made.world.mesh.key('stranger'), made.world.admin.incarnation)
  return stranger.say(receipts(said(made.world.order().id, 'received'))).bytes
})

test('housekeeping makes room first: on a full disk, where the queues cannot be written, payloads and outputs are removed all the same', async (t) => {
  const store = new FillingStore()
  const { made, content, outputs, log } = await setUp({ name: 'endpoint-1', store })
  store.isFull = true
  await made.clock.pass(limits.queue.housekeepingMs * 1.2)
  t.true(log.problems().includes('housekeeping failed'))
  t.deepEqual([content.retentions, outputs.prunes], [1, 1])
})
