import test from 'ava'
import { Life } from '../../simulations/life.ts'
import { VirtualTime } from '../../simulations/virtual-time.ts'

test('timers of a process that has ended do not fire', async (t) => {
  const time = new VirtualTime(0)
  const life = new Life(time)
  const fired: string[] = []
  life.after(5, () => fired.push('early'))
  life.after(20, () => fired.push('late'))
  const cancel = life.after(6, () => fired.push('cancelled'))
  cancel()
  t.is(life.timers, 2)
  await time.runUntil(10)
  t.is(life.timers, 1)
  life.end()
  t.is(life.timers, 0)
  life.after(1, () => fired.push('after the end'))
  await time.runUntil(100)
  t.deepEqual(fired, ['early'])
})

test('what a process waits for comes while it lives, and never afterwards', async (t) => {
  const life = new Life(new VirtualTime(0))
  t.is(await life.guard(Promise.resolve(1)), 1)
  await t.throwsAsync(life.guard(Promise.reject(new Error('lost'))), { message: 'lost' })
  let isSettled = false
  const waiting = life.guard(Promise.resolve(2)).finally(() => (isSettled = true))
  life.end()
  void waiting
  await new Promise((resolve) => setImmediate(resolve))
  t.false(isSettled)
})

test('requests are counted until they end, even where nobody hears of it', async (t) => {
  const life = new Life(new VirtualTime(0))
  const { promise, resolve } = Promise.withResolvers<void>()
  void life.guardRequest(promise)
  t.is(life.openRequests, 1)
  life.end()
  resolve()
  await new Promise((settle) => setImmediate(settle))
  t.is(life.openRequests, 0)
})
