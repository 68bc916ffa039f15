import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { VirtualTime } from '../../simulations/virtual-time.ts'

test('events happen in the order of their times, and of their making where these are equal', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 60 }), async (delays) => {
      const time = new VirtualTime(1000)
      const happened: { delay: number; index: number; now: number }[] = []
      for (const [index, delay] of delays.entries()) time.after(delay, () => happened.push({ delay, index, now: time.now() }))
      await time.runUntil(1020)
      const expected = delays.map((delay, index) => ({ delay, index, now: 1000 + delay })).sort((left, right) => left.delay - right.delay || left.index - right.index)
      return JSON.stringify(happened) === JSON.stringify(expected) && time.events === delays.length
    })
  )
  t.pass()
})

test('what is later than asked for stays to be done, and time stands where it was asked to', async (t) => {
  const time = new VirtualTime(0)
  const happened: number[] = []
  for (const at of [5, 10, 11]) time.after(at, () => happened.push(at))
  await time.runUntil(10)
  t.deepEqual([happened, time.now()], [[5, 10], 10])
  await time.runUntil(20)
  t.deepEqual([happened, time.now()], [[5, 10, 11], 20])
})

test('a cancelled event does not happen', async (t) => {
  const time = new VirtualTime(0)
  const cancel = time.after(5, () => t.fail())
  time.after(3, cancel)
  await time.runUntil(10)
  t.is(time.events, 1)
})

test('everything that waits only for other code has run before the next event', async (t) => {
  const time = new VirtualTime(0)
  const steps: string[] = []
  time.after(1, () => {
    void (async () => {
      for (let step = 0; step < 100; step += 1) await Promise.resolve()
      steps.push(`first at ${time.now()}`)
      await time.pause(0)
      steps.push(`third at ${time.now()}`)
    })()
  })
  time.after(1, () => steps.push(`second at ${time.now()}`))
  await time.runUntil(1)
  t.deepEqual(steps, ['first at 1', 'second at 1', 'third at 1'])
})
