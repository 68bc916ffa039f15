import test from 'ava'
import { reject } from '../../src/base/result.ts'
import { machineOptions, mesh } from './workbench.ts'
import { createWorld, orderOf, runningWorld } from './job-world.ts'
import type { RunReport } from '../../src/executor/outcome.ts'

const { now } = mesh

test('the life of an order, effect by effect', (t) => {
  const order = orderOf()
  const world = runningWorld(order)
  world.exit(order.id)
  t.deepEqual(world.log, ['recall', 'judge', 'record-accepted', 'want-payload', 'prepare', 'announce-validated', 'record-started', 'spawn', 'outcome:succeeded', 'discard'])
  t.deepEqual(world.problems, [])
})

test('a new agent process is told of each order that has no outcome, and whether it runs', (t) => {
  const [running, fetching, ended] = [orderOf(), orderOf(), orderOf()]
  const world = runningWorld(running)
  world.order(fetching)
  world.order(ended)
  world.bring(ended.id)
  world.exit(ended.id)
  const effects = world.machine.step({ kind: 'agent-started' }, world.moment())
  t.deepEqual(effects, [
    { kind: 'announce-held', order: running, running: true },
    { kind: 'announce-held', order: fetching, running: false },
    { kind: 'want-payload', order: fetching }
  ])
})

/** How a run that ended is judged. */
const isJudged = test.macro({
  exec(t, report: Partial<RunReport>, state: string, code: string | null) {
    const order = orderOf()
    const world = runningWorld(order)
    world.exit(order.id, report)
    t.deepEqual([world.outcomes.get(order.id), world.codes.get(order.id)], [[state], code])
  },
  title: (name = '', _report, state, code) => `${name} is ${state}${code === null ? '' : `: ${code}`}`
})
test('exit code 0', isJudged, {}, 'succeeded', null)
test('exit code 3', isJudged, { exitCode: 3 }, 'failed', 'unexpected-exit')
test('a signal', isJudged, { exitCode: null, signal: 'SIGSEGV' }, 'failed', 'killed')
test('a spawn that failed', isJudged, { exitCode: null, spawnError: 'EAGAIN' }, 'failed', 'spawn-failed')
test('another output', isJudged, { pattern: 'unmatched' }, 'failed', 'unexpected-output')
test('a pattern without end', isJudged, { pattern: 'too-slow' }, 'failed', 'pattern-too-slow')

test('a timeout sends TERM, and KILL after the grace', (t) => {
  const order = orderOf({ timeoutMs: 1000 })
  const world = runningWorld(order)
  t.is(world.nextTickAt(), now + 1000)
  world.advance(now + 999)
  t.false(world.log.includes('signal'))
  world.advance(now + 1000)
  t.is(world.nextTickAt(), now + 1000 + machineOptions.killGraceMs)
  world.advance(now + 1000 + machineOptions.killGraceMs)
  world.advance(now + 5000)
  t.is(world.log.filter((kind) => kind === 'signal').length, 2)
  t.is(world.nextTickAt(), undefined)
  world.exit(order.id, { exitCode: null, signal: 'SIGKILL' })
  t.is(world.codes.get(order.id), 'timed-out')
})

test('a cancelled run ends as cancelled, even when it still succeeds', (t) => {
  const order = orderOf()
  const world = runningWorld(order)
  world.step({ kind: 'cancel', indication: order.id })
  world.step({ kind: 'cancel', indication: order.id })
  t.is(world.log.filter((kind) => kind === 'signal').length, 1)
  world.exit(order.id)
  t.deepEqual(world.outcomes.get(order.id), ['cancelled'])
})

test('a cancel before the start ends the order unstarted', (t) => {
  const order = orderOf()
  const world = createWorld()
  world.order(order)
  world.step({ kind: 'cancel', indication: order.id })
  world.bring(order.id)
  t.deepEqual(world.outcomes.get(order.id), ['cancelled'])
  t.is(world.spawns.size, 0)
})

/** A first verdict and what follows from it. */
const isRefused = test.macro({
  exec(t, code: string, state: string, expected: string | null) {
    const order = orderOf()
    const world = createWorld()
    world.verdict = () => reject(code, 'because')
    world.order(order)
    t.deepEqual([world.outcomes.get(order.id), world.codes.get(order.id)], [[state], expected])
    t.false(world.log.includes('record-accepted'))
  },
  title: (_, code, state) => `an order judged ${code} is ${state}`
})
test(isRefused, 'not-a-target', 'rejected', 'not-a-target')
test(isRefused, 'charter-expired', 'rejected', 'charter-expired')
test(isRefused, 'expired', 'expired', null)

test('an order that needs a newer charter is refused without an outcome, and may come again', (t) => {
  const order = orderOf()
  const world = createWorld()
  const { verdict } = world
  world.verdict = () => reject('charter-behind')
  world.order(order)
  t.deepEqual(world.log, ['recall', 'judge', 'refuse'])
  world.verdict = verdict
  world.order(order)
  t.true(world.wanted.has(order.id))
})

test('a planned order is held until the tolerance before its time, and started at its time', (t) => {
  const notBefore = now + 3_000_000
  const order = orderOf({ notBefore, expiresAt: notBefore + 1000 })
  const world = createWorld()
  world.order(order)
  t.is(world.nextTickAt(), notBefore - machineOptions.clockToleranceMs)
  world.advance(notBefore - machineOptions.clockToleranceMs)
  world.bring(order.id)
  t.is(world.nextTickAt(), notBefore)
  t.is(world.spawns.size, 0)
  world.advance(notBefore)
  t.is(world.spawns.get(order.id), 1)
})

test('an order of an admin whose clock is ahead starts at once', (t) => {
  const ahead = now + 60_000
  t.is(runningWorld(orderOf({ createdAt: ahead, notBefore: ahead })).spawns.size, 1)
})

test('an order that waits for a place expires', (t) => {
  const [first, second] = [orderOf(), orderOf({ expiresAt: now + 1000 })]
  const world = runningWorld(first, { concurrentJobs: 1 })
  world.order(second)
  world.bring(second.id)
  t.is(world.nextTickAt(), now + 1001)
  world.advance(now + 1001)
  t.deepEqual(world.outcomes.get(second.id), ['expired'])
})

test('those who wait start by priority, then by arrival', (t) => {
  const [first, low, high, late] = [orderOf(), orderOf({ priority: 1 }), orderOf({ priority: 9 }), orderOf({ priority: 9 })]
  const world = runningWorld(first, { concurrentJobs: 1 })
  for (const order of [low, high, late]) {
    world.order(order)
    world.bring(order.id)
  }
  for (const order of [first, high, late, low]) world.exit(order.id)
  t.deepEqual([...world.spawns.keys()], [first, high, late, low].map(({ id }) => id))
})

test('an order over the bound of the queue is refused without an outcome', (t) => {
  const world = createWorld({ pendingJobsMax: 2 })
  const orders = [orderOf(), orderOf(), orderOf()]
  for (const order of orders) world.order(order)
  t.is(world.log.filter((kind) => kind === 'refuse').length, 1)
  t.is(world.wanted.size, 2)
})

test('a payload is not asked for before there is room for it, and is not overtaken', (t) => {
  const sized = (sizeBytes: number) => orderOf({ payload: { ...orderOf().body.payload, sizeBytes } })
  const [first, large, small] = [sized(60), sized(90), sized(10)]
  const world = createWorld({ cacheBytesMax: 100 })
  for (const order of [first, large, small]) world.order(order)
  t.deepEqual([...world.wanted], [first.id])
  world.bring(first.id)
  world.exit(first.id)
  t.deepEqual([...world.wanted], [large.id, small.id])
})

test('a charter that takes the right away stops what waits, and nothing that runs', (t) => {
  const [runs, waits] = [orderOf(), orderOf()]
  const world = runningWorld(runs, { concurrentJobs: 1 })
  world.order(waits)
  world.bring(waits.id)
  world.verdict = () => reject('not-an-admin')
  world.step({ kind: 'trust-changed' })
  t.deepEqual(world.outcomes.get(waits.id), ['rejected'])
  t.true(world.running.has(runs.id))
})

test('after a restart, what had started is interrupted, and what had not goes on', (t) => {
  const [runs, waits] = [orderOf(), orderOf()]
  const world = runningWorld(runs)
  world.order(waits)
  world.crash()
  t.deepEqual(world.outcomes.get(runs.id), ['interrupted'])
  t.is(world.codes.get(runs.id), 'restarted')
  t.true(world.wanted.has(waits.id))
})

test('an idempotent order is started three times in all', (t) => {
  const order = orderOf({ idempotent: true })
  const world = runningWorld(order)
  for (let restart = 0; restart < 3; restart += 1) {
    world.crash()
    if (world.wanted.has(order.id)) world.bring(order.id)
  }
  t.is(world.spawns.get(order.id), 3)
  t.deepEqual(world.outcomes.get(order.id), ['interrupted'])
  t.deepEqual(world.problems, [])
})

test('an idempotent order that expired during a restart was interrupted, not expired', (t) => {
  const order = orderOf({ idempotent: true, expiresAt: now + 1000 })
  const world = runningWorld(order)
  world.now = now + 2000
  world.crash()
  t.deepEqual([world.outcomes.get(order.id), world.codes.get(order.id)], [['interrupted'], 'expired'])
})

test('a stop starts nothing more, and interrupts what runs after the grace', (t) => {
  const [runs, waits] = [orderOf(), orderOf()]
  const world = runningWorld(runs, { concurrentJobs: 1 })
  world.order(waits)
  world.bring(waits.id)
  world.step({ kind: 'stop' })
  t.is(world.nextTickAt(), now + machineOptions.stopGraceMs)
  world.advance(now + machineOptions.stopGraceMs)
  t.is(world.log.at(-1), 'signal')
  world.exit(runs.id)
  t.deepEqual(world.log.slice(-3), ['outcome:interrupted', 'discard', 'drained'])
  t.is(world.spawns.has(waits.id), false)
})

test('a stop with nothing running is over at once', (t) => {
  const world = createWorld()
  world.step({ kind: 'stop' })
  world.advance(now + 1)
  t.deepEqual(world.log, ['drained'])
})
