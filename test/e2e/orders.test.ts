/** What an operator does every day, on a mesh with gossip. */
import test from 'ava'
import { createHash, randomBytes } from 'node:crypto'
import { openSync, closeSync, ftruncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { limits } from '../../src/base/limits.ts'
import { eventually } from '../fixtures/eventually.ts'
import { MeshProcesses, type Shown } from '../processes/mesh-processes.ts'

const mesh = new MeshProcesses({ agents: { web: ['role=web'], db: ['role=db'] } })

test.before('a mesh is formed', async () => {
  await mesh.open()
})
test.after.always('and gone afterwards', () => mesh.close())

const statesOf = ({ rows }: Shown): string[] => rows.map(({ agentName, state }) => `${agentName} ${state}`)
const everywhere = ['db succeeded', 'e1 succeeded', 'e2 succeeded', 'web succeeded']

const scriptOf = (name: string, text: string | Uint8Array): string => {
  const file = path.join(mesh.folder, name)
  writeFileSync(file, text)
  return file
}

test.serial('a command runs on every node, and both endpoints hold the same receipts', async (t) => {
  const { code, view } = await mesh.run('--all', '--', 'echo', 'hello')
  t.is(code, 0)
  t.deepEqual(statesOf(view), everywhere)
  t.deepEqual(new Set(view.rows.map(({ stdout }) => stdout)), new Set(['hello\n']))
  const [first, second] = await Promise.all(['e1', 'e2'].map((endpoint) => mesh.shown(view.order.indication, (seen) => statesOf(seen).join() === everywhere.join(), { home: mesh.adminOf(endpoint) })))
  t.deepEqual(first, second)
})

test.serial('a script gets its parameters, and its output is compared with what was expected', async (t) => {
  const script = scriptOf('greet.sh', '#!/bin/sh\necho "$WRIT_PARAM_GREETING, $NAME"\n')
  const args = ['--on', 'role=web', '--script', script, '--param', 'GREETING=good day', '--env', 'NAME=you']
  const good = await mesh.run(...args, '--expect-output', '^good day, you$')
  t.is(good.code, 0)
  t.deepEqual(statesOf(good.view), ['web succeeded'])
  const bad = await mesh.run(...args, '--expect-output', '^good night')
  t.is(bad.code, 3)
  t.like(bad.view.rows[0], { state: 'failed', code: 'unexpected-output', stdout: 'good day, you\n' })
})

test.serial('a script of 2 MB arrives whole', async (t) => {
  const data = randomBytes(2 * 1024 * 1024)
  const line = '#!/bin/sh\nsed "1,/^__DATA__$/d" "$0" | sha256sum | cut -d" " -f1\nexit 0\n__DATA__\n'
  const { code, view } = await mesh.run('--all', '--script', scriptOf('large.sh', Buffer.concat([Buffer.from(line), data])))
  t.is(code, 0, JSON.stringify(view))
  const digest = createHash('sha256').update(data).digest('hex')
  t.deepEqual(view.rows.map(({ stdout }) => stdout), Array.from({ length: 4 }, () => `${digest}\n`))
})

test.serial('an order that fails and one that takes too long say so, with exit code 3', async (t) => {
  const failing = await mesh.run('--nodes', 'web,db', '--', 'sh', '-c', 'exit 7')
  t.is(failing.code, 3)
  for (const row of failing.view.rows) t.like(row, { state: 'failed', exitCode: 7, code: 'unexpected-exit' })
  const slow = await mesh.run('--nodes', 'web', '--timeout', '300ms', '--', 'sleep', '60')
  t.is(slow.code, 3)
  t.like(slow.view.rows[0], { state: 'failed', code: 'timed-out' })
  const expected = await mesh.run('--nodes', 'web', '--expect-exit', '7', '--', 'sh', '-c', 'exit 7')
  t.is(expected.code, 0)
})

test.serial('an order for nobody ends with exit code 4', async (t) => {
  const { code, stderr } = await mesh.writ('run', '--home', mesh.admin, '--on', 'role=none', '--', 'true')
  t.is(code, 4)
  t.regex(stderr, /none of the 4 nodes matches role=none.*\[no-target\]/)
  t.is((await mesh.writ('run', '--home', mesh.admin, '--nodes', 'nobody', '--', 'true')).code, 4)
})

test.serial('without an endpoint that answers the exit code is 5, and the addresses and the time are named', async (t) => {
  const { code, stderr } = await mesh.writ('run', '--home', mesh.adminAt('/ip4/127.0.0.1/tcp/1'), '--all', '--', 'true')
  t.is(code, 5)
  t.regex(stderr, /within [0-9.]+ m?s; tried e1 at \/ip4\/127\.0\.0\.1\/tcp\/1.*\[no-endpoint-reachable\]/)
})

test.serial('a payload over the limit is refused with exit code 6 before it is read', async (t) => {
  const file = path.join(mesh.folder, 'huge')
  const handle = openSync(file, 'w')
  ftruncateSync(handle, limits.payload.sizeBytesMax + 1) // sparse
  closeSync(handle)
  const { code, stderr } = await mesh.writ('run', '--home', mesh.admin, '--all', '--script', file)
  t.is(code, 6)
  t.regex(stderr, /\[payload-too-large\]/)
})

const exits = test.macro({
  exec: async (t, code: number, errorCode: string, args: readonly string[]) => {
    const outcome = await mesh.writ(...args)
    t.is(outcome.code, code, outcome.stderr)
    t.true(outcome.stderr.includes(`[${errorCode}]`), outcome.stderr)
    t.is(outcome.stdout, '')
  },
  title: (name = '', code, errorCode) => `${name} ends with exit code ${code}: ${errorCode}`
})
test.serial('a home that is none', exits, 7, 'home-missing', ['run', '--home', '/nowhere', '--all', '--', 'true'])
test.serial('a flag that there is not', exits, 2, 'bad-usage', ['run', '--home', '/nowhere', '--al', '--', 'true'])
test.serial('a command that there is not', exits, 2, 'bad-usage', ['rum'])
test.serial('an order without a target', exits, 2, 'bad-usage', ['run', '--home', '/nowhere', '--', 'true'])
test.serial('a selector that cannot be read', exits, 2, 'bad-selector', ['run', '--home', '/nowhere', '--on', 'role=', '--on', '=web', '--', 'true'])

test.serial('an order that nobody knows ends with exit code 4', async (t) => {
  const { code, stderr } = await mesh.writ('show', 'aaaaaaaa', '--home', mesh.admin)
  t.is(code, 4)
  t.regex(stderr, /\[unknown-indication\]/)
})

test.serial('twenty orders at once from one home all succeed', async (t) => {
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => mesh.writ('run', '--home', mesh.admin, '--on', 'role', '--', 'echo', `order ${index}`)))
  t.deepEqual(outcomes.filter(({ code }) => code !== 0).map(({ stderr }) => stderr), [])
})

test.serial('an order is cancelled while its command waits', async (t) => {
  const waiting = mesh.begin('run', '--home', mesh.admin, '--nodes', 'web', '--json', '--name', 'long', '--', 'sleep', '60')
  const listed = await eventually(() => mesh.must('list', '--home', mesh.admin, '--json'), (text) => /"name":"long"[^}]*"running":1/.test(text), 10_000)
  const { orders }: { orders: readonly { readonly name: string; readonly indication: string }[] } = JSON.parse(listed)
  await mesh.must('cancel', orders.find(({ name }) => name === 'long')?.indication ?? '', '--home', mesh.admin)
  const { code, stdout } = await waiting.ended
  t.is(code, 3)
  t.like((JSON.parse(stdout) as Shown).rows[0], { state: 'cancelled' })
})

test.serial('a large output is had whole, from either endpoint', async (t) => {
  const { code, view } = await mesh.run('--nodes', 'web', '--', 'seq', '1', '400000')
  t.is(code, 0)
  const whole = Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join('')
  for (const home of [mesh.admin, mesh.adminOf('e1'), mesh.adminOf('e2')]) {
    const text = await mesh.must('logs', view.order.indication, '--home', home)
    t.is(text.length, whole.length)
    t.true(text === whole)
  }
})

test.serial('Ctrl-C leaves the order running and says how to follow it', async (t) => {
  const waiting = mesh.begin('run', '--home', mesh.admin, '--nodes', 'db', '--name', 'patient', '--', 'sleep', '1')
  await eventually(() => mesh.must('list', '--home', mesh.admin, '--json'), (text) => text.includes('"patient"'), 10_000)
  waiting.child.kill('SIGINT')
  const { code, stderr } = await waiting.ended
  t.is(code, 130)
  const [, id = ''] = /writ show (\S+) --follow/.exec(stderr) ?? []
  t.is((await mesh.shown(id, ({ rows }) => rows[0]?.state === 'succeeded')).order.name, 'patient')
})
