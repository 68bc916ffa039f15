import test from 'ava'
import { Turns } from '../../src/content/turns.ts'

const signal = new AbortController().signal

/** Whether a promise has settled by now, without waiting for it. */
const isSettled = async (promise: Promise<unknown>): Promise<boolean> => (await Promise.race([promise.then(() => 'settled'), new Promise((resolve) => setImmediate(resolve))])) === 'settled'

test('no more enter at once than there is room for, in the order of their arrival', async (t) => {
  const turns = new Turns(2)
  const leaveA = await turns.enter('a', signal)
  await turns.enter('b', signal)
  const c = turns.enter('c', signal)
  const d = turns.enter('d', signal)
  t.false(await isSettled(c))
  leaveA?.()
  t.true(await isSettled(c))
  t.false(await isSettled(d))
})

test('one key is inside once, and does not hold up the others', async (t) => {
  const turns = new Turns(2)
  const leave = await turns.enter('a', signal)
  const again = turns.enter('a', signal)
  t.truthy(await turns.enter('b', signal))
  t.false(await isSettled(again))
  leave?.()
  t.true(await isSettled(again))
})

test('who gives up waiting takes no room', async (t) => {
  const turns = new Turns(1)
  const leave = await turns.enter('a', signal)
  const stop = new AbortController()
  const given = turns.enter('b', stop.signal)
  const waiting = turns.enter('c', signal)
  stop.abort()
  t.is(await given, undefined)
  leave?.()
  t.truthy(await waiting)
  t.is(await turns.enter('d', stop.signal), undefined)
})
