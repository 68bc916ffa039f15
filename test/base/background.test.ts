import test from 'ava'
import { Background } from '../../src/base/background.ts'
import { silentLog, type Log } from '../../src/base/log.ts'

const recording = () => {
  const failures: string[] = []
  const log: Log = { ...silentLog, error: (message, fields) => void failures.push(`${message}: ${String(fields?.['error'])}`) }
  return { failures, background: new Background(log) }
}

test('work that fails is logged, and does not disturb other work', async (t) => {
  const { failures, background } = recording()
  const done: string[] = []
  background.run('the first failed', Promise.reject(new Error('no reason')))
  background.run('the second failed', Promise.resolve().then(() => done.push('second')))
  await background.settle()
  t.deepEqual(failures, ['the first failed: no reason'])
  t.deepEqual(done, ['second'])
})

test('settling waits for what is started meanwhile', async (t) => {
  const { background } = recording()
  const done: string[] = []
  const gate = Promise.withResolvers<void>()
  background.run('the first failed', gate.promise.then(() => background.run('the second failed', Promise.resolve().then(() => done.push('second')))))
  gate.resolve()
  await background.settle()
  t.deepEqual(done, ['second'])
})
