import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { checkShape } from '../../src/base/schema.ts'
import { bundleSchema } from '../../src/record/bundle.ts'
import { entryKind, type EntryBody, type EntryContent } from '../../src/record/entry.ts'
import { commandPayloadSchema, indicationKind, type IndicationBody } from '../../src/record/indication.ts'
import { decodeRecord, sealRecord } from '../../src/record/record.ts'
import { statementKind, type StatementBody } from '../../src/record/statement.ts'
import { TestMesh } from '../fixtures/mesh.ts'
import { orderBody, orderOf } from '../fixtures/orders.ts'

const mesh = new TestMesh()
const { indication: bounds } = limits
const repeat = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item)

const ordersWith = test.macro({
  exec(t, change: Readonly<Record<string, unknown>>, expected: boolean) {
    const checked = checkShape(indicationKind.schema, { ...orderBody(mesh), ...change })
    t.is(checked.ok, expected)
    const [field = ''] = Object.keys(change)
    if (!checked.ok) t.true(checked.detail.startsWith(field), checked.detail)
  },
  title: (name = '', _change, expected) => `an order with ${name} ${expected ? 'has the right shape' : 'is refused by its field'}`
})

const maps = (count: number): IndicationBody['parameters'] => Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, '']))
test('as many parameters as there may be', ordersWith, { parameters: maps(bounds.parametersMax) }, true)
test('one parameter more', ordersWith, { parameters: maps(bounds.parametersMax + 1) }, false)
test('one variable too many', ordersWith, { environment: maps(bounds.environmentMax + 1) }, false)
test('a variable that is no name', ordersWith, { environment: { 'A=B': '' } }, false)
test('a variable that is no text', ordersWith, { environment: { A: 1 } }, false)
test('no name', ordersWith, { name: '' }, false)
test('a format that is a path', ordersWith, { format: '../script' }, false)
test('no nodes', ordersWith, { target: { kind: 'nodes', nodes: [] } }, false)
test('as many nodes as there may be', ordersWith, { target: { kind: 'nodes', nodes: repeat(bounds.targetNodesMax, mesh.peer('a')) } }, true)
test('one node more', ordersWith, { target: { kind: 'nodes', nodes: repeat(bounds.targetNodesMax + 1, mesh.peer('a')) } }, false)
const prerequisites = (change: Record<string, unknown>) => ({ prerequisites: { executables: [], ...change } })
test('every kind of prerequisite', ordersWith, prerequisites({ versions: { git: '2.30', '/opt/app': '1' }, freeDisk: [{ path: null, sizeBytes: 1 }, { path: '/var', sizeBytes: 1 }], facts: [{ name: 'osId', relation: '=', value: '' }] }), true)
test('a version of an option', ordersWith, prerequisites({ versions: { '--help': '1' } }), false)
test('a version of a relative path', ordersWith, prerequisites({ versions: { './git': '1' } }), false)
test('a version that is none', ordersWith, prerequisites({ versions: { git: '2.x' } }), false)
test('free space at a relative path', ordersWith, prerequisites({ freeDisk: [{ path: 'var', sizeBytes: 1 }] }), false)
test('an empty list of facts, which has another form', ordersWith, prerequisites({ facts: [] }), false)
test('an unknown relation', ordersWith, prerequisites({ facts: [{ name: 'osId', relation: '~', value: '' }] }), false)
test('captures and options', ordersWith, { captures: repeat(bounds.capturesMax, 'report.txt'), options: { to: '/etc/app' } }, true)
test('no captures, which has another form', ordersWith, { captures: [] }, false)
test('one capture too many', ordersWith, { captures: repeat(bounds.capturesMax + 1, 'report.txt') }, false)
test('a capture without a name', ordersWith, { captures: [''] }, false)
test('an option of another type', ordersWith, { options: { to: 1 } }, false)
test('a target of another kind', ordersWith, { target: { kind: 'all' } }, false)
test('a repository of another kind', ordersWith, { repository: { kind: 'http' } }, false)
test('a payload beyond the limit', ordersWith, { payload: { ...orderBody(mesh).payload, sizeBytes: limits.payload.sizeBytesMax + 1 } }, false)
test('a timeout below the least', ordersWith, { timeoutMs: bounds.timeoutMsMin - 1 }, false)
test('a timeout beyond the most', ordersWith, { timeoutMs: bounds.timeoutMsMax + 1 }, false)
test('priority 9', ordersWith, { priority: 9 }, true)
test('priority 10', ordersWith, { priority: 10 }, false)
test('an exit code that no process has', ordersWith, { expected: { exitCode: 256, output: null } }, false)
test('charter version 0', ordersWith, { charterVersion: 0 }, false)
test('limits, a user and no network', ordersWith, { limits: { memoryBytes: limits.job.memoryBytesMin, processes: 1, cpuPercent: 1 }, user: 'www-data', network: 'none' }, true)
test('limits that name none, which has another form', ordersWith, { limits: {} }, false)
test('no processes', ordersWith, { limits: { processes: 0 } }, false)
test('a user that is an option', ordersWith, { user: '--help' }, false)
test('the network of the host, which has another form', ordersWith, { network: 'host' }, false)
test('an unknown field', ordersWith, { shell: true }, false)

test('an order for as many nodes as there may be stays below its size', (t) => {
  const order = orderOf(mesh, { target: { kind: 'nodes', nodes: repeat(bounds.targetNodesMax, mesh.peer('a')) } })
  t.true(order.bytes.length < limits.record.indicationBytesMax)
})

const order = orderOf(mesh)
const statement: StatementBody = {
  mesh: mesh.mesh,
  executor: mesh.key('executor:a').key,
  previous: mesh.mesh,
  indication: order.id,
  state: 'succeeded',
  at: mesh.now,
  startedAt: mesh.now,
  exitCode: 0,
  signal: null,
  code: null,
  detail: '€'.repeat(1024),
  stdout: { head: new Uint8Array(limits.output.headBytesMax), sizeBytes: 1e9, cid: 'c'.repeat(128), keptBytes: 1e9 },
  stderr: { head: new Uint8Array(limits.output.headBytesMax), sizeBytes: 1e9, cid: 'c'.repeat(128), keptBytes: 1e9 },
  files: repeat(limits.indication.capturesMax, {
    name: '€'.repeat(limits.indication.captureLengthMax),
    output: { head: new Uint8Array(limits.output.fileHeadBytesMax), sizeBytes: 1e9, cid: 'c'.repeat(128), keptBytes: 1e9 }
  })
}

test('the fullest statement stays below its size', (t) => {
  const sealed = sealRecord(statementKind, statement, [mesh.key('executor:a')])
  t.true(decodeRecord(statementKind, sealed.bytes).ok)
})

test('an executor cannot state what only an agent says', (t) => {
  t.false(checkShape(statementKind.schema, { ...statement, state: 'received' }).ok)
})

const entryWith = (content: unknown): unknown => ({
  mesh: mesh.mesh, author: mesh.peer('a'), incarnation: 'a'.repeat(26), sequence: 1, previous: null, at: mesh.now, content
})
const receipt = { kind: 'agent', indication: order.id, state: 'received', at: mesh.now, code: null, detail: null }

const entries = test.macro({
  exec: (t, content: unknown, expected: boolean) => t.is(checkShape(entryKind.schema, entryWith(content)).ok, expected),
  title: (name = '', _content, expected) => `an entry with ${name} ${expected ? 'has the right shape' : 'is refused'}`
})

test('an order', entries, { kind: 'indication', indication: order.bytes }, true)
test('as many receipts as there may be', entries, { kind: 'receipts', receipts: repeat(limits.record.receiptsPerEntryMax, receipt) }, true)
test('one receipt more', entries, { kind: 'receipts', receipts: repeat(limits.record.receiptsPerEntryMax + 1, receipt) }, false)
test('no receipt', entries, { kind: 'receipts', receipts: [] }, false)
test('an outcome in an agent\'s own word', entries, { kind: 'receipts', receipts: [{ ...receipt, state: 'succeeded' }] }, false)
test('content of another kind', entries, { kind: 'note', note: '' }, false)
test('two contents', entries, { kind: 'indication', indication: order.bytes, control: order.bytes }, false)

test('the largest order fits into an entry', (t) => {
  const content: EntryContent = { kind: 'indication', indication: new Uint8Array(limits.record.indicationBytesMax) }
  const sealed = sealRecord(entryKind, entryWith(content) as EntryBody, [mesh.key('peer:a')])
  t.true(sealed.bytes.length <= limits.record.entryBytesMax)
})

test('a bundle holds a payload up to the inline size, or none', (t) => {
  const bundle = { indication: order.bytes, controls: [], payload: null }
  t.true(checkShape(bundleSchema, bundle).ok)
  t.true(checkShape(bundleSchema, { ...bundle, payload: new Uint8Array(limits.payload.inlineBytesMax) }).ok)
  t.false(checkShape(bundleSchema, { ...bundle, payload: new Uint8Array(limits.payload.inlineBytesMax + 1) }).ok)
})

test('a command has at least one word', (t) => {
  t.true(checkShape(commandPayloadSchema, { argv: ['true'] }).ok)
  t.false(checkShape(commandPayloadSchema, { argv: [] }).ok)
  t.false(checkShape(commandPayloadSchema, { argv: [1] }).ok)
  t.false(checkShape(commandPayloadSchema, { argv: ['true'], shell: true }).ok)
})
