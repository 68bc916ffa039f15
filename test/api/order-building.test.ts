import test from 'ava'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildIndication, findNode, resolveTarget } from '../../src/api/order-building.ts'
import { buildPayload } from '../../src/api/payload-building.ts'
import { limits } from '../../src/base/limits.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { commandPayload } from '../fixtures/orders.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { MemoryContent } from '../node/in-memory.ts'
import type { KeyId } from '../../src/base/brand.ts'
import type { NodeRow } from '../../src/queue/views.ts'
import type { OrderDraft } from '../../src/api/types.ts'

const mesh = new TestMesh()
const row = (name: string, rest: Partial<NodeRow> = {}): NodeRow => ({
  key: keyFor(name).key, name, role: 'agent', labels: {}, enrolledAt: 5, release: null, addresses: [], lastContactAt: null, queueLength: 0, ...rest
})
const web = row('web', { labels: { role: 'web' }, enrolledAt: 7 })
const db = row('db', { labels: { role: 'db' }, enrolledAt: 9 })
const twins = ['2', '3'].map((end) => row(`twin-${end}`, { key: `${'twin'.padEnd(50, 'a')}${end}a` as KeyId }))

test('a selector means those who match now, and nobody who is enrolled after them', (t) => {
  const { target, nodes } = resolveTarget({ kind: 'select', selector: 'role=web' }, [web, db])
  t.deepEqual(target, { kind: 'select', selector: 'role=web', enrolledUntil: 7 })
  t.deepEqual(nodes, [web])
  t.like(resolveTarget({ kind: 'all' }, [web, db]).target, { selector: '', enrolledUntil: 9 })
})

test('a node goes by its name or the beginning of its key, and is meant once', (t) => {
  t.is(findNode('web', [web, db]), web)
  t.is(findNode(db.key.slice(0, 6), [web, db]), db)
  t.deepEqual(resolveTarget({ kind: 'nodes', names: ['web', web.key] }, [web, db]).target, { kind: 'nodes', nodes: [web.key] })
})

const refusesTarget = test.macro({
  exec: (t, code: string, target: OrderDraft['target'], nodes: readonly NodeRow[]) => void t.throws(() => resolveTarget(target, nodes), { code }),
  title: (name = '', code) => `an order for ${name} is refused: ${code}`
})
test('all of no nodes', refusesTarget, 'no-target', { kind: 'all' }, [])
test('labels that none has', refusesTarget, 'no-target', { kind: 'select', selector: 'role=none' }, [web])
test('no names', refusesTarget, 'no-target', { kind: 'nodes', names: [] }, [web])
test('a name that none has', refusesTarget, 'unknown-node', { kind: 'nodes', names: ['web', 'nobody'] }, [web])
test('a beginning of keys that is too short', refusesTarget, 'unknown-node', { kind: 'nodes', names: [web.key.slice(0, 3)] }, [web])
test('a beginning that two keys share', refusesTarget, 'ambiguous-node', { kind: 'nodes', names: ['twina'] }, twins)
test('a selector that cannot be read', refusesTarget, 'bad-selector', { kind: 'select', selector: '=' }, [web])
const many = Array.from({ length: limits.indication.targetNodesMax + 1 }, (_, index) => row(`node-${index}`))
test('more names than an order may hold', refusesTarget, 'too-many-targets', { kind: 'nodes', names: many.map(({ name }) => name) }, many)

test('a command without a word is refused', async (t) => {
  for (const argv of [[], ['']]) await t.throwsAsync(buildPayload({ kind: 'command', argv }, new MemoryContent()), { code: 'bad-order' })
})

test('a script is read as it is, and one that is not there is named', async (t) => {
  const file = path.join(await temporaryDirectory(t), 'script.sh')
  writeFileSync(file, '#!/bin/sh\n')
  const content = new MemoryContent()
  const built = await buildPayload({ kind: 'script', file }, content)
  t.like(built, { format: 'script', name: 'script.sh', ref: { sizeBytes: 10 } })
  t.deepEqual(Buffer.from(built.inline ?? []).toString(), '#!/bin/sh\n')
  await t.throwsAsync(buildPayload({ kind: 'script', file: `${file}.gone` }, content), { code: 'script-unreadable', message: /script\.sh\.gone/ })
})

test('each kind of payload says its format, what that is told, and what is captured', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = path.join(directory, 'own_1_all.deb')
  writeFileSync(file, 'a package')
  const built = async (draft: OrderDraft['payload']): Promise<unknown> => {
    const { format, name, options, captures } = await buildPayload(draft, new MemoryContent())
    return { format, name, options, captures }
  }
  t.deepEqual(await built({ kind: 'script', file, interpreter: 'python3' }), { format: 'script', name: 'own_1_all.deb', options: { interpreter: 'python3' }, captures: [] })
  t.deepEqual(await built({ kind: 'files', directory, to: '/etc/app', postCheck: 'app -t' }), { format: 'files', name: 'files to /etc/app', options: { to: '/etc/app', postCheck: 'app -t' }, captures: [] })
  t.deepEqual(await built({ kind: 'packages', names: ['curl', 'nginx=1'], files: [file] }), { format: 'package', name: 'install curl nginx=1 own_1_all.deb', options: { packages: 'curl nginx=1' }, captures: [] })
  t.deepEqual(await built({ kind: 'logs', paths: ['/var/log'] }), { format: 'collect-logs', name: 'logs of /var/log', options: {}, captures: ['logs.tar.gz'] })
  t.deepEqual(await built({ kind: 'facts' }), { format: 'facts', name: 'facts', options: {}, captures: [] })
  t.deepEqual(await built({ kind: 'other', format: 'own', file }), { format: 'own', name: 'own_1_all.deb', options: {}, captures: [] })
})

const payload = { ref: commandPayload('true').ref, format: 'command', name: 'true', options: {}, captures: [], inline: null }
const build = (change: Partial<OrderDraft>) =>
  buildIndication({ target: { kind: 'all' }, payload: { kind: 'command', argv: ['true'] }, ...change }, resolveTarget({ kind: 'all' }, [web]), payload, mesh.admin.key, mesh.chain)

test('packages have more time than other orders, and what a format captures comes besides what the draft names', (t) => {
  const target = resolveTarget({ kind: 'all' }, [web])
  const body = buildIndication({ target: { kind: 'all' }, payload: { kind: 'packages', names: ['curl'], files: [] }, captures: ['own.txt', 'left.txt'] }, target, { ...payload, format: 'package', captures: ['left.txt'] }, mesh.admin.key, mesh.chain)
  t.is(body.timeoutMs, 900_000)
  t.deepEqual(body.captures, ['left.txt', 'own.txt'])
})

test('an order that uses nothing of later releases has the form of the first', (t) => {
  const body = build({})
  for (const later of ['options', 'captures']) t.false(Object.hasOwn(body, later), later)
  t.deepEqual(body.prerequisites, { executables: [] })
})

test('what a draft leaves out has its default', (t) => {
  const body = build({})
  t.like(body, { name: 'true', timeoutMs: 60_000, idempotent: false, charterVersion: 1, expected: { exitCode: 0, output: null } })
  t.is(body.expiresAt - body.createdAt, 3_600_000)
})

test('every problem of a draft is named with its place', (t) => {
  const error = t.throws(() => build({ timeoutMs: 1, expectedExitCode: 256, parameters: { 'a-b': 'c' }, environment: { OK: 'x'.repeat(5000) } }), { code: 'bad-order' })
  for (const place of ['timeoutMs', 'expected.exitCode', 'parameters', 'environment.OK']) t.true(error?.message.includes(place), `${place} is not in: ${error?.message}`)
})

test('a pattern that is none is refused', (t) => {
  t.throws(() => build({ expectedOutput: '(' }), { code: 'bad-pattern' })
})
