import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { encodeCell, mergeFacts, viewState, type Cell, type Fact } from '../../src/queue/fold.ts'
import { agentStates } from '../../src/record/entry.ts'
import { executorStates } from '../../src/record/statement.ts'
import { states, type State } from '../../src/queue/views.ts'
import type { RecordId } from '../../src/base/brand.ts'

const factOf = (by: Fact['by'], state: Fact['state'], at = 1, entry = 'a'): Fact => ({
  by,
  state,
  at,
  startedAt: null,
  exitCode: null,
  signal: null,
  code: null,
  detail: null,
  stdout: null,
  stderr: null,
  entry: entry as RecordId
})

const factArbitrary = fc.oneof(
  fc.record({ by: fc.constant('agent' as const), state: fc.constantFrom(...agentStates), at: fc.nat(3), entry: fc.constantFrom('a', 'b', 'c') }),
  fc.record({ by: fc.constant('executor' as const), state: fc.constantFrom(...executorStates), at: fc.nat(3), entry: fc.constantFrom('a', 'b', 'c') })
).map(({ by, state, at, entry }) => factOf(by, state, at, entry))

const foldAll = (facts: readonly Fact[]): Cell | undefined => facts.reduce<Cell | undefined>((cell, fact) => mergeFacts(cell, fact), undefined)
const bytesOf = (cell: Cell | undefined): string => (cell === undefined ? '' : Buffer.from(encodeCell(cell)).toString('hex'))

test('the same facts give the same bytes in any order, however often and in whatever groups they are told', (t) => {
  fc.assert(
    fc.property(
      fc.array(factArbitrary, { minLength: 1, maxLength: 12 }).chain((facts) =>
        fc.record({ facts: fc.constant(facts), again: fc.shuffledSubarray([...facts, ...facts], { minLength: 0 }), order: fc.shuffledSubarray(facts, { minLength: facts.length }), cut: fc.nat(facts.length) })
      ),
      ({ facts, again, order, cut }) => {
        const wanted = bytesOf(foldAll(facts))
        const [left, right] = [foldAll(order.slice(0, cut)), foldAll([...order.slice(cut), ...again])]
        const joined = left === undefined ? right : right === undefined ? left : mergeFacts(left, right)
        return bytesOf(joined) === wanted && bytesOf(foldAll([...order, ...again])) === wanted
      }
    )
  )
  t.pass()
})

const outranks = test.macro({
  exec: (t, higher: Fact, lower: Fact) => {
    t.is(mergeFacts(lower, higher), higher)
    t.is(mergeFacts(higher, lower), higher)
  },
  title: (_, higher: Fact, lower: Fact) => `${higher.state} of the ${higher.by} outranks ${lower.state} of the ${lower.by}, whatever their times`
})

test(outranks, factOf('agent', 'validated', 1), factOf('agent', 'received', 9))
test(outranks, factOf('agent', 'rejected', 1), factOf('agent', 'validated', 9))
test(outranks, factOf('executor', 'running', 1), factOf('agent', 'cancelled', 9))
test(outranks, factOf('executor', 'rejected', 1), factOf('executor', 'running', 9))
test(outranks, factOf('executor', 'succeeded', 1), factOf('executor', 'interrupted', 9))
test(outranks, factOf('executor', 'failed', 1), factOf('executor', 'succeeded', 9))

const view = test.macro({
  exec: (t, stored: State, now: number, isCancelled: boolean, wanted: State) => t.is(viewState(stored, { expiresAt: 100 }, now, isCancelled), wanted),
  title: (_, stored: State, now: number, isCancelled: boolean, wanted: State) => `${stored} at ${now}${isCancelled ? ', cancelled,' : ''} of an order that expires at 100 reads as ${wanted}`
})

test(view, 'queued', 100, false, 'queued')
test(view, 'queued', 101, false, 'expired')
test(view, 'validated', 101, false, 'expired')
test(view, 'validated', 101, true, 'cancelled')
test(view, 'received', 50, true, 'cancelled')
test(view, 'running', 101, true, 'running')
test(view, 'succeeded', 101, true, 'succeeded')

test('every state that a record can name has a rank of its own kind', (t) => {
  for (const state of executorStates) for (const other of agentStates) t.is(mergeFacts(factOf('agent', other), factOf('executor', state)).by, 'executor')
  t.deepEqual([...new Set<State>(['queued', ...agentStates, ...executorStates])].sort(), [...states].sort())
})
