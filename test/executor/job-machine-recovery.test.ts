/** The job machine where its memory or its clock is not to be believed. */
import test from 'ava'
import { machineOptions, mesh } from './workbench.ts'
import { createWorld, JobWorld, orderOf, runningWorld } from './job-world.ts'

const { now } = mesh

test('nothing starts before all is adopted that is known, and then it does', (t) => {
  const order = orderOf()
  const world = new JobWorld(machineOptions, now, false)
  world.order(order)
  world.bring(order.id)
  t.is(world.running.size, 0)
  world.catchUp()
  t.deepEqual([...world.running], [order.id])
})

test('an order whose outcome is adopted is dropped, whatever had become of it here', (t) => {
  const order = orderOf()
  const world = new JobWorld(machineOptions, now, false)
  world.order(order)
  world.bring(order.id)
  world.adopt(order, 'succeeded', now - 5)
  world.catchUp()
  t.is(world.running.size, 0)
  t.deepEqual(world.outcomes.get(order.id), ['succeeded'])
  t.is(world.machine.size, 0)
})

test('an order whose start alone is adopted was interrupted', (t) => {
  const order = orderOf()
  const world = new JobWorld(machineOptions, now, false)
  world.order(order)
  world.adopt(order, 'running', now - 5)
  t.is(world.outcomes.get(order.id), undefined)
  world.catchUp()
  t.deepEqual(world.outcomes.get(order.id), ['interrupted'])
})

test('an idempotent order whose start is adopted is started again, and each start counts once', (t) => {
  const order = orderOf({ idempotent: true })
  const world = new JobWorld(machineOptions, now, false)
  world.order(order)
  for (const startedAt of [now - 5, now - 5, now - 4]) world.adopt(order, 'running', startedAt)
  world.bring(order.id)
  world.catchUp()
  t.deepEqual([world.running.size, world.spawns.get(order.id)], [1, machineOptions.attemptsMax])
  t.deepEqual(world.problems, [])
})

test('an idempotent order that was started as often as it may is not started again', (t) => {
  const order = orderOf({ idempotent: true })
  const world = new JobWorld(machineOptions, now, false)
  world.order(order)
  for (let count = 0; count < machineOptions.attemptsMax; count += 1) world.adopt(order, 'running', now - 10 + count)
  world.bring(order.id)
  world.catchUp()
  t.is(world.running.size, 0)
  t.deepEqual(world.outcomes.get(order.id), ['interrupted'])
})

test('while the clock is not believed nothing starts and nothing expires; afterwards both do', (t) => {
  const [order, late] = [orderOf(), orderOf({ expiresAt: now + 1000 })]
  const world = createWorld()
  world.mayAct = false
  for (const { id } of [order, late]) world.order(id === order.id ? order : late)
  world.bring(order.id)
  world.advance(now + 2000)
  t.deepEqual([world.running.size, world.outcomes.size], [0, 0])
  t.is(world.nextTickAt(), undefined)
  world.mayAct = true
  world.step({ kind: 'tick' })
  t.deepEqual([...world.running], [order.id])
  t.deepEqual(world.outcomes.get(late.id), ['expired'])
})

test('an order that a jump of the clock makes look expired is judged again when the clock is right', (t) => {
  const order = orderOf({ expiresAt: now + 60_000 })
  const world = createWorld()
  Object.assign(world, { setAheadMs: 3_600_000, mayAct: false })
  world.order(order)
  t.is(world.outcomes.size, 0)
  Object.assign(world, { setAheadMs: 0, mayAct: true })
  world.step({ kind: 'tick' })
  world.bring(order.id)
  t.deepEqual([...world.running], [order.id])
})

test('a running process keeps its time, however the clock is set', (t) => {
  const order = orderOf({ timeoutMs: 5000 })
  const world = runningWorld(order)
  world.setAheadMs = 3_600_000
  world.advance(now + 4999)
  t.false(world.log.includes('signal'))
  world.setAheadMs = -3_600_000
  world.advance(now + 5000)
  t.true(world.log.includes('signal'))
})

test('an order from the future waits until its time has come', (t) => {
  const createdAt = now + 3_600_000
  const order = orderOf({ createdAt, notBefore: now, expiresAt: createdAt + 3_600_000 })
  const world = createWorld()
  world.order(order)
  t.deepEqual([world.wanted.size, world.nextTickAt()], [0, createdAt - machineOptions.clockToleranceMs])
  world.advance(createdAt - machineOptions.clockToleranceMs)
  world.bring(order.id)
  t.deepEqual([...world.running], [order.id])
})
