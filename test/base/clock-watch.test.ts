import test from 'ava'
import { ClockWatch } from '../../src/base/clock-watch.ts'
import { limits } from '../../src/base/limits.ts'

const { clockToleranceMs, clockSettleMs } = limits.trust

const setUp = () => {
  const time = { wall: 1e12, steady: 5 }
  const watch = new ClockWatch({ now: () => time.wall, monotonic: () => time.steady })
  const pass = (byMs: number): void => {
    time.wall += byMs
    time.steady += byMs
  }
  return { time, watch, pass }
}

test('a clock that goes evenly is believed, however long nobody looked', (t) => {
  const { watch, pass } = setUp()
  for (const byMs of [0, 1000, 90 * 86_400_000]) {
    pass(byMs)
    t.true(watch.look().isTrusted)
  }
})

test('a clock that is corrected by what clocks may differ is believed', (t) => {
  const { time, watch } = setUp()
  time.wall -= clockToleranceMs
  t.true(watch.look().isTrusted)
})

for (const byMs of [86_400_000, -86_400_000]) {
  test(`a clock that was set by ${byMs} ms is not believed for a while, then it is`, (t) => {
    const { time, watch, pass } = setUp()
    time.wall += byMs
    t.deepEqual(watch.look(), { wall: time.wall, steady: time.steady, isTrusted: false })
    pass(clockSettleMs - 1)
    t.false(watch.look().isTrusted)
    pass(1)
    t.true(watch.look().isTrusted)
  })
}

test('a clock that is set back is not believed at once either', (t) => {
  const { time, watch, pass } = setUp()
  time.wall += 86_400_000
  watch.look()
  pass(clockSettleMs / 2)
  time.wall -= 86_400_000
  t.false(watch.look().isTrusted)
  pass(clockSettleMs / 2)
  t.false(watch.look().isTrusted)
  pass(clockSettleMs / 2)
  t.true(watch.look().isTrusted)
})
