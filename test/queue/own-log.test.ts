import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { LevelStore } from '../../src/base/level-store.ts'
import { WritError } from '../../src/base/errors.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { entryKind, type EntryContent } from '../../src/record/entry.ts'
import { OwnLog } from '../../src/queue/own-log.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { madeAt, randomOf, signerOf, World } from './world.ts'
import type { KeyValueStore } from '../../src/base/key-value-store.ts'

const fault = (subject: string): EntryContent => ({ kind: 'fault', fault: { kind: 'test', subject, detail: '' } })

const openLog = (store: KeyValueStore, first?: EntryContent): Promise<OwnLog> => {
  const { mesh } = new World()
  const deps = { store, signer: mesh.key('peer:a'), mesh: mesh.mesh, random: randomOf('own'), clock: { now: () => madeAt } }
  return OwnLog.open(first === undefined ? deps : { ...deps, first })
}

const bodiesOf = (entries: readonly Uint8Array[]) =>
  entries.map((bytes) => {
    const decoded = decodeRecord(entryKind, bytes)
    if (!decoded.ok) throw new Error(decoded.detail)
    return { id: decoded.value.id, ...decoded.value.body }
  })

test("a node's log begins with its credential, an admin's is empty", async (t) => {
  const node = new World().agent('a').node
  const withCredential = await openLog(new MemoryStore(), { kind: 'credential', credential: node.credential.bytes })
  t.is(withCredential.head().head.sequence, 1)
  t.is((await openLog(new MemoryStore())).head().head.sequence, 0)
})

test('a log is unused until something is said, and after another life has begun it never is', async (t) => {
  const first: EntryContent = { kind: 'credential', credential: new World().agent('a').node.credential.bytes }
  const [said, reborn] = [await openLog(new MemoryStore(), first), await openLog(new MemoryStore(), first)]
  t.true(said.isUnused)
  await said.append(fault('a'), { durable: true })
  t.false(said.isUnused)
  await reborn.startIncarnation()
  t.false(reborn.isUnused)
})

test('appends that overlap are linked in the order of their calls', async (t) => {
  const log = await openLog(new MemoryStore())
  const appended = await Promise.all(['a', 'b', 'c', 'd'].map((subject) => log.append(fault(subject), { durable: false })))
  const stored = bodiesOf(await log.entriesAfter(0, 1e6))
  t.deepEqual(stored.map(({ id }) => id), appended.map(({ id }) => id))
  t.deepEqual(stored.map(({ sequence }) => sequence), [1, 2, 3, 4])
  t.deepEqual(stored.map(({ previous }) => previous), [null, ...appended.slice(0, 3).map(({ id }) => id)])
})

test('a log is continued after it was closed, on disk', async (t) => {
  const directory = await temporaryDirectory(t)
  const store = await LevelStore.open(directory)
  const log = await openLog(store)
  const first = await log.append(fault('a'), { durable: true })
  await log.acknowledge(signerOf('endpoint').key, log.head().incarnation, 1)
  await store.close()
  const reopened = await LevelStore.open(directory)
  t.teardown(() => reopened.close())
  const again = await openLog(reopened)
  t.deepEqual(again.head(), log.head())
  t.is((await again.append(fault('b'), { durable: true })).body.previous, first.id)
  t.deepEqual(bodiesOf(await again.unacknowledgedFor(signerOf('endpoint').key, 1e6)).map(({ sequence }) => sequence), [2])
})

test('an entry that could not be stored was not appended', async (t) => {
  const store = new MemoryStore()
  const log = await openLog(store)
  await log.append(fault('a'), { durable: true })
  const { write } = store
  store.write = async () => {
    throw new WritError('store-write-failed', 'the disk is full')
  }
  await t.throwsAsync(log.append(fault('b'), { durable: true }), { code: 'store-write-failed' })
  await t.throwsAsync(log.startIncarnation(), { code: 'store-write-failed' })
  store.write = write
  t.is((await log.append(fault('c'), { durable: true })).body.sequence, 2)
})

test('each endpoint is owed what it has not acknowledged, in pieces of the wanted size', async (t) => {
  const log = await openLog(new MemoryStore())
  const [one, two] = [signerOf('one').key, signerOf('two').key]
  for (const subject of ['a', 'b', 'c']) await log.append(fault(subject), { durable: false })
  const { incarnation } = log.head()
  await log.acknowledge(one, incarnation, 2)
  t.deepEqual(bodiesOf(await log.unacknowledgedFor(one, 1e6)).map(({ sequence }) => sequence), [3])
  t.deepEqual(bodiesOf(await log.unacknowledgedFor(two, 1)).map(({ sequence }) => sequence), [1])
  t.is(log.unacknowledgedCount(1), 1)
  t.is(log.unacknowledgedCount(2), 3)
  await log.acknowledge(two, incarnation, 3)
  t.is(log.unacknowledgedCount(2), 1)
})

test('an endpoint that lost its store, and so holds less than before, is owed that again', async (t) => {
  const log = await openLog(new MemoryStore())
  const one = signerOf('one').key
  for (const subject of ['a', 'b', 'c']) await log.append(fault(subject), { durable: false })
  const { incarnation } = log.head()
  await log.acknowledge(one, incarnation, 3)
  await log.acknowledge(one, incarnation, 1)
  t.deepEqual(bodiesOf(await log.unacknowledgedFor(one, 1e6)).map(({ sequence }) => sequence), [2, 3])
})

test('a new life of the log begins with the credential, and what was said before is still owed', async (t) => {
  const node = new World().agent('a').node
  const log = await openLog(new MemoryStore(), { kind: 'credential', credential: node.credential.bytes })
  const [ahead, other] = [signerOf('ahead').key, signerOf('other').key]
  const before = log.head().incarnation
  await log.append(fault('a'), { durable: true })
  await log.acknowledge(ahead, before, 7)
  const incarnation = await log.startIncarnation()
  t.not(incarnation, before)
  await log.append(fault('b'), { durable: true })
  t.deepEqual(bodiesOf(await log.unacknowledgedFor(ahead, 1e6)).map((body) => [body.incarnation, body.sequence]), [[incarnation, 1], [incarnation, 2]])
  t.deepEqual(bodiesOf(await log.unacknowledgedFor(other, 1e6)).map((body) => [body.incarnation, body.sequence]), [[before, 1], [before, 2], [incarnation, 1], [incarnation, 2]])
  t.is(bodiesOf(await log.entriesAfter(0, 1e6))[0]?.content.kind, 'credential')
})

test('what a log says is merged into queues without a complaint', async (t) => {
  const world = new World()
  const { node } = world.agent('a')
  const log = await openLog(new MemoryStore(), { kind: 'credential', credential: node.credential.bytes })
  await log.append(fault('a'), { durable: true })
  await log.startIncarnation()
  const queue = await world.queue()
  const report = await queue.merge(await log.unacknowledgedFor(signerOf('endpoint').key, 1e6), 'test')
  t.deepEqual([report.accepted.length, report.rejections.length], [3, 0])
})
