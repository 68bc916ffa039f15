import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { limits } from '../../src/base/limits.ts'
import { ask, bytesIn, catchUp, isEqualState, kindsOf, settle, sideOf, type Side } from './sync-sides.ts'
import { bytesOf, dump, foldedPrefixes, plenty, receipts, said, signerOf, World, type Author } from './world.ts'
import type { Incarnation, KeyId } from '../../src/base/brand.ts'
import type { SyncAnswer } from '../../src/queue/sync-message.ts'

/** Twelve agents with logs of one to eight entries. */
const fleet = () => {
  const world = new World()
  const orders = [world.order(), world.order(), world.order()]
  const logs = Array.from({ length: 12 }, (_, index) => world.agent(`n${index}`))
  for (const [index, log] of logs.entries()) {
    for (let count = 0; count < index % 8; count += 1) log.say(receipts(said(orders[count % 3]?.id ?? ('' as never), count < 3 ? 'received' : 'validated')))
  }
  return { world, logs }
}

/** How many entries of each log a side is told. */
const prefixes = (logs: readonly Author[]) => fc.tuple(...logs.map(({ entries }) => fc.nat(entries.length)))

const tell = async (side: Side, logs: readonly Author[], lengths: readonly number[]): Promise<void> =>
  void (await side.queue.merge(logs.flatMap((log, index) => bytesOf(...log.entries.slice(0, lengths[index]))), 'test'))

const mustBeAlike = async (left: Side, right: Side): Promise<void> => {
  const [one, other] = [await dump(left.store, foldedPrefixes), await dump(right.store, foldedPrefixes)]
  if (one.join('\n') !== other.join('\n')) throw new Error(`the stored states differ:\n${one.filter((line) => !other.includes(line)).join('\n')}\n--\n${other.filter((line) => !one.includes(line)).join('\n')}`)
}

test('two endpoints hold the same once each has asked the other, whatever each was told', async (t) => {
  const { world, logs } = fleet()
  const all = [world.admin, ...logs]
  await fc.assert(
    fc.asyncProperty(prefixes(all), prefixes(all), async (first, second) => {
      const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
      await tell(left, all, first)
      await tell(right, all, second)
      const rounds = await catchUp(world, left, right)
      const missing = all.flatMap((log, index) => log.entries.slice(first[index], Math.max(first[index] ?? 0, second[index] ?? 0)))
      const differing = new Set(all.filter((_, index) => first[index] !== second[index])).size
      if (rounds.length > 5) throw new Error(`${rounds.length} round trips: ${kindsOf(rounds)}`)
      const bound = missing.reduce((total, { bytes }) => total + bytes.length, 0) * 1.5 + 4096 + 700 * differing
      if (bytesIn(rounds) > bound) throw new Error(`${bytesIn(rounds)} bytes where ${bound} are allowed`)
      await catchUp(world, right, left)
      if (!isEqualState(left, right)) throw new Error('the digests differ')
      await mustBeAlike(left, right)
      const rest = await catchUp(world, left, right)
      if (bytesIn(rest) > 1024) throw new Error(`${bytesIn(rest)} bytes in equal state`)
    }),
    { numRuns: 40 }
  )
  t.pass()
})

/** Logs of which several branches exist, that part at 3, at 3 and 5, and at 2; of two of them an admin chose a branch. */
const forkedFleet = () => {
  const { world, logs } = fleet()
  const [a, b, c] = logs.slice(5, 8)
  if (a === undefined || b === undefined || c === undefined) throw new Error('no logs')
  const grow = (log: Author, count: number): Author => {
    for (let added = 0; added < count; added += 1) log.say({ kind: 'fault', fault: { kind: 'none', subject: String(added), detail: `${count}` } })
    return log
  }
  const branches = [grow(a.branch(2), 4), grow(b.branch(2), 1), grow(b.branch(4), 3), grow(c.branch(1), 9)]
  for (const [log, branch, sequence] of [[a, branches[0], 3], [c, c, 2]] as const) {
    const chosen = branch?.entries[sequence - 1]
    if (chosen !== undefined) world.thaw(log, sequence, chosen)
  }
  return { world, logs: [world.admin, ...logs, ...branches] }
}

test('forked logs freeze and thaw the same way on all endpoints, whichever branches each was told of', async (t) => {
  const { world, logs } = forkedFleet()
  await fc.assert(
    fc.asyncProperty(prefixes(logs), prefixes(logs), prefixes(logs), async (first, second, third) => {
      const [left, middle, right] = [await sideOf(world, 'left'), await sideOf(world, 'middle'), await sideOf(world, 'right')]
      await tell(left, logs, first)
      await tell(middle, logs, second)
      await tell(right, logs, third)
      for (let turn = 0; turn < 4; turn += 1) {
        await settle(world, left, middle)
        await settle(world, middle, right)
      }
      if (!isEqualState(left, right)) throw new Error('the digests differ')
      await mustBeAlike(left, middle)
      await mustBeAlike(middle, right)
    }),
    { numRuns: 40 }
  )
  t.pass()
})

test('a fork of which one side knows comes across with its evidence', async (t) => {
  const { world, logs } = forkedFleet()
  const [log, branch] = [logs[6], logs[13]]
  if (log === undefined || branch === undefined) throw new Error('no logs')
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await left.queue.merge(bytesOf(...log.entries), 'test')
  await right.queue.merge(bytesOf(...log.entries, ...branch.entries), 'test')
  t.deepEqual((await right.queue.headsOf(log.key)).map(({ frozenAt }) => frozenAt), [3])
  await catchUp(world, left, right)
  t.true(isEqualState(left, right))
  const evidence = await Promise.all([left, right].map(async ({ queue }) => (await queue.entriesOfLog(log.key, log.incarnation, 3, plenty)).map((bytes) => Buffer.from(bytes).toString('hex'))))
  for (const { bytes } of [log.entries[2], branch.entries[2]].flatMap((entry) => entry ?? [])) t.true(evidence.every((held) => held.includes(Buffer.from(bytes).toString('hex'))))
})

test('a log that was thawed in favour of a branch that one side lacks goes on there as well', async (t) => {
  const { world, logs } = fleet()
  const log = logs[6]
  if (log === undefined) throw new Error('no log')
  const [second, third] = [log.branch(3), log.branch(3)]
  for (const [branch, name] of [[second, 'second'], [third, 'third']] as const) {
    for (let count = 0; count < 3; count += 1) branch.say({ kind: 'fault', fault: { kind: name, subject: String(count), detail: '' } })
  }
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await left.queue.merge(bytesOf(...log.entries, ...second.entries), 'test')
  await right.queue.merge(bytesOf(...log.entries, ...third.entries), 'test')
  const [chosen] = third.entries.slice(3)
  if (chosen === undefined) throw new Error('no entry')
  world.thaw(log, 4, chosen)
  for (const { queue } of [left, right]) await queue.merge(bytesOf(...world.admin.entries, ...third.entries.slice(5)), 'test')
  await right.queue.merge(bytesOf(...third.entries), 'test')
  t.deepEqual((await right.queue.headsOf(log.key)).map(({ head }) => head.id), [third.entries[5]?.id])
  t.notDeepEqual((await left.queue.headsOf(log.key)).map(({ head }) => head.id), [third.entries[5]?.id])
  await settle(world, left, right)
  t.deepEqual((await left.queue.headsOf(log.key)).map(({ head, frozenAt }) => [head.id, frozenAt]), [[third.entries[5]?.id, null]])
})

const hostile: Record<string, (answer: SyncAnswer) => SyncAnswer> = {
  'always says that its store is another': (answer) => (answer.kind === 'cursor' ? { ...answer, isLost: true, digest: new Uint8Array(32) } : answer),
  'always has more': (answer) => (answer.kind === 'cursor' ? { ...answer, more: true, next: answer.next + 1_000_000, entries: [] } : answer),
  'gives no entries': (answer) => (answer.kind === 'ranges' ? answer : { ...answer, entries: [] }),
  'gives garbage': (answer) => (answer.kind === 'ranges' ? answer : { ...answer, entries: answer.entries.map((entry) => entry.slice(0, -1)) }),
  'tells of logs that nobody has': (answer) =>
    answer.kind === 'ranges'
      ? { ...answer, parts: answer.parts.map((part) => (part.kind === 'split' ? part : { ...part, heads: part.heads.map((head) => ({ ...head, incarnation: 'aaaaaaaaaaaaaaaaaaaaaaaaaa' as Incarnation, sequence: 1_000_000 })) })) }
      : answer,
  'answers another question': (answer) => (answer.kind === 'ranges' ? { kind: 'logs', entries: [], served: 0, after: 0, isTrimmed: false } : answer),
  'makes no progress': (answer) => (answer.kind === 'logs' ? { ...answer, served: 0, after: 0 } : answer)
}

for (const [what, bend] of Object.entries(hostile)) {
  test(`a peer that ${what} costs bounded work, and an honest one is still heard`, async (t) => {
    const { world, logs } = fleet()
    const [left, liar, right] = [await sideOf(world, 'left'), await sideOf(world, 'liar'), await sideOf(world, 'right')]
    await liar.queue.merge(logs.flatMap(({ entries }) => bytesOf(...entries)), 'test')
    await right.queue.merge([world.admin, ...logs].flatMap(({ entries }) => bytesOf(...entries)), 'test')
    await left.queue.merge(bytesOf(...logs.slice(0, 6).flatMap(({ entries }) => entries.slice(0, 1))), 'test')
    let rounds = 0
    let meetings = 0
    for (; meetings < 30; meetings += 1) {
      if ((await left.client.question(liar.key)) === undefined) continue
      do rounds += 1
      while ((await ask(world, left, liar, bend).catch(() => undefined))?.again === true)
    }
    t.true(rounds <= meetings * (limits.sync.barrenAnswersMax + 2), `${rounds} questions`)
    left.client.giveUp(liar.key)
    await settle(world, left, right)
    t.true(isEqualState(left, right))
  })
}

test('answers of a page at a time bring all of a long log', async (t) => {
  const world = new World()
  const log = world.agent('talker')
  const detail = 'x'.repeat(1000)
  for (let count = 0; count < 1500; count += 1) log.say({ kind: 'fault', fault: { kind: 'none', subject: String(count), detail } })
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  await right.queue.merge(bytesOf(...log.entries), 'test')
  const rounds = await catchUp(world, left, right)
  t.true(isEqualState(left, right))
  t.is(kindsOf(rounds), 'cursor ranges logs logs logs cursor')
  t.true(rounds.every(({ bytes }) => bytes < 1.2 * limits.sync.entriesBytesMax))
})

test('an author that no endpoint vouches for is not asked for without end', async (t) => {
  const world = new World()
  const [left, right] = [await sideOf(world, 'left'), await sideOf(world, 'right')]
  const stranger = signerOf('stranger').key as KeyId
  const told = (answer: SyncAnswer): SyncAnswer =>
    answer.kind === 'cursor'
      ? { ...answer, isLost: true, digest: new Uint8Array(32).fill(9) }
      : answer.kind === 'ranges'
        ? { kind: 'ranges', covered: 1, parts: [{ kind: 'heads', part: 0, heads: [{ author: stranger, incarnation: 'aaaaaaaaaaaaaaaaaaaaaaaaaa' as Incarnation, sequence: 9, id: null, isFrozen: false }], rest: null }] }
        : answer
  let questions = 0
  for (let meeting = 0; meeting < 100; meeting += 1) {
    do questions += 1
    while ((await ask(world, left, right, told)).again)
  }
  t.true(questions < 150, `${questions} questions`)
})
