import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { compareBytes, utf8 } from '../../src/base/bytes.ts'
import { SortedKeys } from '../../src/base/sorted-keys.ts'

const byBytes = (left: string, right: string): number => compareBytes(utf8(left), utf8(right))

const check = (t: { deepEqual(left: unknown, right: unknown): void }, added: readonly string[], removed: readonly string[], range: { from: string; to: string; reverse?: boolean; limit?: number }): void => {
  const keys = new SortedKeys()
  for (const key of added) keys.add(key)
  for (const key of removed) keys.delete(key)
  const expected = [...new Set(added)].filter((key) => !removed.includes(key) && byBytes(key, range.from) >= 0 && byBytes(key, range.to) < 0).sort(byBytes)
  if (range.reverse === true) expected.reverse()
  t.deepEqual(keys.range(range), expected.slice(0, range.limit ?? expected.length))
}

const key = fc.string({ unit: 'binary', maxLength: 3 })
const range = fc.record({ from: key, to: key, reverse: fc.boolean(), limit: fc.nat(6) }, { requiredKeys: ['from', 'to'] })

test('a range has the keys that were added and not removed, in the order of their bytes', (t) => {
  fc.assert(fc.property(fc.array(key, { maxLength: 40 }), fc.array(key, { maxLength: 10 }), range, (added, removed, wanted) => check(t, added, [...removed, ...added.slice(0, 3)], wanted)))
})

test('thousands of keys in any order are one order', (t) => {
  const numbered = Array.from({ length: 5000 }, (_, index) => String((index * 7919) % 5000).padStart(5, '0'))
  check(t, numbered, numbered.slice(1000, 1500), { from: '00500', to: '04501' })
  check(t, numbered, numbered, { from: '', to: '~' })
  check(t, numbered, [], { from: '01000', to: '~', reverse: true, limit: 1500 })
})
