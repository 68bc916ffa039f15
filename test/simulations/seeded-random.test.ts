import test from 'ava'
import { SeededRandom } from '../../simulations/seeded-random.ts'

const draw = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.fraction())

test('one seed gives one sequence, another seed another', (t) => {
  t.deepEqual(draw(new SeededRandom('a'), 20), draw(new SeededRandom('a'), 20))
  t.notDeepEqual(draw(new SeededRandom('a'), 20), draw(new SeededRandom('b'), 20))
})

test('a stream does not depend on what was drawn beside it', (t) => {
  const random = new SeededRandom('a')
  const expected = draw(random.stream('x'), 5)
  draw(random, 3)
  t.deepEqual(draw(random.stream('x'), 5), expected)
  t.notDeepEqual(draw(random.stream('y'), 5), expected)
})

test('draws are spread evenly over their range', (t) => {
  const random = new SeededRandom('even')
  const counts = Array.from({ length: 10 }, () => 0)
  for (let turn = 0; turn < 20_000; turn += 1) {
    const drawn = random.between(0, 9)
    counts[drawn] = (counts[drawn] ?? 0) + 1
  }
  // Five standard deviations of a fair draw.
  for (const count of counts) t.true(Math.abs(count - 2000) < 5 * Math.sqrt(20_000 * 0.1 * 0.9), String(counts))
  t.is(new Set(draw(random, 1000)).size, 1000)
  t.is(random.bytes(33).length, 33)
})

test('a sample holds each item once at most', (t) => {
  const sample = new SeededRandom('s').sample([1, 2, 3, 4, 5], 3)
  t.is(sample.length, 3)
  t.is(new Set(sample).size, 3)
})
