/** What an executor makes of orders that an earlier one knew: after a crash anywhere, and after a restore. */
import test, { type ExecutionContext } from 'ava'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { Journal } from '../../src/executor/journal.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { statementKind } from '../../src/record/statement.ts'
import { sealStatement } from '../../src/executor/statement-sealing.ts'
import { copyStore } from '../fixtures/store-copy.ts'
import { eventually } from '../fixtures/eventually.ts'
import { CrashingStore } from './crashing-store.ts'
import { commandOrder, mesh, node, openWorkbench, scriptOrder, type TestOrder, type Workbench } from './workbench.ts'
import type { Runner, RunResult } from '../../src/executor/child-runner.ts'
import type { ExecutorState } from '../../src/record/statement.ts'
import type { Signer } from '../../src/record/keys.ts'

const ended: RunResult = { exitCode: 0, signal: null, spawnError: null, stdout: null, stderr: null, files: [] }

/** Counts the starts of each order; every process ends at once. */
const countStarts = () => {
  const starts = new Map<string, number>()
  const runner: Runner = {
    start({ environment }) {
      const id = environment['WRIT_INDICATION'] ?? ''
      starts.set(id, (starts.get(id) ?? 0) + 1)
      return { signal: () => undefined, ended: Promise.resolve(ended) }
    }
  }
  return { starts, runner }
}

const offer = async ({ agent }: Workbench, orders: readonly TestOrder[]): Promise<void> => {
  for (const { bundle } of orders) await agent.send({ kind: 'order', bundle })
}

const statementOf = (order: TestOrder, state: ExecutorState, startedAt = mesh.now - 1000, signer: Signer = node.executor): Uint8Array =>
  sealStatement(signer, mesh.mesh, null, { indication: order.id, state, at: startedAt, startedAt, code: null, detail: null, report: null }).bytes

/** The orders run, until the disk dies at its `writes`th write or all is done; then once more on what is left of it. */
const crashAfter = async (t: ExecutionContext, writes: number) => {
  const orders = [commandOrder(['true']), commandOrder(['true'], { idempotent: true }), commandOrder(['true'], { priority: 9 })]
  const { starts, runner } = countStarts()
  const disk = CrashingStore.create(writes)
  const first = await openWorkbench(t, { store: disk, runner: () => runner })
  await offer(first, orders)
  await eventually(() => disk.hasCrashed || first.journal.unkept().length === 0 && orders.every(({ id }) => first.agent.statements(id).some(({ state }) => state !== 'running')), Boolean)
  first.agent.leave()
  const second = await openWorkbench(t, { store: disk.survivor, runner: () => runner })
  await offer(second, orders)
  const outcomes = await Promise.all(orders.map(({ id }) => second.agent.outcome(id)))
  return { orders, starts, outcomes, writes: disk.writes, hasCrashed: first.failures.length > 0 }
}

for (let writes = 0; writes <= 12; writes += 1) {
  test(`a machine that dies after ${writes} writes of its journal starts no order twice, and each gets its outcome`, async (t) => {
    const { orders, starts, outcomes } = await crashAfter(t, writes)
    for (const [index, { id, indication }] of orders.entries()) {
      const outcome = outcomes[index]
      const times = starts.get(id) ?? 0
      t.true(times <= (indication.body.idempotent ? 2 : 1), `started ${times} times`)
      t.true(outcome?.state === 'succeeded' || outcome?.state === 'interrupted')
      if (outcome?.state === 'succeeded') t.true(times >= 1)
      if (outcome?.state === 'interrupted') t.deepEqual([outcome.code, typeof outcome.startedAt, typeof outcome.detail], ['restarted', 'number', 'string'])
    }
  })
}

test('twelve writes and more are all that three orders take', async (t) => {
  const { writes, hasCrashed } = await crashAfter(t, 1000)
  t.false(hasCrashed)
  t.true(writes >= 9 && writes <= 18, `${writes} writes`)
})

test('what was started before a restore is not started again, and is said to be interrupted', async (t) => {
  const { starts, runner } = countStarts()
  const order = commandOrder(['true'])
  const { agent } = await openWorkbench(t, { runner: () => runner, agent: { catchesUp: false } })
  await agent.send({ kind: 'adopt', batch: 7, statements: [statementOf(order, 'running')] })
  await agent.hears('written')
  t.deepEqual(agent.heard.at(-1), { kind: 'written', batch: 7 })
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.send({ kind: 'caught-up' })
  const outcome = await agent.outcome(order.id)
  t.like(outcome, { state: 'interrupted', code: 'restored', startedAt: mesh.now - 1000 })
  t.deepEqual([...starts], [])
})

test('an outcome from before a restore is repeated when the order comes again', async (t) => {
  const { starts, runner } = countStarts()
  const order = commandOrder(['true'])
  const { agent } = await openWorkbench(t, { runner: () => runner, agent: { catchesUp: false } })
  await agent.send({ kind: 'adopt', batch: 1, statements: [statementOf(order, 'running'), statementOf(order, 'failed')] })
  await agent.send({ kind: 'caught-up' })
  await agent.send({ kind: 'order', bundle: order.bundle })
  t.is((await agent.outcome(order.id)).state, 'failed')
  t.deepEqual([...starts], [])
})

/** One that has run an order, and whose agent has kept what came of it. */
const withKeptOutcome = async (t: ExecutionContext) => {
  const { starts, runner } = countStarts()
  const store = new MemoryStore()
  const bench = await openWorkbench(t, { store, runner: () => runner })
  const order = commandOrder(['true'])
  await bench.agent.send({ kind: 'order', bundle: order.bundle })
  await bench.agent.outcome(order.id)
  await eventually(() => bench.journal.unkept().length, (count) => count === 0)
  bench.agent.leave()
  return { ...bench, starts, runner, order }
}

test('an agent that lost its log is told every outcome again, and starts nothing by that', async (t) => {
  const { attach, journal, order, starts } = await withKeptOutcome(t)
  const agent = attach()
  await agent.send({ kind: 'retell', batch: 3 })
  await agent.hears('written')
  await agent.outcome(order.id)
  t.deepEqual(agent.states(order.id), ['succeeded'])
  await eventually(() => journal.unkept().length, (count) => count === 0)
  t.is(starts.get(order.id), 1)
})

test('an outcome that is to be kept once more is told to each later agent until it is, also by a later executor', async (t) => {
  const { attach, order, runner, starts, store } = await withKeptOutcome(t)
  const careless = attach({ keeps: false })
  await careless.send({ kind: 'retell', batch: 1 })
  await careless.hears('written')
  careless.leave()
  const next = attach({ keeps: false })
  t.is((await next.outcome(order.id)).state, 'succeeded')
  next.leave()
  const later = await openWorkbench(t, { store: await copyStore(store), runner: () => runner })
  t.is((await later.agent.outcome(order.id)).state, 'succeeded')
  await eventually(() => later.journal.unkept().length, (count) => count === 0)
  t.is(starts.get(order.id), 1)
})

test('what came of an order that is offered again is told until it is kept, and the order does not start', async (t) => {
  const { attach, order, store, runner, starts } = await withKeptOutcome(t)
  const careless = attach({ keeps: false })
  await careless.send({ kind: 'order', bundle: order.bundle })
  t.is((await careless.outcome(order.id)).state, 'succeeded')
  careless.leave()
  const later = await openWorkbench(t, { store: await copyStore(store), runner: () => runner })
  t.is((await later.agent.outcome(order.id)).state, 'succeeded')
  t.is(starts.get(order.id), 1)
})

test('an output stays for the statement that still needs it when another of the same output is kept once more', async (t) => {
  const bench = await openWorkbench(t)
  const [lost, waiting] = [scriptOrder('head -c 10000 /dev/zero\n'), scriptOrder('# another\nhead -c 10000 /dev/zero\n')]
  await bench.agent.send({ kind: 'order', bundle: lost.bundle })
  await bench.agent.outcome(lost.id)
  await eventually(() => bench.journal.unkept().length, (count) => count === 0)
  bench.agent.leave()
  const careless = bench.attach({ keeps: false })
  await careless.send({ kind: 'order', bundle: waiting.bundle })
  await careless.outcome(waiting.id)
  await careless.send({ kind: 'retell', batch: 1 })
  await careless.outcome(lost.id)
  const again = careless.sealed().find(({ body }) => body.indication === lost.id)
  await careless.send({ kind: 'kept', statement: again?.id ?? lost.id })
  await eventually(() => bench.journal.unkept().map(({ body }) => body.indication), (left) => left.length > 0 && !left.includes(lost.id))
  careless.leave()
  const next = bench.attach()
  const { stdout } = await next.outcome(waiting.id)
  t.is(next.outputs.get(stdout?.cid ?? '')?.length, 10_000)
})

test('statements of another executor, or that were altered, are passed over', async (t) => {
  const order = commandOrder(['true'])
  const { agent } = await openWorkbench(t, { agent: { catchesUp: false } })
  const altered = statementOf(order, 'succeeded').map((byte, index, all) => (index === all.length - 1 ? byte ^ 1 : byte))
  await agent.send({ kind: 'adopt', batch: 1, statements: [statementOf(order, 'succeeded', mesh.now, mesh.key('executor:web-2')), altered, new Uint8Array([1])] })
  await agent.hears('written')
  await agent.send({ kind: 'caught-up' })
  await agent.send({ kind: 'order', bundle: order.bundle })
  const outcome = await agent.outcome(order.id)
  t.true(outcome.at > mesh.now)
})

test('an order that a restored journal had accepted waits until all is adopted', async (t) => {
  const { starts, runner } = countStarts()
  const order = commandOrder(['true'])
  const store = new MemoryStore()
  const first = await openWorkbench(t, { store, runner: () => runner, agent: { catchesUp: false } })
  await offer(first, [order])
  await first.agent.hears('validated')
  const backup = await copyStore(store)
  first.agent.leave()
  const second = await openWorkbench(t, { store: backup, runner: () => runner, agent: { catchesUp: false } })
  await second.agent.hears('validated')
  t.deepEqual([...starts], [])
  await second.agent.send({ kind: 'adopt', batch: 1, statements: [statementOf(order, 'succeeded')] })
  await second.agent.send({ kind: 'caught-up' })
  await offer(second, [order])
  t.is((await second.agent.outcome(order.id)).at, mesh.now - 1000)
  t.deepEqual([...starts], [])
})

test('an idempotent order that was started before a restore is started again', async (t) => {
  const { starts, runner } = countStarts()
  const order = commandOrder(['true'], { idempotent: true })
  const { agent } = await openWorkbench(t, { runner: () => runner, agent: { catchesUp: false } })
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.hears('validated')
  await agent.send({ kind: 'adopt', batch: 1, statements: [statementOf(order, 'running')] })
  await agent.send({ kind: 'caught-up' })
  t.is((await agent.outcome(order.id)).state, 'succeeded')
  t.is(starts.get(order.id), 1)
})

test('an order waits while the clock is behind the charter, and runs when it is set', async (t) => {
  const { starts, runner } = countStarts()
  let aheadMs = -limits.trust.clockToleranceMs - 60_000
  const clock = { now: () => Math.round(mesh.now + aheadMs + performance.now()), monotonic: () => performance.now() }
  const order = commandOrder(['true'], { createdAt: mesh.now - 86_400_000, notBefore: mesh.now - 86_400_000 })
  const { agent, driver } = await openWorkbench(t, { runner: () => runner, clock })
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.hears('validated')
  t.deepEqual([...starts], [])
  aheadMs += 120_000
  await driver.receive({ kind: 'caught-up' }) // any message makes it look at the clock
  t.is((await agent.outcome(order.id)).state, 'succeeded')
})

test('an order that may have been forgotten is expired, whatever the clock shows now', async (t) => {
  const { starts, runner } = countStarts()
  const store = new MemoryStore()
  const dayMs = 86_400_000
  const later = commandOrder(['true'], { createdAt: mesh.now + 2 * dayMs, notBefore: mesh.now + 2 * dayMs, expiresAt: mesh.now + 3 * dayMs })
  const journal = await Journal.open(store)
  const running = decodeRecord(statementKind, statementOf(later, 'running'))
  if (!running.ok) throw new Error(running.detail)
  await journal.recordStarted({ id: later.id, body: later.indication.body, bundle: later.bundle }, 1, mesh.now, running.value)
  await journal.forget(mesh.now + 3 * dayMs)
  const { agent } = await openWorkbench(t, { store, runner: () => runner })
  const old = commandOrder(['true'], { expiresAt: mesh.now + dayMs })
  await agent.send({ kind: 'order', bundle: old.bundle })
  t.is((await agent.outcome(old.id)).state, 'expired')
  t.false(starts.has(old.id))
})
