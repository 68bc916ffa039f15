import test from 'ava'
import { emptyHead, planAppend, type AppendPlan, type Link } from '../../src/queue/log.ts'
import type { RecordId } from '../../src/base/brand.ts'

const id = (text: string): RecordId => text as RecordId
/** The log a1, a2, a3. */
const held: readonly Link[] = [{ id: id('a1'), previous: null }, { id: id('a2'), previous: id('a1') }, { id: id('a3'), previous: id('a2') }]
const linkAt = (sequence: number): Link | undefined => held[sequence - 1]

const plan = test.macro({
  exec: (t, entry: { sequence: number; id: string; previous: string | null }, wanted: AppendPlan) => {
    const { sequence, previous } = entry
    t.deepEqual(planAppend({ sequence: 3, id: id('a3') }, { sequence, id: id(entry.id), previous: previous === null ? null : id(previous) }, linkAt), wanted)
  },
  title: (name) => `on top of three entries, ${name}`
})

test('the fourth is appended', plan, { sequence: 4, id: 'a4', previous: 'a3' }, { kind: 'append' })
test('the fifth leaves a gap', plan, { sequence: 5, id: 'a5', previous: 'a4' }, { kind: 'gap', from: 4 })
test('the second again is a duplicate', plan, { sequence: 2, id: 'a2', previous: 'a1' }, { kind: 'duplicate' })
test('another second after the same first is a fork at 2', plan, { sequence: 2, id: 'b2', previous: 'a1' }, { kind: 'fork', at: 2 })
test('another third after another second is a fork at 2', plan, { sequence: 3, id: 'b3', previous: 'b2' }, { kind: 'fork', at: 2 })
test('a fourth after another third is a fork at 3', plan, { sequence: 4, id: 'b4', previous: 'b3' }, { kind: 'fork', at: 3 })
test('another first is a fork at 1', plan, { sequence: 1, id: 'b1', previous: null }, { kind: 'fork', at: 1 })

test('an empty log takes the first entry, and waits for it when it gets the second', (t) => {
  t.deepEqual(planAppend(emptyHead, { sequence: 1, id: id('a1'), previous: null }, () => undefined), { kind: 'append' })
  t.deepEqual(planAppend(emptyHead, { sequence: 2, id: id('a2'), previous: id('a1') }, () => undefined), { kind: 'gap', from: 1 })
})
