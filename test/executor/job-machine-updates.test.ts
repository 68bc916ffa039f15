/** Orders that replace the executor: nothing runs beside one, and it outlives the executor that began it. */
import test from 'ava'
import { machineOptions, mesh } from './workbench.ts'
import { createWorld, orderOf, runningWorld } from './job-world.ts'
import { JobMachine } from '../../src/executor/job-machine.ts'

const { now } = mesh
const releaseOrder = (change: Parameters<typeof orderOf>[0] = {}) => orderOf({ format: 'release', ...change })

test('a release waits for what runs, and what comes after it waits for the release', (t) => {
  const [before, release, after] = [orderOf(), releaseOrder(), orderOf()]
  const world = runningWorld(before)
  for (const order of [release, after]) {
    world.order(order)
    world.bring(order.id)
  }
  t.deepEqual([...world.running], [before.id])
  world.exit(before.id)
  t.deepEqual([...world.running], [release.id])
  world.exit(release.id)
  t.deepEqual([...world.running], [after.id])
  t.deepEqual(world.problems, [])
})

test('what was due before a release is not held back by it', (t) => {
  const [running, second, release] = [orderOf(), orderOf(), releaseOrder()]
  const world = runningWorld(running)
  for (const order of [second, release]) {
    world.order(order)
    world.bring(order.id)
  }
  t.deepEqual([...world.running], [running.id, second.id])
})

test('a release waits no longer than it may take itself, and then lets the others go on', (t) => {
  const [running, release, after] = [orderOf({ timeoutMs: 60_000 }), releaseOrder({ timeoutMs: 5000 }), orderOf()]
  const world = runningWorld(running)
  for (const order of [release, after]) {
    world.order(order)
    world.bring(order.id)
  }
  t.is(world.nextTickAt(), now + 5000)
  world.advance(now + 5000)
  t.deepEqual([world.outcomes.get(release.id), world.codes.get(release.id)], [['rejected'], 'node-busy'])
  t.deepEqual([...world.running], [running.id, after.id])
})

test('a release that goes on after a restart is not interrupted by it, and holds the others back', (t) => {
  const [release, waiting, late] = [releaseOrder(), orderOf(), orderOf()]
  const machine = new JobMachine(machineOptions)
  const world = createWorld()
  world.machine = machine
  world.journal.set(waiting.id, { order: waiting, record: { kind: 'accepted' } })
  world.spawns.set(release.id, 1)
  world.step({ kind: 'continued', order: release, attempts: 1, startedAt: now })
  world.step({ kind: 'restored', order: waiting, attempts: 0, startedAt: null })
  world.catchUp()
  world.bring(waiting.id)
  world.order(late)
  t.deepEqual([[...world.running], machine.order(late.id)], [[], undefined])
  world.step({ kind: 'cancel', indication: release.id })
  world.advance(now + release.body.timeoutMs + 1)
  t.is(world.outcomes.get(release.id), undefined)
  world.step({ kind: 'updated', indication: release.id, outcome: { state: 'succeeded', code: null, detail: null }, log: null })
  t.deepEqual(world.outcomes.get(release.id), ['succeeded'])
  t.deepEqual([...world.running], [waiting.id])
  t.deepEqual(world.problems, [])
})

test('a stop does not wait for a release that goes on elsewhere', (t) => {
  const release = releaseOrder()
  const machine = new JobMachine(machineOptions)
  const moment = { wall: now, steady: now, mayAct: true }
  machine.step({ kind: 'continued', order: release, attempts: 1, startedAt: now }, moment)
  t.deepEqual(machine.step({ kind: 'stop' }, moment), [{ kind: 'drained' }])
})
