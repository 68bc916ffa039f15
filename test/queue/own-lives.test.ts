import test from 'ava'
import { beginLife, isCheckpointDue, isStranded, lastOf, planTrim, planWanted, claimOf, type KnownLife, type Life, type Wanted } from '../../src/queue/own-lives.ts'
import { limits } from '../../src/base/limits.ts'
import { drawIncarnation } from '../../src/base/random.ts'
import { randomOf } from './world.ts'

const [one, two] = [drawIncarnation(randomOf('one')), drawIncarnation(randomOf('two'))]

const life = (sequence: number, change: Partial<Life> = {}): Life => ({ ...beginLife(one), head: { sequence, id: null }, ...change })
const known = (incarnation: typeof one, sequence: number, frozenAt: number | null = null): KnownLife => ({ incarnation, sequence, id: null, frozenAt })

const wants = test.macro({
  exec: (t, lives: readonly Life[], claims: readonly KnownLife[], examined: readonly KnownLife[], expected: Wanted | null, others: readonly KnownLife[] = []) =>
    t.deepEqual(planWanted(lives, claims, new Set(examined.map(claimOf)), new Set(others)), expected),
  title: (name = '') => `what is wanted of an endpoint that knows ${name}`
})

const run = (incarnation: typeof one, from: number, upTo: number): Wanted => ({ incarnation, from, mode: { kind: 'run', upTo } })
const branch = (incarnation: typeof one, from: number): Wanted => ({ incarnation, from, mode: { kind: 'branch', frozenAt: from } })
test('nothing', wants, [life(5)], [], [], null)
test('less', wants, [life(5)], [known(one, 3)], [], null)
test('as much', wants, [life(5)], [known(one, 5)], [], null)
test('more: the rest', wants, [life(5)], [known(one, 9)], [], run(one, 6, 9))
test('a life that is not here: all of it', wants, [life(5)], [known(one, 5), known(two, 2)], [], run(two, 1, 2))
test('a life without an entry', wants, [life(5)], [known(two, 0)], [], null)
test('a fork: what lies above', wants, [life(5)], [known(one, 2, 3)], [], branch(one, 3))
test('a fork above what is here: first the rest', wants, [life(5)], [known(one, 7, 8)], [], run(one, 6, 7))
test('a fork at the beginning of a life that is not here', wants, [life(5)], [known(two, 0, 1)], [], branch(two, 1))
test('a fork that is known: what lies above, once', wants, [life(5, { closedAt: 3 })], [known(one, 2, 3)], [], branch(one, 3))
test('a fork that was looked into', wants, [life(5, { closedAt: 3 })], [known(one, 2, 3)], [known(one, 2, 3)], null)
test('a fork that was looked into, and is lower now', wants, [life(5, { closedAt: 3 })], [known(one, 1, 2)], [known(one, 2, 3)], branch(one, 2))
test('more of a life that was closed here, as after a thaw', wants, [life(5, { closedAt: 3 })], [known(one, 9)], [], null)
const other = known(one, 5)
const lower = known(one, 3)
test('another entry than the last one here: all, to find where the two part', wants, [life(5)], [other], [], { incarnation: one, from: 1, mode: { kind: 'branch', frozenAt: 5 } }, [other])
test('another entry below the last one here', wants, [life(5, { first: 2 })], [lower], [], { incarnation: one, from: 2, mode: { kind: 'branch', frozenAt: 3 } }, [lower])
test('another entry of a life that was closed for it', wants, [life(5, { closedAt: 3 })], [other], [], null, [other])
test('what came to nothing before', wants, [life(5)], [known(one, 9), known(two, 1)], [known(one, 9)], run(two, 1, 1))

test('what lies above a fork is not handed to anybody', (t) => {
  t.is(lastOf(life(5)), 5)
  t.is(lastOf(life(5, { closedAt: 3 })), 2)
  t.is(lastOf(life(5, { closedAt: 9 })), 5)
})

const trims = test.macro({
  exec: (t, acknowledged: readonly number[], wanted: number, expected: number | undefined) => t.is(planTrim(life(300, { first: 10, checkpoints: [100, 200, 300] }), acknowledged, wanted), expected),
  title: (name = '') => `a log is trimmed ${name}`
})
test('below the checkpoint that two hold', trims, [250, 120, 300], 2, 200)
test('not by the word of one where there are two', trims, [300, 99], 2, undefined)
test('by the word of one where there is one', trims, [300], 1, 300)
test('not where nobody said anything', trims, [], 1, undefined)
test('not in a mesh without endpoints', trims, [300, 300], 0, undefined)

test('a checkpoint is due every so many entries', (t) => {
  const { checkpointEntries } = limits.ownLog
  t.false(isCheckpointDue(life(checkpointEntries - 1), checkpointEntries))
  t.true(isCheckpointDue(life(checkpointEntries), checkpointEntries))
  t.false(isCheckpointDue(life(2 * checkpointEntries - 1, { checkpoints: [checkpointEntries] }), checkpointEntries))
  t.true(isCheckpointDue(life(2 * checkpointEntries, { checkpoints: [checkpointEntries] }), checkpointEntries))
  t.false(isCheckpointDue(life(2 * checkpointEntries, { first: checkpointEntries + 2 }), checkpointEntries))
})

const strands = test.macro({
  exec: (t, subject: Life, acknowledged: readonly number[], expected: boolean) => t.is(isStranded(subject, acknowledged), expected),
  title: (name = '', _subject, _acknowledged, expected) => `a log ${name} is ${expected ? '' : 'not '}stranded`
})
test('that is kept from its beginning', strands, life(5), [0, 0], false)
test('whose endpoints all lack what is dropped', strands, life(300, { first: 100 }), [0, 5, 98], true)
test('that one endpoint can still take', strands, life(300, { first: 100 }), [0, 99], false)
test('of which nobody said anything', strands, life(300, { first: 100 }), [], false)
test('that is over', strands, life(300, { first: 100, closedAt: 100 }), [0], false)
