/** What becomes of a log whose store was restored, forked or trimmed. */
import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { decodeRecord, type Verified } from '../../src/record/record.ts'
import { entryKind, type EntryBody, type EntryContent, type Receipt } from '../../src/record/entry.ts'
import { findBranch, openHistory, receiptsOf, takeRun } from '../../src/queue/own-history.ts'
import { OwnLog } from '../../src/queue/own-log.ts'
import { copyStore } from '../fixtures/store-copy.ts'
import { Author, madeAt, randomOf, receipts, said, signerOf, World } from './world.ts'
import type { KeyValueStore } from '../../src/base/key-value-store.ts'

const world = new World()
const { node } = world.agent('a')
const [one, two] = [signerOf('one').key, signerOf('two').key]
const order = world.order().id
const fault = (subject: string): EntryContent => ({ kind: 'fault', fault: { kind: 'test', subject, detail: '' } })

let opened = 0
const openLog = (store: KeyValueStore): Promise<OwnLog> =>
  OwnLog.open({ store, signer: node.peer, mesh: world.mesh.mesh, random: randomOf(`own ${(opened += 1)}`), clock: { now: () => madeAt }, first: { kind: 'credential', credential: node.credential.bytes } })

const open = (bytes: Uint8Array): Verified<EntryBody> => {
  const decoded = decodeRecord(entryKind, bytes)
  if (!decoded.ok) throw new Error(decoded.detail)
  return decoded.value as Verified<EntryBody>
}
const unheldBy = async (log: OwnLog, endpoint = one): Promise<EntryBody[]> => (await log.unacknowledgedFor(endpoint, 1e9)).map((bytes) => open(bytes).body)
const placesOf = (bodies: readonly EntryBody[]): string[] => bodies.map(({ incarnation, sequence }) => `${incarnation.slice(0, 4)}/${sequence}`)
const statesOf = (list: readonly Receipt[]): string[] => list.map((receipt) => (receipt.kind === 'agent' ? receipt.state : 'statement'))

/** A log that went on after its store was copied: the copy, and the entries that it lacks. */
const restored = async () => {
  const store = new MemoryStore()
  const log = await openLog(store)
  await log.append(fault('before'), { durable: true })
  const backup = await copyStore(store)
  const lost = [await log.append(receipts(said(order, 'received')), { durable: true }), await log.append(receipts(said(order, 'validated')), { durable: true })]
  return { store: backup, log: await openLog(backup), incarnation: log.head().incarnation, lost, before: log }
}

test('what was lost is taken over, handed to others, and the log goes on in a new life', async (t) => {
  const { log, incarnation, lost, store } = await restored()
  await log.adopt(incarnation, lost)
  t.is(log.head().head.sequence, 4)
  t.deepEqual(placesOf(await unheldBy(log)).map((place) => place.slice(5)), ['1', '2', '3', '4'])
  const next = await log.append(fault('after'), { durable: true })
  t.not(next.body.incarnation, incarnation)
  t.is(next.body.sequence, 2)
  t.is(await log.retell(), 0)
  const again = await openLog(store)
  t.deepEqual(again.lives(), log.lives())
})

test('a crash before the new life has begun changes nothing: the old one is over', async (t) => {
  const { log, incarnation, lost, store } = await restored()
  await log.adopt(incarnation, lost)
  const again = await openLog(store)
  t.not((await again.append(fault('after'), { durable: true })).body.incarnation, incarnation)
})

test('a life that began since is gone on with, whatever is taken over of earlier ones', async (t) => {
  const { log, incarnation, lost } = await restored()
  const current = await log.startIncarnation()
  await log.adopt(incarnation, lost)
  t.is((await log.append(fault('after'), { durable: true })).body.incarnation, current)
})

test('a life that is not here is taken over before the one that is written', async (t) => {
  const { before, lost } = await restored()
  const log = await openLog(new MemoryStore())
  const all = (await before.entriesAfter(0, 1e9)).map(open)
  await log.adopt(before.head().incarnation, all)
  t.deepEqual(log.lives().map(({ incarnation, head }) => [incarnation === before.head().incarnation, head.sequence]), [[true, 4], [false, 1]])
  t.is(lost.length, 2)
})

test('of a fork both branches are said again, once, and neither is handed on', async (t) => {
  const { log, incarnation, lost, store } = await restored()
  await log.append(receipts(said(order, 'retrieving')), { durable: true })
  await log.close(incarnation, 3, lost)
  t.is(await log.retell(), 3)
  const current = log.head().incarnation
  t.not(current, incarnation)
  const owed = await unheldBy(log)
  t.deepEqual(owed.filter((body) => body.incarnation === incarnation).map(({ sequence }) => sequence), [1, 2])
  t.deepEqual(statesOf(receiptsOf(owed.filter((body) => body.incarnation === current))).sort(), ['received', 'retrieving', 'validated'])
  await log.close(incarnation, 3, lost)
  t.is(await log.retell(), 0)
  t.is(await (await openLog(store)).retell(), 0)
})

test('a fork that turns out to be lower brings what lies between, and no more', async (t) => {
  const { log, incarnation } = await restored()
  for (const state of ['received', 'retrieving', 'validated'] as const) await log.append(receipts(said(order, state)), { durable: true })
  await log.close(incarnation, 5, [])
  t.is(await log.retell(), 1)
  await log.close(incarnation, 3, [])
  t.is(await log.retell(), 2)
})

test('queues that meet both branches and the new life hold every receipt', async (t) => {
  const { log, incarnation, lost } = await restored()
  const mine = await log.append(receipts(said(order, 'retrieving')), { durable: true })
  const queue = await world.queue()
  await queue.merge((await log.unacknowledgedFor(one, 1e9)), 'test')
  await queue.merge(lost.map(({ bytes }) => bytes), 'test')
  await log.close(incarnation, 3, lost)
  await log.retell()
  const report = await queue.merge(await log.unacknowledgedFor(one, 1e9), 'test')
  t.deepEqual(report.rejections, [])
  const lives = new Map((await queue.headsOf(node.peer.key)).map((life) => [life.incarnation, life]))
  t.is(lives.get(incarnation)?.frozenAt, 3)
  t.is(lives.get(log.head().incarnation)?.head.sequence, log.head().head.sequence)
  t.is(mine.body.sequence, 3)
})

const filled = async (entries: number) => {
  const store = new MemoryStore()
  const log = await openLog(store)
  for (let count = 0; count < entries; count += 1) {
    await log.append(receipts(said(order, 'received', madeAt + count)), { durable: false })
    await log.checkpoint()
  }
  return { log, store }
}

const countEntries = async (store: MemoryStore): Promise<number> => {
  let count = 0
  for await (const entry of store.entries({ from: 'own/entry/', to: 'own/entry/~' })) count += entry.length / 2
  return count
}

test('checkpoints carry the credential, and what lies below one that two endpoints hold is dropped', async (t) => {
  const { log, store } = await filled(limits.ownLog.checkpointEntries + 10)
  const { incarnation, head, checkpoints } = log.head()
  const [checkpoint = 0] = checkpoints
  t.is(checkpoint, limits.ownLog.checkpointEntries + 1)
  await log.acknowledge(one, incarnation, head.sequence)
  await log.acknowledge(two, incarnation, checkpoint - 1)
  await log.trim(new Set([one, two]), 2)
  t.is(log.head().first, 1)
  await log.acknowledge(two, incarnation, checkpoint)
  await log.trim(new Set([one]), 2)
  t.is(log.head().first, 1)
  await log.trim(new Set([one, two]), 2)
  t.is(log.head().first, checkpoint)
  t.is(await countEntries(store), head.sequence - checkpoint + 1)
  t.is(log.unacknowledgedCount(2), head.sequence - checkpoint)
  const owed = await unheldBy(log, signerOf('new').key)
  t.is(owed[0]?.sequence, checkpoint)
  t.deepEqual(owed[0]?.content, { kind: 'checkpoint', credential: node.credential.bytes })
  const reopened = await openLog(store)
  t.deepEqual(reopened.lives(), log.lives())
})

test('a log whose beginning no endpoint holds any more is said again from what is kept', async (t) => {
  const { log } = await filled(limits.ownLog.checkpointEntries + 3)
  const { incarnation, head } = log.head()
  await log.acknowledge(one, incarnation, head.sequence)
  await log.trim(new Set([one]), 1)
  t.deepEqual(log.stranded(new Set([one])), [])
  await log.acknowledge(one, incarnation, 5)
  const [stranded] = log.stranded(new Set([one]))
  t.is(stranded?.incarnation, incarnation)
  await log.close(incarnation, stranded?.first ?? 0, [])
  t.is(await log.retell(), head.sequence - (stranded?.first ?? 0))
  t.deepEqual(log.stranded(new Set([one])), [])
})

test('a log that began anew as often as it may does not begin once more', async (t) => {
  const log = await openLog(new MemoryStore())
  while (log.lives().length < limits.pull.livesMax) await log.startIncarnation()
  await t.throwsAsync(log.startIncarnation(), { code: 'too-many-lives' })
  t.is(log.lives().length, limits.pull.livesMax)
  t.is((await log.append(fault('on'), { durable: true })).body.sequence, 2)
})

test("an admin's log remembers what endpoints know beyond it, so that only news makes a new life", async (t) => {
  const log = await openLog(new MemoryStore())
  const { incarnation } = log.head()
  const elsewhere = (await openLog(new MemoryStore())).head().incarnation
  t.false(await log.isBehind([{ incarnation, sequence: 1, id: null, frozenAt: null }]))
  t.true(await log.isBehind([{ incarnation, sequence: 2, id: null, frozenAt: null }]))
  t.true(await log.isBehind([{ incarnation, sequence: 0, id: null, frozenAt: 1 }]))
  t.true(await log.isBehind([{ incarnation: elsewhere, sequence: 3, id: null, frozenAt: null }]))
  await log.startIncarnation()
  await log.note([{ incarnation, sequence: 2, id: null, frozenAt: 3 }, { incarnation: elsewhere, sequence: 3, id: null, frozenAt: null }])
  t.false(await log.isBehind([{ incarnation, sequence: 2, id: null, frozenAt: 3 }, { incarnation: elsewhere, sequence: 3, id: null, frozenAt: null }]))
  t.true(await log.isBehind([{ incarnation: elsewhere, sequence: 4, id: null, frozenAt: null }]))
})

const author = new Author(world.mesh, node.peer, world.agent('a').incarnation)
const entries = Array.from({ length: 6 }, (_, index) => author.say(fault(String(index))))
const name = { mesh: world.mesh.mesh, author: node.peer.key, incarnation: author.incarnation }
const sequencesOf = (list: readonly Verified<EntryBody>[]): number[] => list.map(({ body }) => body.sequence)

test('of what an endpoint hands back only entries of the own key, this mesh and this life count', (t) => {
  const stranger = new Author(world.mesh, signerOf('stranger'), author.incarnation).say(fault('x'))
  const altered = entries[1]?.bytes.map((byte, index, all) => (index === all.length - 1 ? byte ^ 1 : byte)) ?? new Uint8Array()
  const other = author.forge(fault('x'), { incarnation: world.admin.incarnation })
  const elsewhere = author.forge(fault('x'), { mesh: order as unknown as typeof world.mesh.mesh })
  t.deepEqual(sequencesOf(openHistory(name, [entries[2]?.bytes ?? new Uint8Array(), stranger.bytes, altered, other.bytes, elsewhere.bytes, new Uint8Array([1]), entries[0]?.bytes ?? new Uint8Array()])), [1, 3])
})

test('a run goes on from what is here, without a gap, as far as it counts', (t) => {
  const head = { sequence: 2, id: entries[1]?.id ?? null }
  t.deepEqual(sequencesOf(takeRun(head, entries.slice(2), 5)), [3, 4, 5])
  t.deepEqual(sequencesOf(takeRun(head, [...entries.slice(2, 3), ...entries.slice(4)], 9)), [3])
  t.deepEqual(sequencesOf(takeRun({ sequence: 2, id: entries[0]?.id ?? null }, entries.slice(2), 9)), [])
  t.deepEqual(sequencesOf(takeRun(undefined, entries, 9)), [1, 2, 3, 4, 5, 6])
})

test('a run may begin with a checkpoint, and with nothing else', (t) => {
  const checkpoint = author.branch(3).say({ kind: 'checkpoint', credential: null })
  t.deepEqual(sequencesOf(takeRun(undefined, [checkpoint], 9)), [4])
  t.deepEqual(sequencesOf(takeRun(undefined, entries.slice(3), 9)), [])
})

test('two logs part where the first entries differ, or before an entry that names another predecessor', (t) => {
  const here = new Map(entries.map(({ id, body }) => [body.sequence, id]))
  const other = author.branch(3)
  const foreign = [other.say(fault('x')), other.say(fault('y'))]
  t.is(findBranch(entries, here, 6), undefined)
  t.deepEqual(findBranch([...entries.slice(0, 3), ...foreign], here, 6), { at: 4, foreign })
  t.is(findBranch(foreign.slice(1), here, 6)?.at, 4)
  t.is(findBranch(foreign, here, 2)?.at, 2)
})
