/** The proof of the kill suite can fail: each violation is found in evidence that is spoilt in one place. */
import test from 'ava'
import { findViolations, type EndpointEvidence, type Evidence, type NodeEvidence } from './proof.ts'
import type { State } from '../../src/queue/views.ts'

const rows = (state: State) => [{ node: 'a1', state, code: null }, { node: 'a2', state: 'succeeded' as const, code: null }]

const endpoint = (name: string, change: Partial<EndpointEvidence> = {}, state: State = 'succeeded'): EndpointEvidence => ({
  name,
  digest: 'same',
  orders: [{ indication: 'order', name: 'kill/x', isIdempotent: false, rows: rows(state) }],
  entries: new Set(['entry']),
  statements: new Set(['statement']),
  forks: [],
  ...change
})

const evidence = (change: Partial<Evidence> = {}, state: State = 'succeeded'): Evidence => ({
  effects: ['a1', 'a2'].map((node) => ({ indication: 'order', node, starts: 1, ends: 1 })),
  endpoints: [endpoint('e1', {}, state), endpoint('e2', {}, state)],
  nodes: [{ name: 'a1', outcomes: [{ statement: 'statement', indication: 'order', state: 'succeeded' }], unkept: 0, active: [], ownEntries: [{ id: 'entry', place: 'life/1 (succeeded)', hasOutcome: true }] }],
  ...change
})

const run = (node: string, starts: number, ends = starts, indication = 'order') => ({ indication, node, starts, ends })
const bounds = { attemptsMax: 3, mayFail: (order: string, node: string) => order === 'kill/disk' && node === 'a1' }
const idempotent = (state: State): Partial<Evidence> => ({ endpoints: [endpoint('e1', { orders: [{ indication: 'order', name: 'kill/x', isIdempotent: true, rows: rows(state) }] })] })
const onFullDisk = (state: State): Partial<Evidence> => ({ endpoints: [endpoint('e1', { orders: [{ indication: 'order', name: 'kill/disk', isIdempotent: false, rows: rows(state) }] })] })

const holds = test.macro({
  exec: (t, found: Evidence) => t.deepEqual(findViolations(found, bounds), []),
  title: (name = '') => `${name} violates nothing`
})
test('what went well', holds, evidence())
test('an interrupted order that ran once', holds, evidence({ effects: [run('a1', 1, 0), run('a2', 1)] }, 'interrupted'))
test('an interrupted order that never came so far', holds, evidence({ effects: [run('a2', 1)] }, 'interrupted'))
test('an idempotent order that ran three times', holds, evidence({ ...idempotent('succeeded'), effects: [run('a1', 3, 1), run('a2', 1)] }))
test('an order that failed on a full disk', holds, evidence(onFullDisk('failed')))

const isFound = test.macro({
  exec(t, found: Evidence, ...expected: readonly RegExp[]) {
    const violations = findViolations(found, bounds)
    t.is(violations.length, expected.length, violations.join('\n'))
    for (const [index, expression] of expected.entries()) t.regex(violations[index] ?? '', expression)
  },
  title: (name = '') => `${name} is found`
})
test('a second start', isFound, evidence({ effects: [run('a1', 2), run('a2', 1)] }), /a1 started .* 2 times, 1 allowed/)
test('a second start of an interrupted order', isFound, evidence({ effects: [run('a1', 2, 0), run('a2', 1)] }, 'interrupted'), /a1 started .* 2 times/)
test('an idempotent order beyond its limit', isFound, evidence({ ...idempotent('interrupted'), effects: [run('a1', 4, 0), run('a2', 1)] }), /4 times, 3 allowed/)
test('a success without a trace', isFound, evidence({ effects: [run('a2', 1)] }), /is succeeded on a1: it started 0 times/)
test('a success that did not end', isFound, evidence({ effects: [run('a1', 1, 0), run('a2', 1)] }), /ended 0 times/)
for (const state of ['queued', 'received', 'retrieving', 'validated', 'running'] as const) test(`an order that is ${state} in the end`, isFound, evidence({}, state), /has not ended/)
for (const state of ['expired', 'rejected', 'skipped'] as const) test(`an order that ran and is ${state}`, isFound, evidence({}, state), /it ran, 1 times/)
for (const state of ['expired', 'rejected'] as const) test(`an order that is ${state} without a reason`, isFound, evidence({ effects: [run('a2', 1)] }, state), /nothing/)
test('an order that failed without a reason', isFound, evidence({}, 'failed'), /nothing could make it fail/)
test('an order that nobody gave', isFound, evidence({ effects: [run('a1', 1), run('a2', 1), run('a1', 1, 1, 'other')] }), /ran other, which no endpoint knows/)
test('an order on a node that it was not for', isFound, evidence({ effects: [run('a1', 1), run('a2', 1), run('a3', 1)] }), /was not for it/)
test('another digest', isFound, evidence({ endpoints: [endpoint('e1'), endpoint('e2', { digest: 'other' })] }), /differ in their digests/)
test('another row', isFound, evidence({ endpoints: [endpoint('e1'), endpoint('e2', {}, 'interrupted')] }), /differ in their rows: order/)
test('an order that one endpoint does not know', isFound, evidence({ endpoints: [endpoint('e1'), endpoint('e2', { orders: [] })] }), /differ in their rows: order/)
test('an outcome that one endpoint lacks', isFound, evidence({ endpoints: [endpoint('e1'), endpoint('e2', { statements: new Set() })] }), /e2 lacks outcomes .* of a1/)
test('an entry that one endpoint lacks', isFound, evidence({ endpoints: [endpoint('e1', { entries: new Set() }), endpoint('e2')] }), /e1 lacks entries of the log of a1/)
const said = (id: string, hasOutcome: boolean) => ({ id, place: id, hasOutcome })
const nodeThatSaid = (...ownEntries: NodeEvidence['ownEntries']): Partial<Evidence> => ({ nodes: [{ name: 'a1', outcomes: [], unkept: 0, active: [], ownEntries }] })
test('an entry without an outcome, where what comes after it is held', isFound, evidence(nodeThatSaid(said('lost', false), said('entry', false))), /e1 lacks entries of the log of a1: lost/, /e2 lacks entries of the log of a1: lost/)
test('an entry without an outcome is not awaited where it is the last', (t) => {
  t.deepEqual(findViolations(evidence(nodeThatSaid(said('entry', true), said('last', false))), bounds), [])
})
test('a fork', isFound, evidence({ endpoints: [endpoint('e1'), endpoint('e2', { forks: ['a1/x'] })] }), /e2 knows a fork of the log a1\/x/)
test('a statement that was not kept, and an order without an outcome', isFound, evidence({ nodes: [{ name: 'a1', outcomes: [], unkept: 1, active: ['order'], ownEntries: [] }] }), /never kept/, /without an outcome/)
