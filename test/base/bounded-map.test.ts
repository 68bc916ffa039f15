import test from 'ava'
import { BoundedMap } from '../../src/base/bounded-map.ts'

test('what was used last is there, what was not used for a while is forgotten', (t) => {
  const map = new BoundedMap<string, number>(4)
  for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index)
  t.is(map.get('a'), 0)
  map.set('d', 3)
  t.deepEqual(['a', 'b', 'c', 'd'].map((key) => map.get(key)), [0, undefined, 2, 3])
})

test('no more is kept than the bound, however much comes', (t) => {
  const map = new BoundedMap<string, number>(4)
  for (let index = 0; index < 1000; index += 1) map.set(`k${index}`, index)
  const kept = Array.from({ length: 1000 }, (_, index) => map.get(`k${index}`)).filter((value) => value !== undefined)
  t.true(kept.length >= 2 && kept.length <= 4)
  t.is(kept.at(-1), 999)
})

test('a value that is set again replaces the one before, and takes no second place', (t) => {
  const map = new BoundedMap<string, number>(4)
  map.set('a', 1)
  map.set('b', 1)
  map.set('a', 2)
  map.set('c', 1)
  t.deepEqual(['a', 'b', 'c'].map((key) => map.get(key)), [2, 1, 1])
})
