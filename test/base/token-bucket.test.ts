import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { TokenBucket } from '../../src/base/token-bucket.ts'

test('a burst is there at once, and what was taken comes back with time', (t) => {
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 }, 0)
  t.deepEqual([1, 2, 3, 4].map(() => bucket.tryTake(0)), [true, true, true, false])
  t.deepEqual([499, 500, 999, 1000].map((now) => bucket.tryTake(now)), [false, true, false, true])
})

test('a debt says how long it takes to be paid', (t) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0)
  t.deepEqual([bucket.take(5, 0), bucket.take(1, 0), bucket.take(4, 0), bucket.take(0, 250)], [0, 100, 500, 250])
})

test('a clock that is set back gives nothing and takes nothing', (t) => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 10_000)
  t.deepEqual([bucket.tryTake(10_000), bucket.tryTake(0), bucket.tryTake(999), bucket.tryTake(1000)], [true, false, false, true])
})

test('no course of time gives more than the burst and the rate', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }), (pausesMs) => {
      const bucket = new TokenBucket({ perSecond: 4, burst: 10 }, 0)
      let now = 0
      let taken = 0
      for (const pauseMs of pausesMs) {
        now += pauseMs
        if (bucket.tryTake(now)) taken += 1
      }
      return taken <= 10 + (now / 1000) * 4
    })
  )
  t.pass()
})
