import test from 'ava'
import { BoundedMap } from '../../src/queue/bounded-map.ts'

test('what was used longest ago is forgotten, and no more is kept than the bound', (t) => {
  const map = new BoundedMap<string, number>(3)
  for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index)
  t.is(map.get('a'), 0)
  map.set('d', 3)
  t.deepEqual(['a', 'b', 'c', 'd'].map((key) => map.get(key)), [0, undefined, 2, 3])
  for (let index = 0; index < 1000; index += 1) map.set(`k${index}`, index)
  t.deepEqual([map.get('k996'), map.get('k997')], [undefined, 997])
})

test('a value that is set again takes no second place', (t) => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 1)
  map.set('a', 2)
  map.set('c', 1)
  t.deepEqual(['a', 'b', 'c'].map((key) => map.get(key)), [2, undefined, 1])
})
