import test from 'ava'
import { RecentEntries } from '../../src/queue/recent-entries.ts'
import { limits } from '../../src/base/limits.ts'
import { bytesOf, receipts, said, spoil, World } from './world.ts'

test('an entry is known again by its signature', (t) => {
  const world = new World()
  const agent = world.agent('a')
  const [first] = agent.entries
  const recent = new RecentEntries()
  if (first === undefined) return t.fail()
  t.is(recent.placeOf(first.bytes), undefined)
  recent.note(first)
  t.deepEqual(recent.placeOf(first.bytes.slice()), { author: agent.key, incarnation: first.body.incarnation, sequence: 1 })
  t.is(recent.placeOf(spoil(first.bytes)), undefined)
})

test('what came longest ago is forgotten first, however much comes', (t) => {
  const world = new World()
  const [first] = world.agent('a').entries
  if (first === undefined) return t.fail()
  const recent = new RecentEntries()
  recent.note(first)
  const numbered = (number: number): Uint8Array => new Uint8Array(new Uint32Array([number]).buffer)
  for (let number = 0; number < limits.queue.recentEntriesMax; number += 1) recent.note({ ...first, bytes: numbered(number) })
  t.is(recent.placeOf(first.bytes), undefined)
  t.not(recent.placeOf(numbered(limits.queue.recentEntriesMax - 1)), undefined)
})

test('entries that come again count as held, also those of a log that was frozen below them since', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const queue = await world.queue()
  const other = agent.branch(1)
  const [credential] = agent.entries
  const second = agent.say(receipts(said(order.id, 'received')))
  const rival = other.say(receipts(said(order.id, 'rejected')))
  if (credential === undefined) return t.fail()
  await queue.merge(bytesOf(...agent.entries), 'test')
  t.like(await queue.merge(bytesOf(credential, second), 'test'), { duplicates: 2, rejections: [] })
  await queue.merge(bytesOf(rival), 'test')
  const again = await queue.merge(bytesOf(credential, second), 'test')
  t.is(again.duplicates, 1)
  t.deepEqual(again.rejections.map(({ code }) => code), ['forked-log'])
})
