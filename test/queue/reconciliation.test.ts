import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { encodeCbor, sha256 } from '../../src/base/codec.ts'
import { compareText, toBase32, utf8 } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { answerRanges, areSpansOrdered, planFetch, Reconciliation, type RangesAnswer } from '../../src/queue/reconciliation.ts'
import { cutMarks, printOf, spanOf, splitPart } from '../../src/queue/fingerprint.ts'
import { encodableAnswer } from '../../src/queue/sync-message.ts'
import { lastName, type HeadMark, type LogHead } from '../../src/queue/head-index.ts'
import { termOf } from '../../src/queue/head-term.ts'
import type { Incarnation, KeyId, RecordId } from '../../src/base/brand.ts'
import type { LogState } from '../../src/queue/log-plan.ts'

const textOf = (what: string): string => toBase32(sha256(utf8(what)))

const marked = new Map<string, HeadMark>()

const markOf = (author: number, sequence: number): HeadMark => {
  const known = marked.get(`${author} ${sequence}`) ?? makeMark(author, sequence)
  marked.set(`${author} ${sequence}`, known)
  return known
}

const makeMark = (author: number, sequence: number): HeadMark => {
  const name = { author: textOf(`author ${author}`) as KeyId, incarnation: textOf(`life ${author}`).slice(0, 25).concat('a') as Incarnation }
  const head = { sequence, id: textOf(`${author} ${sequence}`) as RecordId }
  return { ...name, ...head, isFrozen: false, name: `${name.author}/${name.incarnation}`, term: termOf({ ...name, head, frozenAt: null }) }
}

/** Heads by author's number. */
const marksOf = (sequences: ReadonlyMap<number, number>): HeadMark[] =>
  [...sequences].map(([author, sequence]) => markOf(author, sequence)).sort((left, right) => compareText(left.name, right.name))

interface Comparison {
  readonly heads: Map<string, LogHead>
  readonly rounds: number
  readonly bytes: number
}

/** All rounds of ranges between two sorted lists of heads, with the bytes that they take. */
const compare = async (own: readonly HeadMark[], theirs: readonly HeadMark[], roundsMax = 100): Promise<Comparison> => {
  const machine = new Reconciliation(own)
  const heads = new Map<string, LogHead>()
  let [rounds, bytes] = [0, 0]
  for (let question = machine.question(); question !== undefined; question = machine.question()) {
    if (question.kind !== 'ranges' || !areSpansOrdered(question.spans)) throw new Error('a question that cannot be')
    if ((rounds += 1) > roundsMax) throw new Error('it does not end')
    const answer = await answerRanges(question.spans, async (from, to) => cutMarks(theirs, from, to))
    bytes += encodeCbor(question).length + encodeCbor(encodableAnswer({ kind: 'ranges', ...(answer as { parts: never[]; covered: number }) })).length
    const taken = machine.takeRanges(answer)
    if (!taken.ok) throw new Error(taken.detail)
    for (const head of taken.value) heads.set(head.author, head)
  }
  return { heads, rounds, bytes }
}

test('every log that differs is told, whatever differs', async (t) => {
  const sequences = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 3 })), { maxLength: 80 }).map((list) => new Map(list))
  await fc.assert(
    fc.asyncProperty(sequences, sequences, async (left, right) => {
      const { heads } = await compare(marksOf(left), marksOf(right))
      for (const [author, sequence] of right) {
        const told = heads.get(textOf(`author ${author}`))
        if (left.get(author) !== sequence && told?.sequence !== sequence) throw new Error(`author ${author} is not told`)
      }
    }),
    { numRuns: 300 }
  )
  t.pass()
})

const ofFleet = test.macro({
  async exec(t, differing: number) {
    const all = new Map(Array.from({ length: 10_000 }, (_, author) => [author, 5]))
    const ahead = new Map(all)
    for (let index = 0; index < differing; index += 1) ahead.set(Math.floor((index * 10_000) / differing), 6)
    const { heads, rounds, bytes } = await compare(marksOf(all), marksOf(ahead))
    t.true([...ahead].every(([author, sequence]) => sequence === 5 || heads.get(textOf(`author ${author}`))?.sequence === 6))
    t.true(rounds <= 3, `${rounds} round trips`)
    // What is then asked for takes 90 bytes for each log.
    t.true(bytes + differing * 90 <= 4096 - 1024 + differing * 700, `${bytes} bytes`)
  },
  title: (_, differing) => `of 10,000 authors, ${differing} that differ are found in 3 round trips at most, within the bytes that are promised`
})
for (const differing of [1, 3, 10, 30, 100, 1000, 10_000]) test(ofFleet, differing)

test('one that holds nothing is told all heads, page by page', async (t) => {
  const theirs = marksOf(new Map(Array.from({ length: 20_000 }, (_, author) => [author, 2])))
  const { heads, rounds } = await compare([], theirs)
  t.is(heads.size, 20_000)
  t.is(rounds, 2)
})

test('one that is ahead in all learns nothing and is soon done', async (t) => {
  const own = marksOf(new Map(Array.from({ length: 10_000 }, (_, author) => [author, 2])))
  const { heads, rounds } = await compare(own, [])
  t.deepEqual([heads.size, rounds], [0, 1])
})

test('parts of a split are of equal size, without gap or overlap', (t) => {
  const marks = marksOf(new Map(Array.from({ length: 100 }, (_, author) => [author, 1])))
  const parts = splitPart({ from: '', to: lastName, marks }, 7)
  t.deepEqual(parts.flatMap((part) => part.marks), marks)
  t.deepEqual(parts.map((part) => cutMarks(marks, part.from, part.to).length), [15, 15, 15, 15, 15, 15, 10])
  t.true(areSpansOrdered([spanOf(parts)]))
})

test('a fingerprint tells heads apart, and how many there are', (t) => {
  const [one, two] = [markOf(1, 1), markOf(2, 1)]
  const prints = [[], [one], [two], [one, two], [markOf(1, 2)], [{ ...one, term: new Uint8Array(32) }]].map((marks) => toBase32(printOf(marks)))
  t.is(new Set(prints).size, prints.length)
})

const fetched = test.macro({
  exec(t, own: readonly [sequence: number, id: string, frozen: boolean] | undefined, their: readonly [sequence: number, id: string, frozen: boolean], held: string | undefined, expected: number | null) {
    const name = { author: 'a' as KeyId, incarnation: 'i' as Incarnation }
    const state: LogState | undefined = own === undefined ? undefined : { ...name, kind: 'node', executor: null, head: { sequence: own[0], id: own[1] as RecordId }, frozenAt: own[2] ? own[0] + 1 : null, base: 1 }
    const head = { ...name, sequence: their[0], id: their[1] as RecordId, isFrozen: their[2] }
    t.is(planFetch(state as LogState | undefined, head, held as RecordId | undefined), expected)
  },
  title: (what = '') => `what is fetched of a log: ${what}`
})
test('one that is not known, from its beginning', fetched, undefined, [3, 'c', false], undefined, 0)
test('a longer one, from the own head', fetched, [2, 'b', false], [3, 'c', false], undefined, 2)
test('the same, nothing', fetched, [2, 'b', false], [2, 'b', false], undefined, null)
test('a shorter one, nothing', fetched, [3, 'c', false], [2, 'b', false], 'b', null)
test('a shorter one of which nothing is held any more, nothing', fetched, [3, 'c', false], [2, 'b', false], undefined, null)
test('a shorter one of another branch, all', fetched, [3, 'c', false], [2, 'x', false], 'b', 0)
test('one of the same length of another branch, all', fetched, [3, 'c', false], [3, 'x', false], undefined, 0)
test('one that is frozen there at the own head, the evidence', fetched, [3, 'c', false], [3, 'c', true], undefined, 3)
test('one that is frozen there below the own head, the evidence', fetched, [3, 'c', false], [2, 'b', true], 'b', 2)
test('one that is frozen there on another branch, all', fetched, [3, 'c', false], [2, 'x', true], 'b', 0)
test('one that is frozen here and there at one number, nothing', fetched, [3, 'c', true], [3, 'c', true], undefined, null)
test('one that is frozen here only, nothing', fetched, [3, 'c', true], [3, 'c', false], undefined, null)
test('one that is frozen here below their head, nothing', fetched, [3, 'c', true], [9, 'x', false], undefined, null)
test('one that is frozen here above theirs, the evidence', fetched, [3, 'c', true], [2, 'b', true], 'b', 2)

const refused = test.macro({
  exec(t, bend: (machine: Reconciliation) => RangesAnswer) {
    const machine = new Reconciliation(marksOf(new Map(Array.from({ length: 200 }, (_, author) => [author, 1]))))
    machine.question()
    const taken = machine.takeRanges(bend(machine))
    t.is(taken.ok ? 'ok' : taken.code, 'malformed')
  },
  title: (what = '') => `an answer is refused that ${what}`
})
const split = (part: number, bounds: string[]): RangesAnswer => ({ parts: [{ kind: 'split', part, bounds, prints: new Uint8Array((bounds.length - 1) * 12) }], covered: 1 })
test('covers nothing', refused, () => ({ parts: [], covered: 0 }))
test('covers more than was asked', refused, () => ({ parts: [], covered: 65 }))
test('names a part that was not asked', refused, () => split(64, ['', 'a']))
test('names a part that it does not cover', refused, () => split(1, ['', 'a']))
test('goes beyond its part', refused, () => split(0, ['', lastName]))
test('has bounds that do not ascend', refused, () => split(0, ['', 'a', 'a']))
test('has too few fingerprints', refused, () => ({ parts: [{ kind: 'split', part: 0, bounds: ['', 'a'], prints: new Uint8Array(1) }], covered: 1 }))
test('tells heads of another part', refused, () => ({ parts: [{ kind: 'heads', part: 0, heads: [{ author: 'zzzz' as KeyId, incarnation: 'i' as Incarnation, sequence: 1, id: null, isFrozen: false }], rest: null }], covered: 1 }))
test('leaves a rest outside of its part', refused, () => ({ parts: [{ kind: 'heads', part: 0, heads: [], rest: lastName }], covered: 1 }))
test('leaves all of its part as a rest', refused, () => ({ parts: [{ kind: 'heads', part: 0, heads: [], rest: '' }], covered: 1 }))

test('a peer whose fingerprints never match is left alone after a bounded number of answers', (t) => {
  const machine = new Reconciliation(marksOf(new Map(Array.from({ length: 200 }, (_, author) => [author, 1]))))
  let rounds = 0
  for (let question = machine.question(); question?.kind === 'ranges'; question = machine.question()) {
    rounds += 1
    const parts = question.spans.flatMap(({ bounds }) => bounds.slice(0, -1).map((from, index) => ({ from, to: bounds[index + 1] ?? '' })))
    const answers = parts.map(({ from, to }, part) => ({ kind: 'split' as const, part, bounds: [from, `${from}2`, to].filter((bound, index) => index === 0 || (bound > from && (index === 2 || bound < to))), prints: new Uint8Array(24) }))
    const taken = machine.takeRanges({ parts: answers.map((answer) => ({ ...answer, prints: answer.prints.slice(0, (answer.bounds.length - 1) * 12) })), covered: parts.length })
    if (!taken.ok) break
  }
  t.true(rounds <= limits.sync.barrenAnswersMax + 2, `${rounds} rounds`)
})

test('a peer that tells of logs and never gives an entry is left alone', (t) => {
  const machine = new Reconciliation([])
  machine.question()
  machine.want(Array.from({ length: 10_000 }, (_, index) => ({ author: `a${index}` as KeyId, incarnation: 'i' as Incarnation, after: 0 })))
  machine.takeRanges({ parts: [], covered: 1 })
  let rounds = 0
  while (machine.question() !== undefined) {
    rounds += 1
    t.true(machine.takeLogs({ served: 1, after: 0 }).ok)
  }
  t.true(rounds <= limits.sync.barrenAnswersMax + 2, `${rounds} rounds`)
})

test('an answer by log that brings no log further is refused', (t) => {
  const machine = new Reconciliation([])
  machine.want([{ author: 'a' as KeyId, incarnation: 'i' as Incarnation, after: 4 }])
  machine.question()
  machine.takeRanges({ parts: [], covered: 1 })
  t.is(machine.question()?.kind, 'logs')
  for (const answer of [{ served: 0, after: 4 }, { served: 0, after: 3 }, { served: 2, after: 0 }]) t.false(machine.takeLogs(answer).ok)
  t.true(machine.takeLogs({ served: 0, after: 5 }).ok)
  t.deepEqual(machine.question(), { kind: 'logs', wanted: [{ author: 'a' as KeyId, incarnation: 'i' as Incarnation, after: 5 }] })
})

test('a log that proves to be forked below where it was asked from is asked for as a whole, once', (t) => {
  const machine = new Reconciliation([])
  const log = { author: 'a' as KeyId, incarnation: 'i' as Incarnation }
  machine.want([{ ...log, after: 4 }])
  machine.question()
  machine.takeRanges({ parts: [], covered: 1 })
  for (const expected of [4, 0]) {
    t.deepEqual(machine.question(), { kind: 'logs', wanted: [{ ...log, after: expected }] })
    const served = machine.takeLogs({ served: 1, after: 0 })
    if (served.ok) machine.noteMerged(served.value, { accepted: 1, logs: [{ ...log, sequence: 3, frozenAt: 4 }] })
  }
  t.is(machine.question(), undefined)
})
