import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import type { KeyId } from '../../src/base/brand.ts'
import { limits } from '../../src/base/limits.ts'
import type { Random } from '../../src/base/random.ts'
import { FetchPlan, type FetchEffect, type FetchEvent } from '../../src/content/fetch-plan.ts'

const steady: Random = { bytes: (length) => new Uint8Array(length), fraction: () => 0.5 }
const first: Random = { ...steady, fraction: () => 0 }
const peers = (...names: string[]) => names as KeyId[]
const { attemptTimeoutMs, backoffMsMin, backoffMsMax, providersPerAttemptMax } = limits.fetch
const failed = (providers: readonly KeyId[]): FetchEvent => ({ kind: 'attempt-failed', detail: 'nobody had it', providers })
const a = peers('a')

const transcript = test.macro({
  exec: (t, deadlineAt: number, steps: readonly (readonly [number, FetchEvent, Partial<FetchEffect>])[], random: Random = steady) => {
    const plan = new FetchPlan(random, deadlineAt)
    for (const [now, event, effect] of steps) t.like(plan.step(event, now), effect)
  },
  title: (title) => title ?? ''
})

test('a payload that the first peers have is done after one attempt', transcript, 1e6, [
  [0, { kind: 'started', providers: a }, { kind: 'attempt', providers: a, timeoutMs: attemptTimeoutMs }],
  [10, { kind: 'attempt-succeeded' }, { kind: 'done' }]
])
test('the wait doubles while nothing arrives', transcript, 1e6, [
  [0, { kind: 'started', providers: a }, { kind: 'attempt' }],
  [1, failed(a), { kind: 'wait', delayMs: backoffMsMin }],
  [2, { kind: 'waited', providers: a }, { kind: 'attempt' }],
  [3, failed(a), { kind: 'wait', delayMs: 2 * backoffMsMin }],
  [4, { kind: 'waited', providers: a }, { kind: 'attempt' }],
  [5, failed(a), { kind: 'wait', delayMs: 4 * backoffMsMin }]
])
test('the wait starts again after a block came', transcript, 1e6, [
  [0, { kind: 'started', providers: a }, { kind: 'attempt' }],
  [1, failed(a), { kind: 'wait', delayMs: backoffMsMin }],
  [2, { kind: 'waited', providers: a }, { kind: 'attempt' }],
  [3, failed(a), { kind: 'wait', delayMs: 2 * backoffMsMin }],
  [4, { kind: 'waited', providers: a }, { kind: 'attempt' }],
  [5, { kind: 'progressed' }, { kind: 'continue', timeoutMs: attemptTimeoutMs }],
  [6, failed(a), { kind: 'wait', delayMs: backoffMsMin }]
])
test('an attempt that waited for its turn has its whole timeout, and no progress to show', transcript, 1e6, [
  [0, { kind: 'started', providers: a }, { kind: 'attempt' }],
  [1, failed(a), { kind: 'wait', delayMs: backoffMsMin }],
  [2, { kind: 'waited', providers: a }, { kind: 'attempt' }],
  [3, { kind: 'attempt-begun' }, { kind: 'continue', timeoutMs: attemptTimeoutMs }],
  [4, failed(a), { kind: 'wait', delayMs: 2 * backoffMsMin }]
])
test('peers are taken in turn before there is a wait', transcript, 1e6, [
  [0, { kind: 'started', providers: peers('a', 'b', 'c', 'd', 'e') }, { kind: 'attempt', providers: peers('a', 'b', 'c') }],
  [1, failed(peers('a', 'b', 'c', 'd', 'e')), { kind: 'attempt', providers: peers('d', 'e') }],
  [2, failed(peers('a', 'b', 'c', 'd', 'e')), { kind: 'wait' }]
], first)
test('a peer that connected meanwhile is asked without a wait', transcript, 1e6, [
  [0, { kind: 'started', providers: a }, { kind: 'attempt', providers: a }],
  [1, failed(peers('a', 'b')), { kind: 'attempt', providers: peers('b') }]
])
test('without a peer the look-out is short and does not grow', transcript, 1e6, [
  [0, { kind: 'started', providers: [] }, { kind: 'wait', delayMs: backoffMsMin }],
  [1, { kind: 'waited', providers: [] }, { kind: 'wait', delayMs: backoffMsMin }],
  [2, { kind: 'waited', providers: [] }, { kind: 'wait', delayMs: backoffMsMin }]
])
test('the deadline shortens attempts and waits, and ends them with the last known reason', transcript, 100, [
  [0, { kind: 'started', providers: a }, { kind: 'attempt', timeoutMs: 100 }],
  [40, failed(a), { kind: 'wait', delayMs: 60 }],
  [90, { kind: 'waited', providers: a }, { kind: 'attempt', timeoutMs: 10 }],
  [95, { kind: 'progressed' }, { kind: 'continue', timeoutMs: 5 }],
  [100, { kind: 'attempt-failed', detail: 'cut off', providers: a }, { kind: 'failed', code: 'payload-unavailable', detail: 'nobody had it' }]
])
test('a hostile payload is not tried again', transcript, 1e6, [
  [0, { kind: 'started', providers: a }, { kind: 'attempt' }],
  [1, { kind: 'refused', code: 'bad-payload', detail: 'too deep' }, { kind: 'failed', code: 'bad-payload', detail: 'too deep' }]
])
test('a cancelled retrieval ends during a wait', transcript, 1e6, [
  [0, { kind: 'started', providers: [] }, { kind: 'wait' }],
  [1, { kind: 'cancelled' }, { kind: 'failed', code: 'retrieve-cancelled' }]
])

test('an event out of order is a mistake of the caller', (t) => {
  const plan = new FetchPlan(steady, 1000)
  t.throws(() => plan.step({ kind: 'attempt-succeeded' }, 0), { message: /attempt-succeeded while new/ })
  plan.step({ kind: 'started', providers: a }, 0)
  t.throws(() => plan.step({ kind: 'started', providers: a }, 0), { message: /started while attempting/ })
})

interface Turn {
  readonly outcome: 'succeeded' | 'failed' | 'refused' | 'cancelled'
  readonly blocks: number
  readonly share: number
  readonly providers: readonly string[]
}

const turnArbitrary: fc.Arbitrary<Turn> = fc.record({
  outcome: fc.constantFrom('failed', 'failed', 'failed', 'failed', 'succeeded', 'refused', 'cancelled'),
  blocks: fc.nat(3),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  providers: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 5 })
})

/** Plays the caller: whatever happens within an attempt, time never runs beyond what the plan allowed. */
const play = (plan: FetchPlan, turns: readonly Turn[], deadlineAt: number) => {
  let now = 0
  let attempts = 0
  let effect = plan.step({ kind: 'started', providers: peers(...(turns[0]?.providers ?? [])) }, now)
  for (let index = 0; effect.kind !== 'done' && effect.kind !== 'failed'; index += 1) {
    if (index > 100_000) throw new Error('it does not end')
    const turn = turns[index % turns.length]
    if (turn === undefined) throw new Error('no turn')
    const providers = peers(...turn.providers)
    if (effect.kind === 'wait') {
      if (effect.delayMs > backoffMsMax * 1.25) throw new Error('too long a wait')
      now += effect.delayMs
      effect = plan.step({ kind: 'waited', providers }, now)
      continue
    }
    if (effect.kind !== 'attempt') throw new Error(`${effect.kind} out of place`)
    attempts += 1
    if (effect.providers.length === 0 || effect.providers.length > providersPerAttemptMax) throw new Error('nobody or too many to ask')
    let timeoutMs: number = effect.timeoutMs
    for (let block = 0; block < turn.blocks; block += 1) {
      now += timeoutMs * turn.share
      const more = plan.step({ kind: 'progressed' }, now)
      if (more.kind !== 'continue') throw new Error('progress starts something')
      timeoutMs = more.timeoutMs
    }
    now += timeoutMs
    if (now > deadlineAt) throw new Error('beyond the deadline')
    effect = plan.step(outcomeOf(turn.outcome, providers), now)
  }
  return { now, attempts }
}

const outcomeOf = (outcome: Turn['outcome'], providers: readonly KeyId[]): FetchEvent => {
  if (outcome === 'succeeded') return { kind: 'attempt-succeeded' }
  if (outcome === 'refused') return { kind: 'refused', code: 'bad-payload', detail: '' }
  return outcome === 'cancelled' ? { kind: 'cancelled' } : failed(providers)
}

test('whatever happens, a plan is done or has failed by its deadline, one attempt at a time', (t) => {
  fc.assert(
    fc.property(fc.array(turnArbitrary, { minLength: 1, maxLength: 20 }), fc.integer({ min: 0, max: 600_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (turns, deadlineAt, fraction) => {
      const { now } = play(new FetchPlan({ ...steady, fraction: () => fraction }, deadlineAt), turns, deadlineAt)
      return now <= deadlineAt
    }),
    { numRuns: 300 }
  )
  t.pass()
})
