import test from 'ava'
import { utf8 } from '../../src/base/bytes.ts'
import { Charters } from '../../src/node/charters.ts'
import { Gossip, type Heard } from '../../src/node/gossip.ts'
import { controlKind } from '../../src/record/control.ts'
import { encodeAnnouncement, indicationsTopic, receiptsTopic } from '../../src/node/protocol/announcement.ts'
import { sealRecord } from '../../src/record/record.ts'
import { limits } from '../../src/base/limits.ts'
import { Author, receipts, said, World } from '../queue/world.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { commandPayload, orderOf } from '../fixtures/orders.ts'
import { FakeNetwork, RecordingLog } from './in-memory.ts'
import { settled } from './manual-time.ts'
import type { EntryBody } from '../../src/record/entry.ts'
import type { GossipVerdict } from '../../src/node/network/network.ts'

const peer = keyFor('a neighbour').key
const uptime = commandPayload('uptime')

const setUp = () => {
  const world = new World()
  const network = new FakeNetwork(keyFor('self').key)
  const heard: Heard[] = []
  const log = new RecordingLog()
  const charters = new Charters(world.mesh.chain, () => undefined)
  const gossip = new Gossip({ network, charters, log })
  gossip.hearIndications((what) => heard.push(what))
  const topic = indicationsTopic(world.mesh.mesh)
  const hear = (entry: Uint8Array, payload: Uint8Array | null = null) => network.gossip(topic, encodeAnnouncement({ entry, payload }), peer)
  return { world, network, heard, log, gossip, topic, hear, charters }
}

test('an order of an admin is accepted and delivered with its payload', async (t) => {
  const { world, heard, hear } = setUp()
  const order = world.order({ payload: uptime.ref })
  const entry = world.admin.entries[0]?.bytes ?? new Uint8Array()
  t.is(await hear(entry, uptime.bytes), 'accept')
  t.like(heard, [{ announcement: { entry, payload: uptime.bytes }, what: { kind: 'indication', indication: { id: order.id } } }])
})

test('a cancellation of an admin is accepted and delivered', async (t) => {
  const { world, heard, hear } = setUp()
  const entry = world.cancel(world.order().id)
  t.is(await hear(entry.bytes), 'accept')
  t.like(heard, [{ what: { kind: 'cancel' } }])
})

test('a thaw of an admin is accepted, for those who keep logs', async (t) => {
  const { world, heard, hear } = setUp()
  const agent = world.agent('web-1')
  const [first] = agent.entries
  if (first === undefined) throw new Error('a log begins with its credential')
  t.is(await hear(world.thaw(agent, 1, first).bytes), 'accept')
  t.deepEqual(heard.map(({ what }) => what), [{ kind: 'thaw' }])
})

const judges = test.macro({
  async exec(t, verdict: GossipVerdict, make: (world: World) => Uint8Array | { readonly entry: Uint8Array; readonly payload: Uint8Array }) {
    const { world, heard, hear } = setUp()
    const made = make(world)
    t.is(await (made instanceof Uint8Array ? hear(made) : hear(made.entry, made.payload)), verdict)
    t.deepEqual(heard, [])
  },
  title: (name = '', verdict) => `${name}: ${verdict}`
})
const lastOf = (world: World): Uint8Array => world.admin.entries.at(-1)?.bytes ?? new Uint8Array()
const ordered = (world: World, change: Partial<EntryBody> = {}, author: Author = world.admin) => author.forge({ kind: 'indication', indication: orderOf(world.mesh, { payload: uptime.ref }).bytes }, change).bytes
const stranger = keyFor('stranger')

test('an entry that is none', judges, 'reject', () => utf8('nonsense'))
test('an entry whose signature was altered', judges, 'reject', (world) => ordered(world).map((byte, index, all) => (index === all.length - 1 ? byte ^ 1 : byte)))
test('an entry of another mesh', judges, 'reject', (world) => ordered(world, { mesh: new TestMesh({ name: 'other' }).mesh }))
test('an entry of an admin who is not known yet', judges, 'ignore', (world) => ordered(world, {}, new Author(world.mesh, stranger, world.admin.incarnation)))
test('an entry in an admin\'s name by somebody else', judges, 'reject', (world) => new Author(world.mesh, stranger, world.admin.incarnation).forge({ kind: 'indication', indication: orderOf(world.mesh).bytes }, { author: world.mesh.admin.key }).bytes)
test('an order of somebody else in an admin\'s entry', judges, 'reject', (world) => world.admin.forge({ kind: 'indication', indication: orderOf(world.mesh, { admin: stranger.key }, stranger).bytes }, {}).bytes)
test('an order whose own signature is forged', judges, 'reject', (world) => {
  const good = orderOf(world.mesh).bytes
  return world.admin.forge({ kind: 'indication', indication: good.map((byte, index) => (index === good.length - 1 ? byte ^ 1 : byte)) }, {}).bytes
})
test('an admin\'s entry that holds neither an order nor a control', judges, 'reject', (world) => world.admin.forge(receipts(said(world.order().id, 'received')), {}).bytes)
test('a control that is none', judges, 'reject', (world) => world.admin.forge({ kind: 'control', control: utf8('nonsense') }, {}).bytes)
test('a control of somebody else in an admin\'s entry', judges, 'reject', (world) => {
  const body = { mesh: world.mesh.mesh, admin: stranger.key, indication: orderOf(world.mesh).id, action: 'cancel' as const, at: 1 }
  return world.admin.forge({ kind: 'control', control: sealRecord(controlKind, body, [stranger]).bytes }, {}).bytes
})
test('a payload beside an order that names another', judges, 'reject', (world) => {
  world.order({ payload: uptime.ref })
  return { entry: lastOf(world), payload: utf8('rm -rf') }
})
test('a payload beside a control', judges, 'reject', (world) => {
  world.cancel(world.order().id)
  return { entry: lastOf(world), payload: uptime.bytes }
})

test('a message that is none is rejected', async (t) => {
  const { network, topic } = setUp()
  t.is(await network.gossip(topic, utf8('nonsense'), peer), 'reject')
  t.is(await network.gossip(topic, new Uint8Array(limits.gossip.messageBytesMax + 1), peer), 'reject')
})

test('an order of a former admin is passed on: those who ordered by right stay heard, and each node judges', async (t) => {
  const { world, charters, hear } = setUp()
  world.order({ payload: uptime.ref })
  world.mesh.amend({ admins: [] })
  charters.learn(world.mesh.charters)
  t.is(await hear(lastOf(world)), 'accept')
})

test('what is too large for gossip is left to pull', async (t) => {
  const { network, gossip } = setUp()
  gossip.announce({ entry: new Uint8Array(limits.gossip.messageBytesMax), payload: null })
  await settled()
  t.deepEqual(network.published, [])
})

test('gossip that fails is a line in the log and nothing else', async (t) => {
  const { network, gossip, log } = setUp()
  network.publish = async () => {
    throw new Error('no peers')
  }
  gossip.report(utf8('entry'))
  await settled()
  t.deepEqual(log.problems(), ['gossip failed; pull will deliver'])
})

test('receipts are judged by whoever merges them', async (t) => {
  const { world, network, gossip } = setUp()
  const merged: Uint8Array[] = []
  gossip.hearReceipts(async (entry) => (merged.push(entry), 'ignore'))
  t.is(await network.gossip(receiptsTopic(world.mesh.mesh), utf8('entry'), peer), 'ignore')
  t.deepEqual(merged, [utf8('entry')])
})
