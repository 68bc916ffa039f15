import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { decodeShape } from '../../src/base/schema.ts'
import { limits } from '../../src/base/limits.ts'
import { answerSync, SyncClient } from '../../src/queue/sync.ts'
import { freshSyncState, SyncMachine } from '../../src/queue/sync-machine.ts'
import { syncAnswerSchema, syncRequestSchema } from '../../src/queue/sync-message.ts'
import { bytesOf, madeAt, receipts, said, signerOf, World } from './world.ts'
import type { KeyId } from '../../src/base/brand.ts'
import type { Queue } from '../../src/queue/queue.ts'

interface Side {
  readonly queue: Queue
  readonly store: MemoryStore
  readonly client: SyncClient
  readonly key: KeyId
}

const sideOf = async (world: World, name: string, store = new MemoryStore()): Promise<Side> => {
  const queue = await world.queue({ store, name })
  const client = new SyncClient({ store, queue, chain: () => world.mesh.chain, learnCharters: async () => {} })
  return { queue, store, client, key: signerOf(name).key }
}

/** One question and its answer as bytes on the wire; gives the number of these, and whether to ask again. */
const ask = async (world: World, asker: Side, answerer: Side): Promise<{ bytes: number; again: boolean; entries: number }> => {
  const question = encodeCbor(await asker.client.request(answerer.key))
  const request = decodeShape(syncRequestSchema, question, limits.network.messageBytesMax)
  if (!request.ok) throw new Error(request.detail)
  const reply = encodeCbor(await answerSync(answerer.queue, world.mesh.chain, request.value))
  const answer = decodeShape(syncAnswerSchema, reply, limits.network.messageBytesMax)
  if (!answer.ok) throw new Error(answer.detail)
  const { again } = await asker.client.take(answerer.key, answer.value)
  return { bytes: question.length + reply.length, again, entries: answer.value.entries.length }
}

const catchUp = async (world: World, asker: Side, answerer: Side): Promise<number> => {
  let rounds = 1
  while ((await ask(world, asker, answerer)).again) rounds += 1
  return rounds
}

const populate = (world: World, agents: number) => {
  const order = world.order()
  const logs = Array.from({ length: agents }, (_, index) => world.agent(`n${index}`))
  for (const log of logs) log.say(receipts(said(order.id, 'received')))
  return { order, logs }
}

test('two endpoints that were told different things hold the same after each has asked the other', async (t) => {
  const world = new World()
  const { order, logs } = populate(world, 6)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await left.queue.merge(bytesOf(...world.admin.entries, ...logs.slice(0, 3).flatMap(({ entries }) => entries)), 'test')
  await right.queue.merge(bytesOf(...logs.slice(3).flatMap(({ entries }) => entries)), 'test')
  t.is(await catchUp(world, left, right), 1)
  t.is(await catchUp(world, right, left), 1)
  t.deepEqual(left.queue.digest(), right.queue.digest())
  t.deepEqual(await left.queue.rowsOf(order.id), await right.queue.rowsOf(order.id))
  t.is((await right.queue.order(order.id))?.counts.received, 6)
})

test('endpoints in equal state exchange less than 1 KB', async (t) => {
  const world = new World()
  const { logs } = populate(world, 20)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await right.queue.merge(bytesOf(...world.admin.entries, ...logs.flatMap(({ entries }) => entries)), 'test')
  await right.queue.notePresence(world.presence('n1', madeAt), madeAt)
  await catchUp(world, left, right)
  const { bytes, again, entries } = await ask(world, left, right)
  t.deepEqual([again, entries], [false, 0])
  t.true(bytes < 1024, `${bytes} bytes`)
})

test('a cursor outlives a restart of the asker, and a new store of the answerer begins anew', async (t) => {
  const world = new World()
  const { logs } = populate(world, 5)
  const all = bytesOf(...world.admin.entries, ...logs.flatMap(({ entries }) => entries))
  const right = await sideOf(world, 'right')
  await right.queue.merge(all, 'test')
  const left = await sideOf(world, 'left')
  await catchUp(world, left, right)
  const restarted = await sideOf(world, 'left', left.store)
  t.is((await ask(world, restarted, right)).entries, 0)
  const rebuilt = { ...(await sideOf(world, 'right rebuilt')), key: right.key }
  t.not(rebuilt.queue.storeId(), right.queue.storeId())
  await rebuilt.queue.merge(all, 'test')
  t.is((await ask(world, restarted, rebuilt)).entries, all.length)
  t.is((await ask(world, restarted, rebuilt)).entries, 0)
})

test('a cursor beyond what the answerer has starts again from the beginning', async (t) => {
  const world = new World()
  const { logs } = populate(world, 2)
  const right = await sideOf(world, 'right')
  await right.queue.merge(bytesOf(...logs.flatMap(({ entries }) => entries)), 'test')
  const request = { storeId: right.queue.storeId(), cursor: 99, presenceCursor: 0, digest: new Uint8Array(32), charterVersion: 1 }
  t.is((await answerSync(right.queue, world.mesh.chain, request)).entries.length, 4)
})

test('an entry that a cursor has passed and that was lost is fetched again when both are at rest', async (t) => {
  const world = new World()
  const { logs } = populate(world, 3)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await right.queue.merge(bytesOf(...world.admin.entries, ...logs.flatMap(({ entries }) => entries)), 'test')
  const request = await left.client.request(right.key)
  const answer = await answerSync(right.queue, world.mesh.chain, request)
  await left.client.take(right.key, { ...answer, entries: answer.entries.slice(1) })
  t.notDeepEqual(left.queue.digest(), right.queue.digest())
  let rounds = 0
  while (Buffer.compare(left.queue.digest(), right.queue.digest()) !== 0 && rounds < 20) {
    await ask(world, left, right)
    rounds += 1
  }
  t.true(rounds <= limits.sync.idleRoundsMin + 1, `${rounds} rounds`)
})

const answerOf = (fields: Partial<Parameters<SyncMachine['step']>[0]>) => ({ storeId: 's', next: 5, presenceNext: 0, more: false, digest: new Uint8Array(32), entryCount: 0, ...fields })
const differing = new Uint8Array(32).fill(1)

test('while an answer says that there is more, the machine asks again, unless nothing came', (t) => {
  const machine = new SyncMachine(freshSyncState)
  t.true(machine.step(answerOf({ more: true, entryCount: 5 }), differing).again)
  t.false(machine.step(answerOf({ more: true, entryCount: 0 }), differing).again)
})

test('a cursor is given up ever more rarely when that does not make digests equal', (t) => {
  const machine = new SyncMachine(freshSyncState)
  const restarts: number[] = []
  for (let round = 1; round <= 25; round += 1) if (machine.step(answerOf({}), differing).state.cursor === 0) restarts.push(round)
  t.deepEqual(restarts, [3, 9, 21])
})

test('while digests move, or are equal, the cursor stays', (t) => {
  const machine = new SyncMachine(freshSyncState)
  for (let round = 1; round <= 20; round += 1) {
    t.is(machine.step(answerOf({}), new Uint8Array(32).fill(round)).state.cursor, 5)
    t.is(machine.step(answerOf({}), new Uint8Array(32)).state.cursor, 5)
  }
})

test('the newest presence wins on both sides, and comes with its last contact', async (t) => {
  const world = new World()
  const { logs } = populate(world, 1)
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await right.queue.merge(bytesOf(...logs.flatMap(({ entries }) => entries)), 'test')
  await right.queue.notePresence(world.presence('n0', madeAt + 1, '1.0.0'), madeAt + 10)
  await catchUp(world, left, right)
  await right.queue.notePresence(world.presence('n0', madeAt, '0.9.0'), madeAt + 20)
  await right.queue.notePresence(world.presence('n0', madeAt + 2, '1.1.0'), madeAt + 30)
  await catchUp(world, left, right)
  t.deepEqual(left.queue.nodes().map(({ name, release, lastContactAt }) => [name, release, lastContactAt]), [['n0', '1.1.0', madeAt + 30]])
  t.deepEqual(left.queue.digest(), right.queue.digest())
})
