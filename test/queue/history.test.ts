import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { remove } from '../../src/base/key-value-store.ts'
import { ArrivalSources } from '../../src/queue/arrivals.ts'
import { keys } from '../../src/queue/queue-store.ts'
import { bytesOf, plenty, receipts, said, World } from './world.ts'

const made = async (agents: number, entriesEach: number) => {
  const world = new World()
  const order = world.order()
  const logs = Array.from({ length: agents }, (_, index) => world.agent(`n${index}`))
  for (const log of logs) for (let count = 1; count < entriesEach; count += 1) log.say(receipts(said(order.id, 'received')))
  const store = new MemoryStore()
  const queue = await world.queue({ store })
  return { world, logs, store, queue }
}

test('pages by arrival leave out what came from the asker, wherever a page ends', async (t) => {
  const { logs, queue } = await made(9, 3)
  queue.history.watchSource('asker')
  for (const [index, log] of logs.entries()) await queue.merge(bytesOf(...log.entries), index % 3 === 1 ? 'asker' : 'others')
  const expected = bytesOf(...logs.flatMap((log, index) => (index % 3 === 1 ? [] : log.entries)))
  for (const countMax of [1, 2, 3, 4, 100]) {
    const read: Uint8Array[] = []
    let next = 0
    for (let more = true; more; ) {
      const page = await queue.history.entriesAfter(next, { ...plenty, countMax }, 'asker')
      t.true(page.entries.length <= countMax)
      t.false(page.isTrimmed)
      read.push(...page.entries)
      ;({ next, more } = page)
    }
    t.deepEqual(read, expected)
    t.is(next, queue.history.arrival)
  }
  t.is((await queue.history.entriesAfter(0, plenty, 'somebody else')).entries.length, queue.history.arrival)
})

test('what was dropped is passed over, and the page says so', async (t) => {
  const { logs, store, queue } = await made(2, 5)
  for (const log of logs) await queue.merge(bytesOf(...log.entries), 'test')
  const [first] = logs
  if (first === undefined) throw new Error('no log')
  await store.write([1, 2, 3].map((sequence) => remove(keys.entry(nameOf(first), sequence))), { durable: false })
  const page = await queue.history.entriesAfter(0, plenty)
  t.deepEqual([page.entries.length, page.isTrimmed, page.next], [7, true, 10])
  t.false((await queue.history.entriesAfter(3, plenty)).isTrimmed)
  await store.write([1, 2, 3].map((number) => remove(keys.arrival(number))), { durable: false })
  const again = await queue.history.entriesAfter(0, plenty)
  t.deepEqual([again.entries.length, again.isTrimmed], [7, true])
  const ofLogs = await queue.history.entriesOfLogs(logs.map((log) => ({ ...nameOf(log), after: 0 })), plenty)
  t.deepEqual([ofLogs.entries.length, ofLogs.isTrimmed, ofLogs.served], [7, true, 2])
  t.false((await queue.history.entriesOfLogs([{ ...nameOf(first), after: 3 }], plenty)).isTrimmed)
})

const nameOf = ({ key, incarnation }: ReturnType<World['agent']>) => ({ author: key, incarnation })

test('pages by log keep the entries of a log together and go on where they ended', async (t) => {
  const { logs, queue } = await made(4, 5)
  for (let sequence = 0; sequence < 5; sequence += 1) await queue.merge(bytesOf(...logs.flatMap(({ entries }) => entries.slice(sequence, sequence + 1))), 'test')
  for (const countMax of [1, 2, 3, 7, 100]) {
    const read: Uint8Array[] = []
    let wanted = logs.map((log) => ({ ...nameOf(log), after: 1 }))
    while (wanted.length > 0) {
      const page = await queue.history.entriesOfLogs(wanted, { ...plenty, countMax })
      t.true(page.entries.length <= countMax && page.entries.length > 0)
      read.push(...page.entries)
      wanted = wanted.slice(page.served).map((log, index) => (index === 0 ? { ...log, after: Math.max(log.after, page.after) } : log))
    }
    t.deepEqual(read, bytesOf(...logs.flatMap(({ entries }) => entries.slice(1))))
  }
})

test('an entry that is larger than a page is a page of its own', async (t) => {
  const { logs, queue } = await made(1, 3)
  await queue.merge(bytesOf(...logs.flatMap(({ entries }) => entries)), 'test')
  const [log] = logs
  if (log === undefined) throw new Error('no log')
  const page = await queue.history.entriesOfLogs([{ ...nameOf(log), after: 0 }], { countMax: 10, sizeBytesMax: 1 })
  t.deepEqual([page.entries.length, page.served, page.after], [1, 0, 1])
  t.is((await queue.history.entriesAfter(0, { countMax: 10, sizeBytesMax: 1 })).entries.length, 1)
})

test('who brought what is remembered for as many sources and ranges as may be', (t) => {
  const sources = new ArrivalSources()
  sources.note('early', { after: 0, to: 5 })
  sources.watch('early')
  t.deepEqual(sources.of('early', 0), [])
  sources.note('early', { after: 5, to: 6 })
  sources.note('early', { after: 6, to: 9 })
  sources.note('early', { after: 12, to: 12 })
  t.deepEqual(sources.of('early', 0), [{ after: 5, to: 9 }])
  t.deepEqual(sources.of('early', 9), [])
  for (let index = 0; index < limits.sync.arrivalRangesMax; index += 1) sources.note('early', { after: 20 + 2 * index, to: 21 + 2 * index })
  t.is(sources.of('early', 0).length, limits.sync.arrivalRangesMax)
  t.deepEqual(sources.of('early', 0)[0], { after: 20, to: 21 })
  for (let index = 0; index < limits.network.endpointsMax; index += 1) sources.watch(`later ${index}`)
  t.deepEqual(sources.of('early', 0), [])
})
