import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { Reconciliation } from '../../src/queue/reconciliation.ts'
import { freshSyncState, SyncMachine, type Brought } from '../../src/queue/sync-machine.ts'

type Facts = Parameters<SyncMachine['takeCursor']>[0]
const answerOf = (fields: Partial<Facts>): Facts => ({ storeId: 's', isLost: false, next: 5, presenceNext: 0, more: false, digest: new Uint8Array(32), ...fields })
const differing = new Uint8Array(32).fill(1)
const nothing: Brought = { news: 0, isForged: false }
const news: Brought = { news: 1, isForged: false }
const forged: Brought = { news: 0, isForged: true }

/** In which of so many rounds heads are compared, when no comparison brings anything. */
const comparisonsIn = (rounds: number, answer: (round: number) => Facts, brought = nothing): number[] => {
  const machine = new SyncMachine(freshSyncState)
  const compared: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    if (!machine.takeCursor(answer(round), brought, differing).isDue) continue
    compared.push(round)
    machine.begin(new Reconciliation([]), answer(round))
    machine.continue(nothing, true)
  }
  return compared
}

test('while an answer says that there is more, the machine asks again, unless nothing moves', (t) => {
  const machine = new SyncMachine(freshSyncState)
  t.true(machine.takeCursor(answerOf({ more: true }), news, differing).again)
  t.false(machine.takeCursor(answerOf({ more: true }), nothing, differing).again)
})

test('a peer that always has more and never brings anything is not asked again at once', (t) => {
  const machine = new SyncMachine(freshSyncState)
  let rounds = 1
  while (machine.takeCursor(answerOf({ more: true, next: rounds }), nothing, differing).again) rounds += 1
  t.is(rounds, limits.sync.barrenAnswersMax + 1)
})

test('heads are compared ever more rarely when that does not make digests equal', (t) => {
  t.deepEqual(comparisonsIn(25, () => answerOf({})), [3, 9, 21])
})

test('endpoints that cannot agree compare their heads once in so many rounds, and never give up', (t) => {
  const compared = comparisonsIn(6 * limits.sync.idleRoundsMax, () => answerOf({}))
  const gaps = compared.map((round, index) => round - (compared[index - 1] ?? 0))
  t.deepEqual(gaps.slice(-3), [limits.sync.idleRoundsMax, limits.sync.idleRoundsMax, limits.sync.idleRoundsMax])
})

test('where there is news in every round, heads are compared more rarely', (t) => {
  const { busyRoundsMin } = limits.sync
  t.deepEqual(comparisonsIn(100, (round) => answerOf({ digest: new Uint8Array(32).fill(round + 1) }), news), [busyRoundsMin, 3 * busyRoundsMin])
})

test('presences in every round do not put off a comparison', (t) => {
  t.deepEqual(comparisonsIn(25, () => answerOf({}), news), [3, 9, 21])
})

test('what has changed since a comparison that brought nothing is compared as soon as it is at rest', (t) => {
  t.deepEqual(comparisonsIn(16, (round) => answerOf({ digest: new Uint8Array(32).fill(round > 10 ? 3 : 2) })), [3, 9, 13])
})

test('a lost cursor is answered by a comparison at once, and ever more rarely when that brings nothing', (t) => {
  t.deepEqual(comparisonsIn(25, (round) => answerOf({ isLost: true, storeId: `s${round}` })), [1, 7, 19])
})

test('while digests are equal, heads are never compared', (t) => {
  const machine = new SyncMachine(freshSyncState)
  for (let round = 1; round <= 100; round += 1) t.false(machine.takeCursor(answerOf({}), nothing, new Uint8Array(32)).isDue)
})

test('after a lost cursor the machine goes on where the store was before the comparison', (t) => {
  const machine = new SyncMachine({ storeId: 'old', cursor: 7, presenceCursor: 3 })
  const answer = answerOf({ isLost: true, next: 40 })
  t.true(machine.takeCursor(answer, nothing, differing).isDue)
  t.deepEqual(machine.state, { storeId: 'old', cursor: 7, presenceCursor: 3 })
  const comparison = new Reconciliation([])
  machine.begin(comparison, answer)
  t.is(machine.plan()?.kind, 'ranges')
  comparison.takeRanges({ parts: [], covered: 1 })
  t.true(machine.continue(nothing, false).again)
  t.deepEqual(machine.plan(), { kind: 'cursor', state: { storeId: 's', cursor: 40, presenceCursor: 0 } })
})

test('a comparison that is given up leaves the cursor where it was', (t) => {
  const machine = new SyncMachine(freshSyncState)
  machine.takeCursor(answerOf({ isLost: true }), nothing, differing)
  machine.begin(new Reconciliation([]), answerOf({ isLost: true }))
  machine.giveUp()
  t.deepEqual(machine.plan(), { kind: 'cursor', state: freshSyncState })
  t.deepEqual(machine.continue(nothing, false), { again: false, isDue: false })
})

test('a peer that hands on forged entries is asked ever more rarely', (t) => {
  const machine = new SyncMachine(freshSyncState)
  const asked: number[] = []
  for (let round = 1; round <= 20; round += 1) {
    if (machine.plan() === undefined) continue
    asked.push(round)
    t.false(machine.takeCursor(answerOf({ more: true, next: round }), forged, differing).again)
  }
  t.deepEqual(asked, [1, 3, 6, 11, 20])
})

test('a peer that hands on nothing but forged entries is asked once in so many rounds, and never given up', (t) => {
  const machine = new SyncMachine(freshSyncState)
  const asked: number[] = []
  for (let round = 1; round <= 5 * limits.sync.idleRoundsMax; round += 1) {
    if (machine.plan() === undefined) continue
    asked.push(round)
    machine.takeCursor(answerOf({ next: round }), forged, differing)
  }
  const gaps = asked.map((round, index) => round - (asked[index - 1] ?? 0))
  t.deepEqual(gaps.slice(-2), [limits.sync.idleRoundsMax + 1, limits.sync.idleRoundsMax + 1])
})

test('an honest answer with news makes up for forged ones', (t) => {
  const machine = new SyncMachine(freshSyncState)
  machine.takeCursor(answerOf({}), forged, differing)
  machine.plan()
  machine.takeCursor(answerOf({}), news, differing)
  machine.takeCursor(answerOf({}), forged, differing)
  t.is(machine.plan(), undefined)
  t.is(machine.plan()?.kind, 'cursor')
})
