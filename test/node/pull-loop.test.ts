import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import { PullLoop } from '../../src/node/pull-loop.ts'
import { keyFor } from '../fixtures/mesh.ts'
import { RecordingLog } from './in-memory.ts'
import { ManualTime, settled } from './manual-time.ts'
import type { KeyId } from '../../src/base/brand.ts'

const [first, second] = [keyFor('endpoint 1').key, keyFor('endpoint 2').key]

const make = (fraction = 0.5) => {
  const time = new ManualTime()
  const log = new RecordingLog()
  const asked: { readonly endpoint: KeyId; readonly answer: (more: boolean) => void; readonly fail: (error: Error) => void }[] = []
  const loop = new PullLoop(
    { timers: time, random: { bytes: (length) => new Uint8Array(length), fraction: () => fraction }, log, pull: (endpoint) => new Promise((answer, fail) => asked.push({ endpoint, answer, fail })) },
    { intervalMs: 1000 }
  )
  const answerLast = async (more = false): Promise<void> => {
    asked.at(-1)?.answer(more)
    await settled()
  }
  return { time, log, asked, loop, answerLast }
}

test('an endpoint is asked when it is opened, and again after the interval', async (t) => {
  const { time, asked, loop, answerLast } = make()
  loop.open(first)
  t.is(asked.length, 1)
  await answerLast()
  await time.pass(999)
  t.is(asked.length, 1)
  await time.pass(1)
  t.is(asked.length, 2)
})

test('the interval varies by a quarter, so that a fleet does not ask in step', async (t) => {
  const waits: (number | undefined)[] = []
  for (const fraction of [0, 1]) {
    const { time, loop, answerLast } = make(fraction)
    loop.open(first)
    await answerLast()
    waits.push(time.waits()[0])
  }
  t.deepEqual(waits, [750, 1250])
})

test('while there is more it is asked for at once', async (t) => {
  const { asked, loop, answerLast } = make()
  loop.open(first)
  await answerLast(true)
  t.is(asked.length, 2)
  await answerLast(false)
  t.is(asked.length, 2)
})

test('one question at a time: what is demanded meanwhile is asked once, right after', async (t) => {
  const { asked, loop, answerLast } = make()
  loop.open(first)
  loop.demand(first, 0)
  loop.demand(first, 0)
  t.is(asked.length, 1)
  await answerLast()
  t.is(asked.length, 2)
  await answerLast()
  t.is(asked.length, 2)
})

test('a demand brings the next question forward, never back', async (t) => {
  const { time, asked, loop, answerLast } = make()
  loop.open(first)
  await answerLast()
  loop.demand(first, 300)
  loop.demand(first, 900)
  await time.pass(300)
  t.is(asked.length, 2)
})

test('an endpoint that does not answer is asked again after the interval, and the log says so', async (t) => {
  const { time, asked, loop, log } = make()
  loop.open(first)
  asked[0]?.fail(new WritError('request-timeout', 'no answer'))
  await settled()
  t.deepEqual(log.problems(), ['an endpoint did not answer a pull'])
  await time.pass(1000)
  t.is(asked.length, 2)
})

test('an endpoint that was closed is asked no more, and its late answer changes nothing', async (t) => {
  const { time, asked, loop, answerLast } = make()
  loop.open(first)
  loop.close(first)
  await answerLast(true)
  await time.pass(10_000)
  loop.demand(first, 0)
  t.is(asked.length, 1)
  t.deepEqual(loop.endpoints(), [])
})

test('all endpoints are asked on demand, and none after all are closed', async (t) => {
  const { time, asked, loop } = make()
  loop.open(first)
  loop.open(second)
  for (const { answer } of asked) answer(false)
  await settled()
  loop.demandAll(10)
  await time.pass(10)
  t.deepEqual(asked.slice(2).map(({ endpoint }) => endpoint), [first, second])
  loop.closeAll()
  await time.pass(10_000)
  t.is(asked.length, 4)
})
