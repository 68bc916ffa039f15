import test from 'ava'
import { BoundedMap } from '../../src/queue/bounded-map.ts'

test('a bounded map never holds more than it may, and keeps what is used', (t) => {
  const map = new BoundedMap<number, string>(8)
  map.set(-1, 'used')
  for (let key = 0; key < 100; key += 1) {
    map.set(key, `value ${key}`)
    t.is(map.get(-1), 'used')
    t.is(map.get(key), `value ${key}`)
    const held = Array.from({ length: key + 1 }, (_, earlier) => earlier).filter((earlier) => map.has(earlier)).length
    t.true(held < 8, `${held} beside the one in use`)
  }
  map.set(5, 'again')
  t.is(map.get(5), 'again')
})
