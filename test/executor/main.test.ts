import test from 'ava'
import { once } from 'node:events'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { buildRelease, createHome, end, errorText, hears, removeRelease, startExecutor, states, type Release } from './executor-process.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { ChildProcess } from 'node:child_process'
import type { ExecutionContext } from 'ava'

let release: Release

test.before(async () => {
  release = await buildRelease('agent-program.ts')
})
test.after.always(() => removeRelease(release))

const start = (t: ExecutionContext, ...args: string[]): ChildProcess => startExecutor(t, release, args)

test('an executor starts its agent, runs an order, and stops in good order', async (t) => {
  const { home, offer } = await createHome(t)
  await offer('1', ['true'])
  const executor = start(t, home)
  t.deepEqual(states(await hears(home, (heard) => heard.length >= 3)), ['running', 'succeeded'])
  t.is(await end(executor, 'SIGTERM'), 0)
})

test('a stop interrupts what runs, and the agent still hears of it', async (t) => {
  const { home, offer } = await createHome(t)
  await offer('1', ['sleep', '60'])
  const executor = start(t, home)
  await hears(home, (heard) => heard.length >= 2)
  t.is(await end(executor, 'SIGINT'), 0)
  t.deepEqual(states(await hears(home, () => true)), ['running', 'interrupted'])
})

test('an executor that was killed while an order ran says that it was interrupted, and ends what was left of it', async (t) => {
  const { home, offer } = await createHome(t)
  const marks = path.join(home, 'marks')
  const pidFile = path.join(home, 'pid')
  await offer('1', ['sh', '-c', `echo started >> ${marks}; echo $$ > ${pidFile}; exec sleep 60`])
  const first = start(t, home)
  const pid = Number(await eventually(() => readFile(pidFile, 'utf8').catch(() => ''), (content) => content.endsWith('\n')))
  await end(first, 'SIGKILL')
  const second = start(t, home)
  const heard = await hears(home, (all) => states(all).includes('interrupted'))
  t.is(heard.find(({ state }) => state === 'interrupted')?.code, 'restarted')
  t.is(await end(second, 'SIGTERM'), 0)
  t.is(await readFile(marks, 'utf8'), 'started\n')
  await eventually(() => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''), (environment) => environment === '')
})

test('an agent that is killed comes back, and hears the outcome of what ran meanwhile', async (t) => {
  const { home, offer } = await createHome(t)
  const marks = path.join(home, 'marks')
  await offer('1', ['sh', '-c', `echo started >> ${marks}; exec sleep 0.3`])
  const executor = start(t, home)
  const [ready] = await hears(home, (heard) => heard.length >= 2)
  process.kill(ready?.pid ?? 0, 'SIGKILL')
  const heard = await hears(home, (all) => states(all).includes('succeeded'))
  t.is(heard.filter(({ kind }) => kind === 'ready').length, 2)
  t.is(await readFile(marks, 'utf8'), 'started\n')
  t.is(await end(executor, 'SIGTERM'), 0)
})

test('a journal that is gone is replaced: what may have run is not started again, and newer orders run', async (t) => {
  const { home, offer } = await createHome(t)
  const marks = path.join(home, 'marks')
  const record = ['sh', '-c', `echo $WRIT_INDICATION >> ${marks}`]
  await offer('1', record)
  const first = start(t, home)
  await hears(home, (heard) => states(heard).includes('succeeded'))
  await end(first, 'SIGKILL')
  await rm(path.join(home, 'executor', 'journal'), { recursive: true })
  await writeFile(path.join(home, 'heard'), '')
  const second = start(t, home)
  const heard = await hears(home, (all) => states(all).includes('interrupted'))
  t.is(heard.find(({ state }) => state === 'interrupted')?.code, 'journal-lost')
  t.is(await end(second, 'SIGTERM'), 0)
  const setAside = (await readdir(path.join(home, 'executor'))).filter((name) => name.startsWith('journal.missing-'))
  t.is(setAside.length, 1)
  await writeFile(path.join(home, 'heard'), '')
  await offer('2', record, { createdAt: Date.now() + 1 })
  const third = start(t, home)
  await hears(home, (all) => states(all).includes('succeeded'))
  t.is(await end(third, 'SIGTERM'), 0)
  t.is((await readFile(marks, 'utf8')).trim().split('\n').length, 2)
})

test('a home that is in use is refused', async (t) => {
  const { home } = await createHome(t)
  const first = start(t, home)
  await hears(home, (heard) => heard.length >= 1)
  const second = start(t, home)
  const [message, [exitCode]] = await Promise.all([errorText(second), once(second, 'exit') as Promise<[number]>])
  t.is(exitCode, 7)
  t.regex(message, /\[home-in-use\]/)
  t.is(await end(first, 'SIGTERM'), 0)
})

test('without a home it says what it needs', async (t) => {
  const executor = start(t)
  const [message, [exitCode]] = await Promise.all([errorText(executor), once(executor, 'exit') as Promise<[number]>])
  t.is(exitCode, 7)
  t.regex(message, /\[bad-usage\]/)
})

const opensNoSocket = test.macro({
  exec(t, program: string) {
    const output = Object.entries(release.metafile.outputs).find(([name]) => name.endsWith(program))?.[1]
    const imports = output?.imports.map((imported) => imported.path.replace(/^node:/, '')) ?? []
    t.true(imports.includes('child_process'))
    t.deepEqual(imports.filter((name) => /^(?:net|http|https|http2|tls|dgram|dns|inspector)(?:\/|$)/.test(name)), [])
    t.deepEqual(Object.keys(output?.inputs ?? {}).filter((name) => /libp2p|helia/.test(name)), [])
  },
  title: (_, program) => `nothing in ${program} can open a socket`
})
test(opensNoSocket, 'executor.js')
test(opensNoSocket, 'jobs.js')
