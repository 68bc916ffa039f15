import test from 'ava'
import { Roster } from '../../src/queue/roster.ts'
import { states } from '../../src/queue/views.ts'

test('a roster gives back every state, for nodes of any number', (t) => {
  const roster = new Roster()
  for (const [index, state] of states.entries()) roster.set(index * 1000, state)
  t.deepEqual(states.map((_, index) => roster.stateOf(index * 1000)), [...states])
  t.is(roster.stateOf(1), undefined)
  t.is(roster.stateOf(1e6), undefined)
})

test('a hidden node stays hidden whatever its state becomes, until it is no target', (t) => {
  const roster = new Roster()
  roster.set(3, 'interrupted')
  roster.hide(3)
  roster.set(3, 'succeeded')
  t.is(roster.stateOf(3), 'succeeded')
  t.true(roster.isHidden(3))
  roster.set(3, undefined)
  t.is(roster.stateOf(3), undefined)
  t.false(roster.isHidden(3))
})
