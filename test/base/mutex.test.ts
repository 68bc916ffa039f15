import test from 'ava'
import { Mutex } from '../../src/base/mutex.ts'

test('actions run one after another, in the order they came', async (t) => {
  const mutex = new Mutex()
  const events: string[] = []
  const first = Promise.withResolvers<void>()
  const running = [
    mutex.run(async () => {
      events.push('first starts')
      await first.promise
      events.push('first ends')
    }),
    mutex.run(async () => events.push('second'))
  ]
  await Promise.resolve()
  first.resolve()
  await Promise.all(running)
  t.deepEqual(events, ['first starts', 'first ends', 'second'])
})

test('an action that fails tells its caller and does not stop the next', async (t) => {
  const mutex = new Mutex()
  const failed = mutex.run(() => Promise.reject(new Error('no')))
  const next = mutex.run(async () => 'yes')
  await t.throwsAsync(failed, { message: 'no' })
  t.is(await next, 'yes')
})
