import test from 'ava'
import { fc } from '../../fixtures/properties.ts'
import { limits } from '../../../src/base/limits.ts'
import { Conduct, isGarbage, type Account, type CutOff, type Rank } from '../../../src/node/network/conduct.ts'
import { keyFor } from '../../fixtures/mesh.ts'

const { conduct: bounds } = limits
const minute = 60_000
const hour = 60 * minute
const accountFor = (name: string, rank: Rank = 'node'): Account => ({ id: keyFor(name).key, rank, name })
const web = accountFor('web-1')
const garbage = { code: 'malformed', detail: 'not canonical' }

/** One misdeed after the other, until the end of patience. */
const offend = (conduct: Conduct, now: number, account = web, fault = garbage): CutOff | null => {
  for (let count = 0; count < 1000; count += 1) {
    const cutOff = conduct.blame(account, fault, now)
    if (cutOff !== null) return cutOff
  }
  return null
}

const untilCutOff = (act: () => CutOff | null): number => {
  for (let count = 1; count <= 100_000; count += 1) if (act() !== null) return count
  return Number.POSITIVE_INFINITY
}

const endures = test.macro({
  title: (_, code: string, times: number) => `${code} is endured ${times === Number.POSITIVE_INFINITY ? 'for ever' : `${times} times in a second`}`,
  exec: (t, code: string, times: number) => {
    const conduct = new Conduct()
    t.is(untilCutOff(() => conduct.blame(web, { code, detail: '' }, 0)) - 1, times)
  }
})
test(endures, 'malformed', 9)
test(endures, 'oversized', 9)
test(endures, 'bad-signature', 9)
test(endures, 'wrong-mesh', 9)
test(endures, 'bad-link', 9)
test(endures, 'bad-answer', 9)
test(endures, 'request-timeout', 19)
test(endures, 'not-permitted', 99)
test(endures, 'too-many-requests', 99)
test(endures, 'not-authorised', Number.POSITIVE_INFINITY)
test(endures, 'internal-error', Number.POSITIVE_INFINITY)

test('an episode is told once, with the reason, and ends by itself', (t) => {
  const conduct = new Conduct()
  t.deepEqual(offend(conduct, 0), { account: web, reason: 'malformed (not canonical)', forMs: bounds.cutOffMsMin })
  t.is(offend(conduct, 1), null)
  t.deepEqual(conduct.admit(web.id, 500), { ok: false, code: 'cut-off', detail: 'cut off for another 60 s: malformed (not canonical)' })
  t.false(conduct.admit(web.id, bounds.cutOffMsMin - 1).ok)
  t.true(conduct.admit(web.id, bounds.cutOffMsMin).ok)
  t.true(conduct.admit(accountFor('web-2').id, 0).ok)
})

test('each episode is twice as long, up to an hour, and good conduct is remembered too', (t) => {
  const conduct = new Conduct()
  let now = 0
  const spans: number[] = []
  for (let episode = 0; episode < 8; episode += 1) {
    const forMs = offend(conduct, now)?.forMs ?? 0
    spans.push(forMs)
    now += forMs
  }
  t.deepEqual(spans, [1, 2, 4, 8, 16, 32, 60, 60].map((minutes) => minutes * minute))
  t.is(offend(conduct, now + 4 * bounds.episodeForgivenMs)?.forMs, 16 * minute)
  t.is(offend(new Conduct(), now)?.forMs, minute)
})

test('one wrong message with each pull is never punished', (t) => {
  const conduct = new Conduct()
  for (let now = 0; now < 24 * hour; now += limits.pull.intervalMs) t.is(conduct.blame(web, garbage, now), null)
})

test('a clock that is set back makes no cut-off longer than it is', (t) => {
  const conduct = new Conduct()
  offend(conduct, hour)
  t.false(conduct.admit(web.id, 0).ok)
  t.true(conduct.admit(web.id, bounds.cutOffMsMin).ok)
})

const asks = test.macro({
  title: (_, rank: Rank) => `${rank}: asks as much at once as its kind needs, and is cut off far beyond`,
  exec: (t, rank: Rank) => {
    const conduct = new Conduct()
    const account = accountFor('asker', rank)
    const { questionsOpenMax } = bounds.ranks[rank]
    for (let count = 0; count < questionsOpenMax; count += 1) t.true(conduct.beginQuestion(account, 0).isAllowed)
    t.deepEqual(conduct.beginQuestion(account, 0), { isAllowed: false, cutOff: null })
    conduct.endQuestion(account, 0)
    t.true(conduct.beginQuestion(account, 0).isAllowed)
    t.is(untilCutOff(() => conduct.beginQuestion(account, 0).cutOff), bounds.pointsMax - 1)
  }
})
for (const rank of ['node', 'endpoint', 'admin', 'guest'] as const) test(asks, rank)

test('whoever asks one question at a time is slowed to its rate, and not punished', (t) => {
  const conduct = new Conduct()
  let now = 0
  let answered = 0
  while (now < minute) {
    t.true(conduct.beginQuestion(web, now).isAllowed)
    now += conduct.pace(web, '/writ/pull/1', 100, now)
    conduct.endQuestion(web, now)
    answered += 1
  }
  const expected = bounds.questionsPerProtocol.burst + 60 * bounds.questionsPerProtocol.perSecond
  t.true(answered > 0.99 * expected && answered < 1.01 * expected, `${answered} answers in a minute`)
})

test('a flood on one protocol leaves the others their allowance', (t) => {
  const conduct = new Conduct()
  for (let count = 0; count < bounds.questionsPerProtocol.burst; count += 1) conduct.pace(web, '/writ/pull/1', 0, 0)
  t.true(conduct.pace(web, '/writ/pull/1', 0, 0) > 0)
  t.is(conduct.pace(web, '/writ/output/1', 0, 0), 0)
})

test('10,000 agents that come back at once are all welcome, and all are answered at once', (t) => {
  const conduct = new Conduct()
  for (let index = 0; index < 10_000; index += 1) {
    const agent: Account = { ...web, id: `agent-${index}` as Account['id'] }
    t.true(conduct.connect(agent, 0).isAllowed)
    for (let pull = 0; pull < 4; pull += 1) t.is(conduct.pace(agent, '/writ/pull/1', 10_000, 0), 0)
  }
})

test('an endpoint that catches up on 1,000,000 entries is not slowed below 20,000 a second', (t) => {
  const conduct = new Conduct()
  const other = accountFor('endpoint-2', 'endpoint')
  let waitedMs = 0
  // 1 MiB of entries at 0.6 KiB each with every answer, merged at 20,000 a second.
  const perAnswer = Math.floor(limits.sync.entriesBytesMax / 620)
  for (let read = 0, now = 0; read < 1_000_000; read += perAnswer, now += (perAnswer / 20_000) * 1000) waitedMs += conduct.pace(other, '/writ/sync/1', 200, now)
  t.is(waitedMs, 0)
})

test('an admin gives 20 commands at once, and one after the other, unhindered', (t) => {
  const conduct = new Conduct()
  const admin = accountFor('admin', 'admin')
  for (let command = 0; command < 20; command += 1) {
    t.true(conduct.connect(admin, 0).isAllowed)
    for (let question = 0; question < 6; question += 1) {
      t.true(conduct.beginQuestion(admin, 0).isAllowed)
      t.is(conduct.pace(admin, '/writ/submit/1', 2000, 0), 0)
    }
  }
})

test('an agent hands over a backlog, slowed at most to some MiB a second', (t) => {
  const conduct = new Conduct()
  let now = 0
  for (let count = 0; count < 200; count += 1) now += conduct.pace(web, '/writ/pull/1', limits.pull.entriesBytesMax, now)
  const bytesPerSecond = (200 * limits.pull.entriesBytesMax) / (now / 1000)
  t.true(bytesPerSecond > 3 * 1024 * 1024, `${bytesPerSecond} bytes a second`)
})

test('whoever connects again and again is cut off, and one that flaps is not', (t) => {
  const conduct = new Conduct()
  for (let now = 0; now < 10 * minute; now += 1000) t.deepEqual(conduct.connect(web, now), { isAllowed: true, cutOff: null })
  const churner = accountFor('churner')
  t.is(untilCutOff(() => conduct.connect(churner, 0).cutOff), bounds.ranks.node.connections.burst + bounds.pointsMax / bounds.stallPoints)
})

test('a payload at the speed of a disk opens as many streams as it needs; whoever opens more is cut off', (t) => {
  const conduct = new Conduct()
  for (let now = 0; now < minute; now += 1) t.true(conduct.openStream(web, now).isAllowed)
  t.is(untilCutOff(() => conduct.openStream(accountFor('opener'), 0).cutOff), bounds.streams.burst + bounds.pointsMax)
})

test('what is kept in memory is bounded for each peer and in all, and given back', (t) => {
  const conduct = new Conduct()
  const half = bounds.heldBytesMax / 2
  t.deepEqual([half, half, 1].map((sizeBytes) => conduct.hold(web, sizeBytes, 0)), [true, true, false])
  conduct.release(web, half, 0)
  t.true(conduct.hold(web, 1, 0))
  const peers = Array.from({ length: 40 }, (_, index) => accountFor(`peer-${index}`))
  for (const peer of peers) conduct.hold(peer, bounds.heldBytesMax, 0)
  t.true(conduct.size.heldBytes <= bounds.heldBytesInAllMax && conduct.size.heldBytes > bounds.heldBytesInAllMax - bounds.heldBytesMax)
})

test('gossip of one peer is judged at its rate and so many at a time; more is ignored, not punished', (t) => {
  const conduct = new Conduct()
  const begun = Array.from({ length: 2000 }, () => conduct.beginJudging(web, 0)).filter(Boolean).length
  t.is(begun, bounds.judgingMax)
  for (let count = 0; count < begun; count += 1) conduct.endJudging(web, 0)
  let judged = begun
  for (let count = 0; count < 5000; count += 1) {
    if (!conduct.beginJudging(web, 0)) continue
    judged += 1
    conduct.endJudging(web, 0)
  }
  t.is(judged, bounds.ranks.node.gossip.burst)
  t.true(conduct.admit(web.id, 0).ok)
  t.true(conduct.beginJudging(accountFor('web-2'), 0))
})

test('only so many accounts are remembered: those that are here stay, and those that are cut off stay longest', (t) => {
  const conduct = new Conduct({ accountsMax: 10 })
  offend(conduct, 0)
  conduct.connect(accountFor('here'), 0)
  conduct.hold(accountFor('here'), 5, 0)
  for (let index = 0; index < 100; index += 1) conduct.pace(accountFor(`passer-by-${index}`), 'x', 0, 0)
  t.deepEqual(conduct.size, { accounts: 10, heldBytes: 5 })
  t.false(conduct.admit(web.id, 0).ok)
})

test('whatever a peer does, it is cut off at most once within a span, and always let in again', (t) => {
  const act = fc.record({ pauseMs: fc.integer({ min: 0, max: 20_000 }), code: fc.constantFrom('malformed', 'request-timeout', 'not-permitted', 'expired') })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 300 }), (acts) => {
      const conduct = new Conduct()
      let now = 0
      let until = 0
      for (const { pauseMs, code } of acts) {
        now += pauseMs
        const cutOff = conduct.blame(web, { code, detail: '' }, now)
        if (cutOff !== null && now < until) return false
        if (cutOff !== null) until = now + cutOff.forMs
        if (conduct.admit(web.id, now).ok !== now >= until) return false
      }
      return conduct.admit(web.id, now + bounds.cutOffMsMax).ok
    })
  )
  t.pass()
})

test('a refusal that honest peers meet is no garbage', (t) => {
  t.deepEqual(['expired', 'forked-log', 'unknown-author', 'not-admitted', 'payload-unavailable', 'busy', 'cut-off'].filter(isGarbage), [])
})
