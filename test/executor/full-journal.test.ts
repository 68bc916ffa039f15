/** A journal that cannot be written for a while, as on a full disk, or that has lost what it knew. */
import test from 'ava'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { NewestStart } from '../../src/executor/file-newest-start.ts'
import { Journal, writeLoss } from '../../src/executor/journal.ts'
import { eventually } from '../fixtures/eventually.ts'
import { FillingStore } from '../fixtures/filling-store.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { cancelOf, commandOrder, mesh, openWorkbench, scriptOrder } from './workbench.ts'
import { JobWorld, success } from './job-world.ts'
import { machineOptions } from './workbench.ts'
import type { Order } from '../../src/executor/job-events.ts'
import type { IndicationBody } from '../../src/record/indication.ts'

const orderOf = (change: Partial<IndicationBody> = {}): Order => {
  const { id, indication, bundle } = commandOrder(['true'], change)
  return { id, body: indication.body, bundle }
}

test('while the journal cannot be written nothing is started, and what was offered is refused for now', async (t) => {
  const store = new FillingStore()
  const { agent, directory, failures } = await openWorkbench(t, { store })
  const waiting = scriptOrder(`echo run >> ${path.join(directory, 'runs')}\n`)
  store.isFull = true
  await agent.send({ kind: 'order', bundle: waiting.bundle })
  await eventually(() => store.refusals, (count) => count >= 1)
  const refused = commandOrder(['true'])
  await agent.send({ kind: 'order', bundle: refused.bundle })
  const heard = await eventually(() => agent.heard, (all) => all.some(({ kind }) => kind === 'refused'))
  t.like(heard.find(({ kind }) => kind === 'refused'), { indication: refused.id, code: 'journal-unwritable' })
  t.false(existsSync(path.join(directory, 'runs')))
  store.isFull = false
  t.is((await agent.outcome(waiting.id)).state, 'succeeded')
  t.deepEqual(agent.states(waiting.id), ['running', 'succeeded'])
  t.deepEqual(failures, [])
})

test('an outcome that cannot be written is kept, and told once it is', async (t) => {
  const store = new FillingStore()
  const { agent, directory, journal, failures } = await openWorkbench(t, { store, agent: { keeps: false } })
  const gate = path.join(directory, 'gate')
  const order = scriptOrder(`echo run >> ${path.join(directory, 'runs')}; while [ ! -e ${gate} ]; do sleep 0.02; done\n`)
  await agent.send({ kind: 'order', bundle: order.bundle })
  await eventually(() => agent.states(order.id), (states) => states.includes('running'))
  store.isFull = true
  await openGate(gate)
  await eventually(() => store.refusals, (count) => count >= 3)
  t.deepEqual(agent.states(order.id), ['running'])
  t.deepEqual(await journal.recall(order.id), { kind: 'started' })
  store.isFull = false
  t.is((await agent.outcome(order.id)).state, 'succeeded')
  t.is((await journal.recall(order.id)).kind, 'finished')
  t.deepEqual(failures, [])
})

const openGate = async (gate: string): Promise<void> => (await import('node:fs/promises')).writeFile(gate, '')

test('a stop while the journal is full ends, and the next start calls what ran interrupted', async (t) => {
  const store = new FillingStore()
  const first = await openWorkbench(t, { store })
  const order = commandOrder(['sleep', '60'])
  await first.agent.send({ kind: 'order', bundle: order.bundle })
  await eventually(() => first.agent.states(order.id), (states) => states.includes('running'))
  store.isFull = true
  await first.driver.stop()
  store.isFull = false
  const second = await openWorkbench(t, { store })
  const outcome = await second.agent.outcome(order.id)
  t.deepEqual([outcome.state, outcome.code], ['interrupted', 'restarted'])
})

test('what is written down only once there is room is confirmed to the agent that asked, and to no later one', async (t) => {
  const store = new FillingStore()
  const bench = await openWorkbench(t, { store })
  store.isFull = true
  await bench.agent.send({ kind: 'order', bundle: commandOrder(['true']).bundle })
  await bench.agent.send({ kind: 'retell', batch: 1 })
  await eventually(() => store.refusals, (count) => count >= 2)
  bench.agent.leave()
  const next = bench.attach()
  await next.send({ kind: 'retell', batch: 2 })
  store.isFull = false
  await next.hears('written')
  t.deepEqual(next.heard.filter(({ kind }) => kind === 'written'), [{ kind: 'written', batch: 2 }])
})

test('a start that was not recorded is taken back, and made once it can be', (t) => {
  const order = orderOf()
  const world = new JobWorld(machineOptions, mesh.now)
  world.fails = true
  world.order(order)
  world.bring(order.id)
  t.deepEqual([...world.running], [])
  t.false(world.log.includes('spawn'))
  world.fails = false
  world.step({ kind: 'journal-free' })
  t.deepEqual([...world.running], [order.id])
  world.exit(order.id, success)
  t.deepEqual([world.outcomes.get(order.id), world.problems], [['succeeded'], []])
})

test('an order that is cancelled while its start cannot be recorded never starts', (t) => {
  const order = orderOf()
  const world = new JobWorld(machineOptions, mesh.now)
  world.fails = true
  world.order(order)
  world.bring(order.id)
  world.step({ kind: 'cancel', indication: order.id })
  world.fails = false
  world.step({ kind: 'journal-free' })
  t.deepEqual([world.outcomes.get(order.id), world.spawns.size], [['cancelled'], 0])
})

test('an order that expires while its start cannot be recorded ends as expired', (t) => {
  const order = orderOf({ expiresAt: mesh.now + 60_000 })
  const world = new JobWorld(machineOptions, mesh.now)
  world.fails = true
  world.order(order)
  world.bring(order.id)
  world.advance(mesh.now + 60_001)
  t.deepEqual(world.outcomes.get(order.id), ['expired'])
  t.is(world.spawns.size, 0)
})

test('a cancel between a start that fails and the word of it ends the order unstarted', (t) => {
  const order = orderOf()
  const world = new JobWorld(machineOptions, mesh.now)
  world.order(order)
  world.machine.step({ kind: 'payload-ended', indication: order.id }, world.moment())
  world.machine.step({ kind: 'prepared', indication: order.id, verdict: { ok: true, value: null } }, world.moment())
  world.machine.step({ kind: 'cancel', indication: order.id }, world.moment())
  const effects = world.machine.step({ kind: 'not-started', indication: order.id }, world.moment())
  t.like(effects[0], { kind: 'record-outcome', statement: { state: 'cancelled' } })
})

const lost = test.macro({
  async exec(t, change: Partial<IndicationBody>, state: string, code: string | null) {
    const store = new MemoryStore()
    await writeLoss(store, mesh.now)
    const { agent } = await openWorkbench(t, { store })
    const order = commandOrder(['true'], change)
    await agent.send({ kind: 'order', bundle: order.bundle })
    const outcome = await agent.outcome(order.id)
    t.deepEqual([outcome.state, outcome.code, outcome.startedAt === null], [state, code, code !== null])
  },
  title: (name = '', _change, state) => `after the journal was lost an order ${name}: ${state}`
})
test('from before is not started, for it may have run', lost, {}, 'interrupted', 'journal-lost')
test('from before that may run twice runs', lost, { idempotent: true }, 'succeeded', null)
test('from afterwards runs', lost, { createdAt: mesh.now + 1 }, 'succeeded', null)

test('an order from a backup that had not started then is not started after the restore', async (t) => {
  const store = new MemoryStore()
  const journal = await Journal.open(store)
  const order = orderOf()
  await journal.recordAccepted(order)
  await journal.recordLoss(mesh.now)
  const { agent } = await openWorkbench(t, { store })
  const outcome = await agent.outcome(order.id)
  t.deepEqual([outcome.state, outcome.code], ['interrupted', 'journal-lost'])
})

test('a loss is never forgotten for an earlier one', async (t) => {
  const store = new MemoryStore()
  await writeLoss(store, 2000)
  const journal = await Journal.open(store)
  await journal.recordLoss(1000)
  t.is(journal.lostBefore, 2000)
  t.is((await Journal.open(store)).lostBefore, 2000)
})

test('an order from an admin whose clock is ahead is noted before it starts', async (t) => {
  const file = path.join(await temporaryDirectory(t), 'newest-start')
  const newest = new NewestStart(file)
  const { agent } = await openWorkbench(t, { noteAhead: (createdAt) => newest.note(createdAt) })
  const order = commandOrder(['true'], { createdAt: mesh.now + 300_000, notBefore: mesh.now + 300_000 })
  await agent.send({ kind: 'order', bundle: order.bundle })
  t.is((await agent.outcome(order.id)).state, 'succeeded')
  t.true(new NewestStart(file).at >= mesh.now + 300_000)
  t.true(new NewestStart(file).at < mesh.now + 400_000)
})

test('a cancel that comes with an order from before a loss does not claim that it never ran', async (t) => {
  const store = new MemoryStore()
  await writeLoss(store, mesh.now)
  const { agent } = await openWorkbench(t, { store })
  const order = commandOrder(['true'])
  await agent.send({ kind: 'order', bundle: { ...order.bundle, controls: [cancelOf(order)] } })
  t.is((await agent.outcome(order.id)).state, 'interrupted')
})
