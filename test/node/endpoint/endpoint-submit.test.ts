import test from 'ava'
import { utf8 } from '../../../src/base/bytes.ts'
import { limits } from '../../../src/base/limits.ts'
import { answerSubmit } from '../../../src/node/endpoint/endpoint-submit.ts'
import { submitAnswerSchema, type SubmitAnswer } from '../../../src/node/protocol/submit.ts'
import { Author, bytesOf, randomOf, World } from '../../queue/world.ts'
import { drawIncarnation } from '../../../src/base/random.ts'
import { keyFor, TestMesh } from '../../fixtures/mesh.ts'
import { commandPayload, orderBody, orderOf, payloadOf } from '../../fixtures/orders.ts'
import { sealRecord } from '../../../src/record/record.ts'
import { indicationKind } from '../../../src/record/indication.ts'
import { ask, endpointWorld, madeAt, never, read } from '../endpoint-world.ts'
import { admitAdmin, admitNode } from '../in-memory.ts'
import type { Admission } from '../../../src/node/network/network.ts'
import type { Announcement } from '../../../src/node/protocol/announcement.ts'
import type { EntryBody } from '../../../src/record/entry.ts'
import type { Verified } from '../../../src/record/record.ts'

const uptime = commandPayload('uptime')

const setUp = async (world = new World()) => {
  const made = await endpointWorld(world)
  const announced: Announcement[] = []
  const deps = { ...made, announce: (announcement: Announcement) => void announced.push(announcement) }
  const from = admitAdmin(world.mesh)
  const submit = async (request: unknown, who: Admission = from): Promise<SubmitAnswer> => read(submitAnswerSchema, await answerSubmit(deps, who, ask(request), never))
  const enrol = async (name: string, labels: Record<string, string> = {}): Promise<void> => void (await made.queue.merge(bytesOf(...world.agent(name, { labels }).entries), 'test'))
  return { ...made, announced, submit, enrol, deps, from }
}

const entriesOf = (author: Author): Uint8Array[] => bytesOf(...author.entries)
const lastOf = (author: Author): Uint8Array[] => entriesOf(author).slice(-1)

test('an order with its small payload is held, and put on the topic', async (t) => {
  const { world, queue, content, announced, submit } = await setUp()
  const order = world.order({ payload: uptime.ref })
  t.deepEqual(await submit({ kind: 'entries', entries: lastOf(world.admin), payload: uptime.bytes }), { kind: 'head', sequence: 1 })
  t.true((await queue.order(order.id)) !== undefined)
  t.true(content.held.has(uptime.ref.cid))
  t.deepEqual(announced, [{ entry: world.admin.entries[0]?.bytes, payload: uptime.bytes }])
})

test('a payload that did not come along is fetched from the admin before the order is accepted', async (t) => {
  const { world, content, from, submit } = await setUp()
  const large = payloadOf(new Uint8Array(limits.payload.inlineBytesMax + 1))
  content.elsewhere.set(large.ref.cid, large.bytes)
  world.order({ payload: large.ref })
  await submit({ kind: 'entries', entries: lastOf(world.admin), payload: null })
  t.deepEqual(content.retrieved, [{ cid: large.ref.cid, providers: [from.peer] }])
})

test('an order whose payload is not to be had is refused, and nothing of it stays', async (t) => {
  const { world, queue, announced, submit } = await setUp()
  world.order({ payload: uptime.ref })
  await t.throwsAsync(submit({ kind: 'entries', entries: lastOf(world.admin), payload: null }), { code: 'payload-unavailable' })
  t.deepEqual([await queue.orders(), announced], [[], []])
})

test('a payload with other bytes than the order names is refused', async (t) => {
  const { world, queue, submit } = await setUp()
  world.order({ payload: uptime.ref })
  await t.throwsAsync(submit({ kind: 'entries', entries: lastOf(world.admin), payload: utf8('other') }), { code: 'bad-inline-payload' })
  t.deepEqual(await queue.orders(), [])
})

test('an order of what the charter does not allow is refused with the names of those it would have run on', async (t) => {
  const world = new World()
  Object.defineProperty(world, 'mesh', { value: new TestMesh({ may: [{ formats: ['command'], on: 'role=web' }] }) })
  const admin = new Author(world.mesh, world.mesh.admin, drawIncarnation(randomOf('limited')))
  const { queue, submit, enrol } = await setUp(world)
  await enrol('web-1', { role: 'web' })
  await enrol('db-1', { role: 'db' })
  await enrol('db-2', { role: 'db' })
  const say = (order: Parameters<typeof orderOf>[1]): Uint8Array[] => [admin.forge({ kind: 'indication', indication: orderOf(world.mesh, { payload: uptime.ref, ...order }).bytes }, {}).bytes]
  const error = await t.throwsAsync(submit({ kind: 'entries', entries: say({}), payload: uptime.bytes }), { code: 'not-authorised' })
  t.like(error, { details: { nodes: ['db-1', 'db-2'] } })
  t.regex(error.message, /db-1, db-2/)
  await t.throwsAsync(submit({ kind: 'entries', entries: say({ format: 'script', target: { kind: 'select', selector: 'role=web', enrolledUntil: madeAt } }), payload: uptime.bytes }), { code: 'not-authorised' })
  t.deepEqual(await queue.orders(), [])
  await submit({ kind: 'entries', entries: say({ target: { kind: 'select', selector: 'role=web', enrolledUntil: madeAt } }), payload: uptime.bytes })
  t.is((await queue.orders()).length, 1)
})

const refusesOrder = test.macro({
  async exec(t, code: string, change: Parameters<typeof orderOf>[1]) {
    const { world, queue, submit } = await setUp()
    world.order({ payload: uptime.ref, ...change })
    await t.throwsAsync(submit({ kind: 'entries', entries: lastOf(world.admin), payload: uptime.bytes }), { code })
    t.deepEqual(await queue.orders(), [])
  },
  title: (name = '', code) => `${name} is refused: ${code}`
})
test('an order that needs a newer charter', refusesOrder, 'charter-behind', { charterVersion: 2 })
test('an order that has expired', refusesOrder, 'expired', { createdAt: madeAt - 10_000, notBefore: madeAt - 10_000, expiresAt: madeAt - 1 })
test('an order for longer than 90 days', refusesOrder, 'bad-validity', { expiresAt: madeAt + limits.indication.validityMsMax + 1 })
test('an order that is not valid yet', refusesOrder, 'not-yet-valid', { notBefore: madeAt + limits.trust.clockToleranceMs + 1 })
test('an order with a selector that cannot be read', refusesOrder, 'bad-selector', { target: { kind: 'select', selector: '=', enrolledUntil: madeAt } })
test('an order with a pattern that is none', refusesOrder, 'bad-pattern', { expected: { exitCode: 0, output: '(' } })
test('an order with a location that contradicts its digest', refusesOrder, 'bad-location', { payload: { ...uptime.ref, sha256: '0'.repeat(64) } })
test('an order for another mesh', refusesOrder, 'wrong-mesh', { mesh: new TestMesh({ name: 'other' }).mesh })

const refusesEntry = test.macro({
  async exec(t, code: string, make: (world: World) => Uint8Array) {
    const { world, queue, charters, announced, submit } = await setUp()
    const entry = make(world)
    charters.learn(world.mesh.charters)
    await t.throwsAsync(submit({ kind: 'entries', entries: [entry], payload: uptime.bytes }), { code })
    t.deepEqual([await queue.orders(), announced], [[], []])
  },
  title: (name = '', code) => `${name} is refused: ${code}`
})
const indicationOf = (world: World, admin = world.mesh.admin): Uint8Array => orderOf(world.mesh, { payload: uptime.ref, admin: admin.key }, admin).bytes
const forge = (world: World, change: Partial<EntryBody>, author: Author = world.admin): Verified<EntryBody> => author.forge({ kind: 'indication', indication: indicationOf(world) }, change)
const flipLast = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))

test('an entry that was altered', refusesEntry, 'bad-signature', (world) => flipLast(forge(world, {}).bytes))
test('an entry in another admin\'s name', refusesEntry, 'not-permitted', (world) => forge(world, { author: keyFor('stranger').key }).bytes)
test('an entry for another mesh', refusesEntry, 'wrong-mesh', (world) => forge(world, { mesh: new TestMesh({ name: 'other' }).mesh }).bytes)
test('an entry that is none', refusesEntry, 'malformed', () => new Uint8Array([1]))
test('a record of another type', refusesEntry, 'wrong-type', (world) => indicationOf(world))
test('an order whose signature is forged', refusesEntry, 'bad-signature', (world) => world.admin.forge({ kind: 'indication', indication: sealRecord(indicationKind, orderBody(world.mesh, { payload: uptime.ref }), [keyFor('stranger')]).bytes }, {}).bytes)
test('an order of another admin in one\'s own log', refusesEntry, 'wrong-author', (world) => {
  const second = world.mesh.key('second admin')
  world.mesh.amend({ admins: [...world.mesh.chain.current.admins, { key: second.key, name: 'second', may: [{ formats: ['*'], on: '' }] }] })
  return world.admin.forge({ kind: 'indication', indication: indicationOf(world, second) }, {}).bytes
})

test('an order of somebody who is no admin any more is refused', async (t) => {
  const { world, charters, submit } = await setUp()
  world.order({ payload: uptime.ref })
  world.mesh.amend({ admins: [] })
  charters.learn(world.mesh.charters)
  await t.throwsAsync(submit({ kind: 'entries', entries: lastOf(world.admin), payload: uptime.bytes }), { code: 'not-an-admin' })
})

test('an order that is submitted twice is one order', async (t) => {
  const { world, queue, submit } = await setUp()
  world.order({ payload: uptime.ref })
  const request = { kind: 'entries', entries: lastOf(world.admin), payload: uptime.bytes }
  await submit(request)
  t.deepEqual(await submit(request), { kind: 'head', sequence: 1 })
  t.is((await queue.orders()).length, 1)
})

test('where an earlier entry is missing the answer says from where to send', async (t) => {
  const { world, queue, submit } = await setUp()
  for (let index = 0; index < 3; index += 1) world.order({ payload: uptime.ref })
  t.deepEqual(await submit({ kind: 'entries', entries: lastOf(world.admin), payload: uptime.bytes }), { kind: 'head', sequence: 0 })
  t.deepEqual(await submit({ kind: 'entries', entries: entriesOf(world.admin), payload: uptime.bytes }), { kind: 'head', sequence: 3 })
  t.is((await queue.orders()).length, 3)
})

test('an admin is told how far each life of its log is known', async (t) => {
  const { world, queue, submit } = await setUp()
  t.deepEqual(await submit({ kind: 'lives' }), { kind: 'lives', lives: [] })
  world.order()
  await queue.merge(entriesOf(world.admin), 'test')
  t.deepEqual(await submit({ kind: 'lives' }), { kind: 'lives', lives: [{ incarnation: world.admin.incarnation, sequence: 1, id: world.admin.entries[0]?.id ?? null, frozenAt: null }] })
})

test('a cancellation needs no payload and is put on the topic', async (t) => {
  const { world, queue, announced, submit } = await setUp()
  const order = world.order({ payload: uptime.ref })
  world.cancel(order.id)
  await submit({ kind: 'entries', entries: entriesOf(world.admin), payload: null })
  t.is(queue.controlsFor(order.id).length, 1)
  t.is(announced.length, 2)
})

test('newer charters are taken over, and bad ones refused', async (t) => {
  const { world, charters, submit } = await setUp()
  world.mesh.amend({ endpoints: [] })
  world.mesh.amend({ endpoints: [] })
  await t.throwsAsync(submit({ kind: 'charters', charters: world.mesh.charters.slice(2) }), { code: 'bad-charter' })
  t.deepEqual(await submit({ kind: 'charters', charters: world.mesh.charters }), { kind: 'charter', version: 3 })
  t.is(charters.chain.current.version, 3)
})

test('a node may not submit', async (t) => {
  const { world, submit } = await setUp()
  world.order({ payload: uptime.ref })
  await t.throwsAsync(submit({ kind: 'entries', entries: lastOf(world.admin), payload: uptime.bytes }, admitNode(world.mesh.node('web-1'))), { code: 'not-permitted' })
})

test('a request that cannot be read is refused', async (t) => {
  const { deps, from } = await setUp()
  await t.throwsAsync(answerSubmit(deps, from, ask({ kind: 'entries', entries: [], payload: null }), never), { code: 'malformed' })
  await t.throwsAsync(answerSubmit(deps, from, new Uint8Array(limits.network.messageBytesMax + 1), never), { code: 'oversized' })
})

test('a thaw is accepted, counts at once, and is put on the topic', async (t) => {
  const { world, queue, announced, submit } = await setUp()
  const agent = world.agent('web-1')
  const branch = agent.branch(1)
  const fault = (kind: string) => ({ kind: 'fault' as const, fault: { kind, subject: '', detail: '' } })
  const [ours, other] = [agent.say(fault('ours')), branch.say(fault('other'))]
  await queue.merge(bytesOf(...agent.entries, other), 'test')
  t.deepEqual((await queue.headsOf(agent.key)).map(({ frozenAt }) => frozenAt), [2])
  const thaw = world.thaw(agent, 2, other)
  t.deepEqual(await submit({ kind: 'entries', entries: [thaw.bytes], payload: null }), { kind: 'head', sequence: 1 })
  t.deepEqual((await queue.headsOf(agent.key)).map(({ head, frozenAt }) => [head.id, frozenAt]), [[other.id, null]])
  t.deepEqual(announced, [{ entry: thaw.bytes, payload: null }])
  t.not(ours.id, other.id)
})
