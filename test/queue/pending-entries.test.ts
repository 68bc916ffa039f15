import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { logIdOf, type LogName } from '../../src/queue/log.ts'
import { PendingEntries, sortEntries } from '../../src/queue/pending-entries.ts'
import type { Incarnation, KeyId } from '../../src/base/brand.ts'
import type { OpenedEntry } from '../../src/queue/intake.ts'
import { receipts, said, World } from './world.ts'

const waiting = (() => {
  const world = new World()
  const agent = world.agent('a')
  const { id } = world.sealOrder()
  return Array.from({ length: limits.queue.pendingEntriesPerAuthorMax }, (): OpenedEntry => ({ record: agent.say(receipts(said(id, 'received'))), content: { kind: 'other' }, problems: [], isSigned: true }))
})()
const logOf = (author: string): LogName => ({ author: author as KeyId, incarnation: 'one' as Incarnation })
const logsMax = limits.queue.pendingEntriesMax / limits.queue.pendingEntriesPerAuthorMax

test('a full buffer makes room for authors with a right to a log, at the cost of those without', (t) => {
  const pending = new PendingEntries()
  for (let index = 0; index < logsMax; index += 1) pending.replace(logOf(`stranger ${index}`), waiting, false)
  pending.replace(logOf('member'), waiting.slice(0, 1), true)
  t.is(pending.of(logIdOf(logOf('member'))).length, 1)
  t.is(pending.of(logIdOf(logOf('stranger 0'))).length, 0)
  t.is(pending.of(logIdOf(logOf('stranger 1'))).length, waiting.length)
})

test('a buffer that is full of members takes no more', (t) => {
  const pending = new PendingEntries()
  for (let index = 0; index < logsMax; index += 1) pending.replace(logOf(`member ${index}`), waiting, true)
  pending.replace(logOf('late'), waiting.slice(0, 1), true)
  t.is(pending.of(logIdOf(logOf('late'))).length, 0)
  pending.replace(logOf('member 0'), [], true)
  pending.replace(logOf('late'), waiting.slice(0, 1), true)
  t.is(pending.of(logIdOf(logOf('late'))).length, 1)
})

test('entries are sorted by sequence number, each once', (t) => {
  t.deepEqual(sortEntries([...waiting.toReversed(), ...waiting]), waiting)
})
