import test from 'ava'
import { AuditProof } from '../../src/api/audit-proof.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { entryKind, type EntryBody } from '../../src/record/entry.ts'
import { decodeRecord, type Sealed, type Verified } from '../../src/record/record.ts'
import { checkAtOnce } from '../node/endpoint-world.ts'
import { receipts, said, spoil, World } from '../queue/world.ts'

const reopened = (bytes: Uint8Array): Sealed<EntryBody> => {
  const entry = decodeRecord(entryKind, bytes)
  if (!entry.ok) throw new Error(entry.detail)
  return entry.value
}
const intact = ({ bytes }: Verified<EntryBody>): Sealed<EntryBody> => reopened(bytes)
const spoilt = ({ bytes }: Verified<EntryBody>): Sealed<EntryBody> => reopened(spoil(bytes))

const logOf = (length: number) => {
  const world = new World()
  const agent = world.agent('web-1')
  const order = world.order()
  while (agent.entries.length < length) agent.say(receipts(said(order.id, 'received')))
  return { world, agent, entries: agent.entries }
}

/** Which of these are authentic, when they are read in such parts. */
const proven = async (...parts: readonly Sealed<EntryBody>[][]): Promise<boolean[][]> => {
  const proof = new AuditProof(new MemoryStore(), checkAtOnce)
  for (const part of parts) await proof.examine(part)
  if (!proof.isSettled) for (const part of parts) await proof.settle(part)
  return Promise.all(parts.map(async (part) => (await proof.judge(part)).map((problem) => problem === null)))
}

test('what is intact needs no second reading', async (t) => {
  const { entries } = logOf(3)
  const proof = new AuditProof(new MemoryStore(), checkAtOnce)
  await proof.examine(entries.map(intact))
  t.true(proof.isSettled)
  t.deepEqual(await proof.judge(entries.map(intact)), [null, null, null])
})

test('a whole run is proved by its last entry, however the reading is cut', async (t) => {
  const { entries } = logOf(4)
  const run = [...entries.slice(0, 3).map(spoilt), ...entries.slice(3).map(intact)]
  t.deepEqual(await proven(run), [[true, true, true, true]])
  t.deepEqual(await proven(...run.map((entry) => [entry])), [[true], [true], [true], [true]])
  t.deepEqual(await proven(...run.toReversed().map((entry) => [entry])), [[true], [true], [true], [true]])
})

test('nothing proves the last entry, and a gap proves nothing', async (t) => {
  const { entries } = logOf(4)
  const run = entries.map((entry, index) => (index === 2 ? intact(entry) : spoilt(entry)))
  t.deepEqual(await proven(...run.map((entry) => [entry])), [[true], [true], [true], [false]])
  t.deepEqual(await proven(...[run[0], run[2]].flatMap((entry) => (entry === undefined ? [] : [[entry]]))), [[false], [true]])
})

test('a copy with its signature proves the one without', async (t) => {
  const { entries } = logOf(2)
  const [first, second] = entries
  if (first === undefined || second === undefined) throw new Error('two entries')
  t.deepEqual(await proven([spoilt(first)], [spoilt(second)], [intact(second)]), [[true], [true], [true]])
})

test('an entry of another author that names it proves nothing', async (t) => {
  const { world, entries } = logOf(2)
  const [, second] = entries
  if (second === undefined) throw new Error('two entries')
  const foreign = world.agent('web-2').forge(receipts(said(world.order().id, 'received')), { sequence: 3, previous: second.id })
  t.deepEqual(await proven([spoilt(second)], [intact(foreign)]), [[false], [true]])
})
