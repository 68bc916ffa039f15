import test from 'ava'
import { drawIncarnation, drawNonce, jitter, type Random } from '../../src/base/random.ts'
import { incarnationSchema, nonceSchema, checkShape } from '../../src/base/schema.ts'
import { systemRandom } from '../../src/base/system-random.ts'

const fixed = (fraction: number): Random => ({ bytes: (length) => new Uint8Array(length).fill(0xff), fraction: () => fraction })

test('a jittered delay stays within its share of the base', (t) => {
  t.is(jitter(fixed(0), 1000, 0.2), 800)
  t.is(jitter(fixed(0.5), 1000, 0.2), 1000)
  t.is(jitter(fixed(1 - Number.EPSILON), 1000, 0.2), 1200)
})

test('what is drawn has the shape that records ask for', (t) => {
  for (const random of [fixed(0), systemRandom]) {
    t.true(checkShape(incarnationSchema, drawIncarnation(random)).ok)
    t.true(checkShape(nonceSchema, drawNonce(random)).ok)
  }
})

test('the system draws bytes of the length asked for, and fractions below one', (t) => {
  t.is(systemRandom.bytes(33).length, 33)
  t.notDeepEqual(systemRandom.bytes(16), systemRandom.bytes(16))
  for (let draw = 0; draw < 100; draw += 1) t.true(systemRandom.fraction() >= 0 && systemRandom.fraction() < 1)
})
