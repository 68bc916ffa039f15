import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { UpdateMachine, type Update, type UpdateEffect, type UpdateEvent, type UpdatePlace } from '../../src/executor/update-machine.ts'
import { commandOrder } from './workbench.ts'

const update: Update = { indication: commandOrder(['true']).id, slot: '0.2.0-abc', version: '0.2.0', trialSeconds: 60 }
const compareMs = update.trialSeconds * 1000

type Happening = UpdateEvent | { readonly kind: 'wait'; readonly ms: number }

/** What a machine wants after each event, at times a second's thousandth apart unless an event says otherwise. */
const play = (...events: readonly Happening[]): string[][] => {
  const machine = new UpdateMachine()
  let now = 0
  return events.flatMap((event) => {
    if (event.kind === 'wait') {
      now += event.ms
      return []
    }
    now += 1
    return [machine.step(event, now).map(describe)]
  })
}

const describe = (effect: UpdateEffect): string => (effect.kind === 'conclude' ? `${effect.outcome.state} ${effect.outcome.code ?? ''}`.trim() : effect.kind)

const takenUp = (place: UpdatePlace): UpdateEvent => ({ kind: 'taken-up', update, place })
const up = (release = '0.2.0'): UpdateEvent => ({ kind: 'agent-up', release })
const contact: UpdateEvent = { kind: 'contact' }
const tick: UpdateEvent = { kind: 'tick' }
const staged: UpdateEvent = { kind: 'staged', update }

const comesTo = test.macro({
  exec: (t, events: readonly Happening[], expected: readonly string[][]) => t.deepEqual(play(...events), expected as string[][]),
  title: (name = '') => name
})

test('a staged release is switched to once an endpoint has answered', comesTo, [staged, contact, contact], [['ask-for-contact'], ['switch'], []])
test('an agent that starts anew is asked again', comesTo, [staged, up('0.1.0'), contact], [['ask-for-contact'], ['ask-for-contact'], ['switch']])
test('a staged release that is abandoned is not switched to', comesTo, [staged, { kind: 'abandoned' }, contact], [['ask-for-contact'], [], []])
test('a switch that had not happened is taken up where it was', comesTo, [takenUp({ kind: 'not-switched' }), contact], [['ask-for-contact'], ['switch']])
test('a release on trial is good when its agent is up and an endpoint has answered', comesTo, [takenUp({ kind: 'on-trial' }), up(), contact], [[], ['note-up', 'ask-for-contact'], ['prove', 'succeeded']])
test('an answer that came before the agent was up proves nothing', comesTo, [takenUp({ kind: 'on-trial' }), contact, up()], [[], [], ['note-up', 'ask-for-contact']])
test('an agent of another release proves nothing', comesTo, [takenUp({ kind: 'on-trial' }), up('0.1.0'), contact], [[], [], []])
test('a release that had proved itself needs no second proof', comesTo, [takenUp({ kind: 'proved' })], [['succeeded']])
test('a release that crashed is at fault', comesTo, [takenUp({ kind: 'back', reason: 'exit-1', isUp: true })], [['failed release-failed']])
test('a release whose agent never came up is at fault', comesTo, [takenUp({ kind: 'back', reason: 'overdue', isUp: false })], [['failed release-failed']])
test('a release that lacked an answer alone is at fault where the one before gets one', comesTo, [takenUp({ kind: 'back', reason: 'overdue', isUp: true }), up('0.1.0'), contact], [['ask-for-contact'], ['ask-for-contact'], ['failed no-contact']])
test('where the one before gets none either, nothing is known', comesTo, [takenUp({ kind: 'back', reason: 'overdue', isUp: true }), { kind: 'wait', ms: compareMs }, tick, contact], [['ask-for-contact'], ['failed inconclusive'], []])
test('but not before it has waited', comesTo, [takenUp({ kind: 'back', reason: 'overdue', isUp: true }), tick], [['ask-for-contact'], []])

const events = fc.constantFrom<UpdateEvent>({ kind: 'contact' }, { kind: 'tick' }, up(), up('0.1.0'), { kind: 'staged', update }, { kind: 'abandoned' })

test('whatever happens, a release is proved only on trial, and each is concluded at most once', (t) => {
  const places = fc.constantFrom<UpdatePlace>({ kind: 'on-trial' }, { kind: 'proved' }, { kind: 'not-switched' }, { kind: 'back', reason: 'overdue', isUp: true }, { kind: 'back', reason: 'exit-1', isUp: false })
  fc.assert(
    fc.property(places, fc.array(events.filter(({ kind }) => kind !== 'staged')), (place, later) => {
      const said = play(takenUp(place), ...later).flat()
      t.true(!said.includes('prove') || place.kind === 'on-trial')
      t.true(!said.includes('switch') || place.kind === 'not-switched')
      t.true(said.filter((word) => /^(succeeded|failed)/.test(word)).length <= 1)
      t.true(!said.includes('succeeded') || place.kind === 'proved' || said.includes('prove'))
    })
  )
})
