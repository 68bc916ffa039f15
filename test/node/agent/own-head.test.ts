import test from 'ava'
import { OwnHead, type OwnHeadDecision, type OwnHeadEvent } from '../../../src/node/agent/own-head.ts'

const agrees = (endpoint: string): OwnHeadEvent => ({ kind: 'agrees', endpoint })
const waited = (reason: 'second' | 'any'): OwnHeadEvent => ({ kind: 'waited', for: reason })
const others = (count: number): OwnHeadEvent => ({ kind: 'others', count })

const released: OwnHeadDecision = { kind: 'release', inNewLife: false }
const renewed: OwnHeadDecision = { kind: 'release', inNewLife: true }
const waits = (reason: 'second' | 'any' | null): OwnHeadDecision => ({ kind: 'wait', for: reason })

const decides = test.macro({
  exec(t, role: 'agent' | 'endpoint', count: number, events: readonly OwnHeadEvent[], expected: OwnHeadDecision) {
    const head = new OwnHead({ isEndpoint: role === 'endpoint', others: count })
    let decision = head.decide()
    for (const event of events) {
      t.is(decision.kind, 'wait', 'decided too early')
      decision = head.step(event)
    }
    t.deepEqual(decision, expected)
  },
  title: (name = '', role, count, _events, expected: OwnHeadDecision) =>
    `an ${role} among ${count} ${role === 'endpoint' ? 'other ' : ''}endpoints, ${name}, ${expected.kind === 'wait' ? `waits for ${expected.for === null ? 'an answer' : expected.for}` : expected.inNewLife ? 'goes on in a new life' : 'goes on'}`
})

test('of which none answered', decides, 'agent', 3, [], waits(null))
test('of which none answered for long', decides, 'agent', 3, [waited('any')], waits(null))
test('of which one agrees', decides, 'agent', 3, [agrees('a')], waits('second'))
test('of which one agrees twice', decides, 'agent', 3, [agrees('a'), agrees('a')], waits('second'))
test('of which two agree', decides, 'agent', 3, [agrees('a'), agrees('b')], released)
test('of which one agrees and no second for a while', decides, 'agent', 3, [agrees('a'), waited('second')], released)
test('of which the only one agrees', decides, 'agent', 1, [agrees('a')], released)
test('of which a new charter leaves one, which agreed', decides, 'agent', 3, [agrees('a'), others(1)], released)
test('without a word of theirs', decides, 'endpoint', 2, [], waits('any'))
test('without a word of theirs for a while', decides, 'endpoint', 2, [waited('any')], renewed)
test('one of which agrees', decides, 'endpoint', 2, [agrees('a')], waits('second'))
test('one of which agrees after all', decides, 'endpoint', 2, [agrees('a'), waited('second')], released)
test('both of which agree', decides, 'endpoint', 2, [agrees('a'), agrees('b')], released)
test('being alone', decides, 'endpoint', 0, [], renewed)
test('being left alone by a new charter', decides, 'endpoint', 2, [others(0)], renewed)
