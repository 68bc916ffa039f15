import test from 'ava'
import { Background } from '../../../src/base/background.ts'
import { limits } from '../../../src/base/limits.ts'
import { MemoryStore } from '../../../src/base/memory-store.ts'
import { LogKeeper } from '../../../src/node/agent/log-keeper.ts'
import { drawIncarnation } from '../../../src/base/random.ts'
import { OwnLog } from '../../../src/queue/own-log.ts'
import { readOpenStarts } from '../../../src/queue/own-starts.ts'
import { FillingStore } from '../../fixtures/filling-store.ts'
import { copyStore } from '../../fixtures/store-copy.ts'
import { randomOf, receipts, said, signerOf, World } from '../../queue/world.ts'
import { RecordingLog } from '../in-memory.ts'
import { ManualTime, settled } from '../manual-time.ts'
import type { KnownLife } from '../../../src/queue/own-lives.ts'

const world = new World()
const { node } = world.agent('a')
const order = world.order().id
const endpoint = signerOf('one').key
const { barrenClaimsMax, checkpointEntries, precautionLivesMax, strandedMs } = limits.ownLog

let opened = 0
const setUp = async (options: { readonly store?: MemoryStore; readonly isEndpoint?: boolean; readonly others?: number } = {}) => {
  const { store = new MemoryStore(), isEndpoint = false, others = 1 } = options
  const time = new ManualTime()
  const log = new RecordingLog()
  const ownLog = await OwnLog.open({ store, signer: node.peer, mesh: world.mesh.mesh, random: randomOf(`keeper ${(opened += 1)}`), clock: time, first: { kind: 'credential', credential: node.credential.bytes } })
  const adopted: Uint8Array[] = []
  const failing = { adopt: false }
  let releases = 0
  let retold = 0
  const keeper = new LogKeeper(
    {
      ownLog, log, timers: time, background: new Background(log),
      openStarts: () => readOpenStarts(store, node.executor.key),
      retell: async () => void (retold += 1),
      adopt: async (statements) => {
        if (failing.adopt) throw new Error('the executor is gone')
        adopted.push(...statements)
      },
      release: () => void (releases += 1)
    },
    { self: node.peer.key, isEndpoint, others }
  )
  keeper.start()
  await settled()
  const hear = async (acknowledged: readonly KnownLife[], history: readonly Uint8Array[] = []): Promise<boolean> => {
    const { asked } = await keeper.ask(endpoint)
    return keeper.hear(endpoint, asked, { acknowledged: [...acknowledged], history: [...history] })
  }
  const say = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      await ownLog.append(receipts(said(order, 'received', index)), { durable: false })
      await ownLog.checkpoint()
    }
  }
  return { store, time, log, ownLog, adopted, failing, keeper, hear, say, releases: () => releases, retold: () => retold }
}

const all = (ownLog: OwnLog): KnownLife[] => ownLog.lives().map(({ incarnation, head }) => ({ incarnation, sequence: head.sequence, id: null, frozenAt: null }))

test('a log is trimmed once an endpoint holds its checkpoint, and what is lost there is handed over from the oldest that is kept', async (t) => {
  const { ownLog, hear, say, keeper } = await setUp()
  await hear(all(ownLog))
  await say(checkpointEntries + 5)
  const { incarnation, checkpoints } = ownLog.head()
  await hear(all(ownLog))
  t.is(ownLog.head().first, checkpoints[0] ?? 0)
  t.true(await hear([]))
  const { entries } = await keeper.ask(endpoint)
  t.is(entries.length, ownLog.head().head.sequence - ownLog.head().first + 1)
  t.is(ownLog.head().incarnation, incarnation)
})

test('when the only endpoint lacks what is not kept, and no other brings it, what is kept is said again in a new life', async (t) => {
  const { ownLog, hear, say, time, releases } = await setUp()
  await hear(all(ownLog))
  await say(checkpointEntries + 5)
  const { incarnation } = ownLog.head()
  await hear(all(ownLog))
  await hear([{ incarnation, sequence: 5, id: null, frozenAt: null }])
  await time.pass(strandedMs - 1)
  t.is(ownLog.lives().length, 1)
  await time.pass(1)
  t.is(ownLog.lives().length, 2)
  t.is(ownLog.head().head.sequence, 2)
  t.is(releases(), 2)
  t.is(ownLog.unacknowledgedCount(1), 2)
})

test('an endpoint that gets the rest from others in time ends the wait', async (t) => {
  const { ownLog, hear, say, time } = await setUp()
  await hear(all(ownLog))
  await say(checkpointEntries + 5)
  const { incarnation, head } = ownLog.head()
  await hear(all(ownLog))
  await hear([{ incarnation, sequence: 5, id: null, frozenAt: null }])
  await time.pass(strandedMs - 1)
  await hear([{ incarnation, sequence: head.sequence, id: null, frozenAt: null }])
  await time.pass(strandedMs)
  t.is(ownLog.lives().length, 1)
})

test('what the executor could not write down is not kept here either, and is asked for again', async (t) => {
  const first = await setUp()
  const backup = await copyStore(first.store)
  const statement = world.statement(node.executor, order, 'succeeded')
  const lost = await first.ownLog.append(receipts(statement), { durable: true })
  const second = await setUp({ store: backup })
  t.true(await second.hear(all(first.ownLog)))
  second.failing.adopt = true
  await t.throwsAsync(second.hear(all(first.ownLog), [lost.bytes]))
  t.is(second.ownLog.head().head.sequence, 1)
  second.failing.adopt = false
  await second.hear(all(first.ownLog), [lost.bytes])
  t.deepEqual(second.adopted, [statement.kind === 'executor' ? statement.statement : undefined])
  t.deepEqual([second.ownLog.lives().length, second.releases()], [2, 1])
})

const lifeOf = (name: string): KnownLife => ({ incarnation: drawIncarnation(randomOf(name)), sequence: 3, id: null, frozenAt: null })

test('an endpoint that names ever new lives and shows none of them is soon asked by the timer alone', async (t) => {
  const { hear } = await setUp()
  let atOnce = 0
  while (atOnce < 1000 && (await hear([lifeOf(`life ${atOnce}`)]))) atOnce += 1
  t.is(atOnce, barrenClaimsMax)
  t.false(await hear([lifeOf('one more')]))
  t.false(await hear([]))
  t.true(await hear([lifeOf('another')]), 'one that stopped is listened to again')
})

test('of what an endpoint claimed and did not show only that is remembered which it still claims', async (t) => {
  const { hear } = await setUp()
  const [first, second] = [lifeOf('first'), lifeOf('second')]
  t.true(await hear([first, second]))
  t.true(await hear([first, second]))
  t.false(await hear([first, second]))
  t.false(await hear([second]))
  t.true(await hear([first, second]))
})

test('a log in which nothing was said makes the executor say every outcome again, before anything else; one that was used does not', async (t) => {
  const { store, hear, ownLog, say, retold } = await setUp()
  t.is(retold(), 1)
  const unused = await copyStore(store)
  await hear(all(ownLog))
  await say(1)
  t.is((await setUp({ store })).retold(), 0)
  t.is((await setUp({ store: unused })).retold(), 1)
})

test('what the log says was started is handed to the executor before anything else, and what has ended is not', async (t) => {
  const { store, ownLog, releases } = await setUp()
  const [open, ended] = [world.statement(node.executor, order, 'running'), world.order().id]
  await ownLog.append(receipts(open, world.statement(node.executor, ended, 'running'), world.statement(node.executor, ended, 'failed')), { durable: true })
  const again = await setUp({ store })
  t.deepEqual(again.adopted, open.kind === 'executor' ? [open.statement] : [])
  t.deepEqual([releases(), again.releases()], [0, 0])
})

test('nothing is released before the own log is known, nor after a stop', async (t) => {
  const { hear, ownLog, releases, keeper, time } = await setUp({ others: 2 })
  await hear(all(ownLog))
  t.is(releases(), 0)
  keeper.stop()
  await time.pass(60_000)
  t.is(releases(), 0)
})

test('an endpoint alone in its mesh, whose disk was full at its start, goes on once its own queue answers again', async (t) => {
  const store = new FillingStore()
  await setUp({ store, isEndpoint: true, others: 0 })
  store.isFull = true
  const { keeper, ownLog, releases } = await setUp({ store, isEndpoint: true, others: 0 })
  t.deepEqual([releases(), store.refusals], [0, 1])
  store.isFull = false
  const { asked } = await keeper.ask(node.peer.key)
  await keeper.hear(node.peer.key, asked, { acknowledged: [], history: [] })
  t.deepEqual([releases(), ownLog.lives().length], [1, 2])
})

test('an endpoint alone in its mesh begins a new life at each start, but not for ever', async (t) => {
  const store = new MemoryStore()
  for (let start = 0; start < precautionLivesMax + 3; start += 1) {
    const { ownLog, releases } = await setUp({ store, isEndpoint: true, others: 0 })
    t.is(ownLog.lives().length, Math.min(start + 1, precautionLivesMax))
    t.is(releases(), 1)
  }
})
