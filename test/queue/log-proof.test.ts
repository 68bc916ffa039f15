import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { credentialKind } from '../../src/record/credential.ts'
import { inviteKind } from '../../src/record/invite.ts'
import { decodeRecord, sealRecord } from '../../src/record/record.ts'
import { statementKind } from '../../src/record/statement.ts'
import { bytesOf, dump, foldedPrefixes, receipts, said, spoil, World } from './world.ts'
import type { Queue } from '../../src/queue/queue.ts'
import type { Receipt } from '../../src/record/entry.ts'
import type { RecordId } from '../../src/base/brand.ts'
import type { Author } from './world.ts'

const page = { countMax: limits.record.spanEntries + 4, sizeBytesMax: 1 << 20 }

/** What one queue lacks of a log, from the other, page by page, as sync does it. */
const fetchLog = async (to: Queue, from: Queue, { key, incarnation }: Author): Promise<void> => {
  let { sequence } = await to.head(key, incarnation)
  for (;;) {
    const entries = await from.entriesOfLog(key, incarnation, sequence + 1, page)
    if (entries.length === 0) return
    await to.merge(entries, 'sync')
    sequence += page.countMax
  }
}

const settle = async (left: Queue, right: Queue, log: Author): Promise<void> => {
  for (let round = 0; round < 3; round += 1) {
    await fetchLog(left, right, log)
    await fetchLog(right, left, log)
  }
}

const stateOf = async (store: MemoryStore): Promise<string> => (await dump(store, foldedPrefixes)).join('\n')

const idOf = (bytes: Uint8Array): RecordId => {
  const statement = decodeRecord(statementKind, bytes)
  if (!statement.ok) throw new Error(statement.detail)
  return statement.value.id
}

interface Step {
  readonly statements: readonly { readonly link: number; readonly isBad: boolean }[]
  readonly isBad: boolean
  readonly isForeign: boolean
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  statements: fc.array(fc.record({ link: fc.nat(6), isBad: fc.nat(12).map((drawn) => drawn === 0) }), { maxLength: 2 }),
  isBad: fc.boolean(),
  isForeign: fc.nat(9).map((drawn) => drawn === 0)
})

/** The log of an agent whose executor is hostile as well: signatures of entries and statements are bad where the steps say so. */
const write = (steps: readonly Step[]): { world: World; agent: Author; entries: Uint8Array[] } => {
  const world = new World()
  const agent = world.agent('a')
  const { executor } = agent.node
  const made: RecordId[] = []
  const say = (link: number, isBad: boolean): Receipt => {
    const receipt = world.statement(executor, world.order().id, link % 2 === 0 ? 'succeeded' : 'failed', { previous: made.at(-1 - link) ?? null })
    if (receipt.kind !== 'executor') return receipt
    made.push(idOf(receipt.statement))
    return isBad ? { ...receipt, statement: spoil(receipt.statement) } : receipt
  }
  for (const { statements, isForeign } of steps) {
    // A credential in a foreign name is passed over.
    if (isForeign) agent.say({ kind: 'credential', credential: world.mesh.node('b').credential.bytes })
    else agent.say(receipts(said(world.order().id, 'received'), ...statements.map(({ link, isBad }) => say(link, isBad))))
  }
  const [first = new Uint8Array(), ...rest] = bytesOf(...agent.entries)
  return { world, agent, entries: [first, ...rest.map((bytes, index) => (steps[index]?.isBad === true ? spoil(bytes) : bytes))] }
}

test('however a log with bad signatures is cut and mixed, endpoints come to the same state', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(stepArbitrary, { minLength: 4, maxLength: limits.record.spanEntries * 2 + 4 }),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 40, maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      async (steps, sizes, draws) => {
        const { world, agent, entries } = write(steps)
        const [whole, parts] = [new MemoryStore(), new MemoryStore()]
        const [left, right] = [await world.queue({ store: whole }), await world.queue({ store: parts, name: 'other' })]
        for (const queue of [left, right]) await queue.merge(bytesOf(...world.admin.entries), 'test')
        await left.merge(entries, 'test')
        let rest = entries.map((bytes) => ({ bytes, rank: draws.next().value ?? 0 })).sort((one, other) => one.rank - other.rank)
        for (const size of sizes) {
          await right.merge(rest.slice(0, size).map(({ bytes }) => bytes), 'test')
          rest = rest.slice(size)
        }
        await settle(left, right, agent)
        if (Buffer.compare(left.digest(), right.digest()) !== 0) throw new Error('the digests differ')
        if ((await stateOf(whole)) !== (await stateOf(parts))) throw new Error('the states differ')
      }
    ),
    { numRuns: 60 }
  )
  t.pass()
})

/** An endpoint that was given these at once, and one that then has them from it. */
const handOn = async (world: World, log: Author, first: readonly Uint8Array[], own: readonly Uint8Array[] = []) => {
  const [left, right] = [await world.queue(), await world.queue({ name: 'other' })]
  await right.merge(own, 'test')
  const report = await left.merge(first, 'test')
  await settle(left, right, log)
  return { left, right, report }
}

test('an entry by the word of one that is refused is handed on with it', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  agent.say(receipts(said(world.order().id, 'received')))
  // Its enroller is none that this mesh knows yet.
  const stranger = world.mesh.key('stranger')
  const invite = sealRecord(inviteKind, { ...world.mesh.invite('a').invite.body, enroller: stranger.key }, [stranger])
  const signers = [world.mesh.key('token:a'), world.mesh.key('peer:a'), world.mesh.key('executor:a'), world.mesh.key('peer:endpoint-1')]
  agent.say({ kind: 'credential', credential: sealRecord(credentialKind, { ...agent.node.credential.body, invite: invite.bytes }, signers).bytes })
  const [first, second, third] = bytesOf(...agent.entries)
  if (first === undefined || second === undefined || third === undefined) return t.fail()
  const { left, right, report } = await handOn(world, agent, [first, spoil(second), third])
  t.deepEqual(report.rejections.map(({ code }) => code), ['not-an-enroller'])
  t.is((await left.head(agent.key, agent.incarnation)).sequence, 2)
  t.deepEqual(left.digest(), right.digest())
})

test('a branch that only a later entry of it proves forks the log at every endpoint', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const branch = agent.branch(1)
  agent.say(receipts(said(order.id, 'received')))
  for (const state of ['retrieving', 'validated', 'rejected'] as const) branch.say(receipts(said(order.id, state)))
  const [first, ...rest] = bytesOf(...branch.entries)
  if (first === undefined) return t.fail()
  const hidden = rest.map((bytes, index) => (index < rest.length - 1 ? spoil(bytes) : bytes))
  for (const own of [bytesOf(...agent.entries), [first]]) {
    const { left, right } = await handOn(world, agent, [...bytesOf(...agent.entries), ...hidden], own)
    t.deepEqual(left.digest(), right.digest())
    t.deepEqual((await right.headsOf(agent.key)).map(({ frozenAt }) => frozenAt), [2])
  }
})

test('a signature speaks for its own span of the log alone', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  while (agent.entries.length < limits.record.spanEntries + 2) agent.say(receipts(said(world.order().id, 'received')))
  const entries = bytesOf(...agent.entries)
  const spoilt = (from: number, to: number) => entries.map((bytes, index) => (index >= from && index < to ? spoil(bytes) : bytes))
  const queue = await world.queue()
  const over = await queue.merge(spoilt(limits.record.spanEntries - 1, limits.record.spanEntries + 1), 'test')
  t.deepEqual(over.rejections.map(({ entry }) => entry), [agent.entries[limits.record.spanEntries - 1]?.id])
  const within = await (await world.queue()).merge(spoilt(1, limits.record.spanEntries - 1), 'test')
  t.deepEqual([within.rejections, within.accepted.length], [[], entries.length])
})

test('what is held comes again with another signature', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  agent.say(receipts(said(world.order().id, 'received')))
  const queue = await world.queue()
  await queue.merge(bytesOf(...agent.entries), 'test')
  const again = await queue.merge(bytesOf(...agent.entries).map(spoil), 'test')
  t.deepEqual([again.rejections.map(({ code }) => code), again.duplicates], [['other-signature', 'other-signature'], 2])
  t.deepEqual(await queue.entriesOfLog(agent.key, agent.incarnation, 1, page), bytesOf(...agent.entries))
})
