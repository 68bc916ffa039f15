import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { drawIncarnation } from '../../src/base/random.ts'
import { Author, bytesOf, dayMs, dump, foldedPrefixes, madeAt, randomOf, receipts, said, signerOf, World } from './world.ts'
import type { Verified } from '../../src/record/record.ts'
import type { EntryBody } from '../../src/record/entry.ts'
import type { Queue } from '../../src/queue/queue.ts'

/** Two branches of an agent's log that part at 4; the admin writes what it decides into a second life of its log. */
const forked = () => {
  const world = new World()
  const agent = world.agent('a')
  const target = { kind: 'select' as const, selector: '', enrolledUntil: madeAt + dayMs }
  const [first, second] = [world.order({ target }), world.order({ target })]
  agent.say(receipts(said(first.id, 'received'), said(second.id, 'received')))
  agent.say(receipts(said(second.id, 'validated')))
  const branch = agent.branch(3)
  agent.say(receipts(world.statement(agent.node.executor, first.id, 'succeeded')))
  agent.say({ kind: 'credential', credential: world.renewed('a', world.mesh.key('executor:a renewed')).bytes })
  agent.say(receipts(world.statement(world.mesh.key('executor:a renewed'), second.id, 'succeeded')))
  branch.say(receipts(world.statement(agent.node.executor, first.id, 'failed')))
  branch.say({ kind: 'fault', fault: { kind: 'none', subject: '', detail: '' } })
  const judge = new Author(world.mesh, world.mesh.admin, drawIncarnation(randomOf('second life of the admin')))
  return { world, agent, branch, judge, first, second }
}

const at = (author: Author, sequence: number): Verified<EntryBody> => {
  const entry = author.entries[sequence - 1]
  if (entry === undefined) throw new Error(`no entry ${sequence}`)
  return entry
}

const stateOf = async (queue: Queue, id: Parameters<Queue['rowsOf']>[0]) => (await queue.rowsOf(id))[0]?.state

test('a thaw lets the chosen branch count that is held in place', async (t) => {
  const { world, agent, branch, judge, first, second } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  await queue.merge(bytesOf(at(branch, 4)), 'test')
  t.deepEqual([await stateOf(queue, first.id), await stateOf(queue, second.id)], ['received', 'validated'])
  await queue.merge(bytesOf(world.thaw(agent, 4, at(agent, 4), madeAt, judge)), 'test')
  t.deepEqual([await stateOf(queue, first.id), await stateOf(queue, second.id)], ['succeeded', 'succeeded'])
  t.deepEqual((await queue.headsOf(agent.key)).map(({ head, frozenAt }) => [head.sequence, frozenAt]), [[6, null]])
})

test('a thaw in favour of the branch set aside takes the other back, and what follows is taken in when it comes again', async (t) => {
  const { world, agent, branch, judge, first, second } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  t.is(await stateOf(queue, second.id), 'succeeded')
  await queue.merge(bytesOf(at(branch, 4), world.thaw(agent, 4, at(branch, 4), madeAt, judge)), 'test')
  t.deepEqual([await stateOf(queue, first.id), await stateOf(queue, second.id)], ['failed', 'validated'])
  t.is((await queue.head(agent.key, agent.incarnation)).id, at(branch, 4).id)
  const report = await queue.merge(bytesOf(at(branch, 5), at(agent, 5)), 'test')
  t.deepEqual(report.accepted.map(({ id }) => id), [at(branch, 5).id])
  t.is((await queue.head(agent.key, agent.incarnation)).id, at(branch, 5).id)
})

test('where a thaw comes first, the other branch never freezes anything', async (t) => {
  const { world, agent, branch, judge } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, world.thaw(agent, 4, at(agent, 4), madeAt, judge)), 'test')
  for (const entry of [...branch.entries.slice(3), ...agent.entries, ...branch.entries.slice(3)]) await queue.merge(bytesOf(entry), 'test')
  t.deepEqual((await queue.headsOf(agent.key)).map(({ head, frozenAt }) => [head.id, frozenAt]), [[at(agent, 6).id, null]])
})

test('a choice settles what lies above it, and nothing below', async (t) => {
  const { world, agent, branch, judge } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries, world.thaw(agent, 5, at(agent, 5), madeAt, judge)), 'test')
  await queue.merge(bytesOf(at(branch, 5)), 'test')
  t.deepEqual((await queue.headsOf(agent.key)).map(({ head, frozenAt }) => [head.sequence, frozenAt]), [[6, null]])
  const early = agent.branch(1)
  for (const kind of ['one', 'two']) early.say({ kind: 'fault', fault: { kind, subject: '', detail: '' } })
  await queue.merge(bytesOf(at(early, 3)), 'test')
  t.deepEqual((await queue.headsOf(agent.key)).map(({ head, frozenAt }) => [head.sequence, frozenAt]), [[1, 2]])
})

test('of contradicting thaws the newest counts', async (t) => {
  const { world, agent, branch, judge } = forked()
  const thaws = [world.thaw(agent, 4, at(branch, 4), madeAt + 2, judge), world.thaw(agent, 4, at(agent, 4), madeAt + 1, judge)]
  for (const order of [thaws, thaws.toReversed()]) {
    const queue = await world.queue()
    await queue.merge(bytesOf(...world.admin.entries, ...agent.entries, at(branch, 4)), 'test')
    for (const thaw of order) await queue.merge(bytesOf(thaw), 'test')
    t.is((await queue.head(agent.key, agent.incarnation)).id, at(branch, 4).id)
  }
})

test('a thaw by somebody who never was an admin changes nothing', async (t) => {
  const { world, agent, branch } = forked()
  const stranger = new Author(world.mesh, signerOf('stranger'), drawIncarnation(randomOf('stranger')))
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries, at(branch, 4)), 'test')
  const report = await queue.merge(bytesOf(world.thaw(agent, 4, at(agent, 4), madeAt, stranger)), 'test')
  t.deepEqual(report.rejections.map(({ code }) => code), ['unknown-author'])
  t.deepEqual((await queue.headsOf(agent.key)).map(({ frozenAt }) => frozenAt), [4])
})

test('forks are listed with their branches, and what was chosen', async (t) => {
  const { world, agent, branch, judge } = forked()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  t.deepEqual(await queue.forks(), [])
  await queue.merge(bytesOf(at(branch, 4)), 'test')
  const fork = { author: agent.key, incarnation: agent.incarnation, sequence: 4, branches: [at(agent, 4).id, at(branch, 4).id].sort() }
  t.deepEqual(await queue.forks(), [{ ...fork, thaw: null }])
  await queue.merge(bytesOf(world.thaw(agent, 4, at(branch, 4), madeAt, judge)), 'test')
  t.deepEqual(await queue.forks(), [{ ...fork, thaw: { keep: at(branch, 4).id, admin: judge.key, at: madeAt } }])
})

test('a credential above a choice that it does not link to counts nowhere, whether it came before the choice or after', async (t) => {
  const { world, agent, judge } = forked()
  const other = agent.branch(1)
  for (const kind of ['one', 'two', 'three']) other.say({ kind: 'fault', fault: { kind, subject: '', detail: '' } })
  const chosen = world.thaw(agent, 4, at(other, 4), madeAt, judge)
  const credentials: (string | undefined)[] = []
  for (const order of [[...agent.entries, chosen], [chosen, ...agent.entries]]) {
    const queue = await world.queue()
    await queue.merge(bytesOf(...world.admin.entries), 'test')
    for (const entry of [...order, ...order]) await queue.merge(bytesOf(entry), 'test')
    credentials.push(queue.node(agent.key)?.credential)
  }
  t.deepEqual(credentials, [agent.node.credential.id, agent.node.credential.id])
})

test('a node of whose log nothing counts any more is no member, until an admin has chosen', async (t) => {
  const { world, agent, judge } = forked()
  const rival = new Author(world.mesh, agent.signer, agent.incarnation)
  rival.say({ kind: 'credential', credential: world.renewed('a', world.mesh.key('executor:a renewed')).bytes })
  const store = new MemoryStore()
  const queue = await world.queue({ store })
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  await queue.merge(bytesOf(at(rival, 1)), 'test')
  t.is(queue.node(agent.key), undefined)
  t.is((await world.queue({ store })).node(agent.key), undefined)
  await queue.merge(bytesOf(world.thaw(agent, 1, at(agent, 1), madeAt, judge)), 'test')
  await queue.merge(bytesOf(...agent.entries), 'test')
  t.is(queue.node(agent.key)?.executor, world.mesh.key('executor:a renewed').key)
  t.deepEqual(await queue.orders(), await (await world.queue({ store })).orders())
})

/** Merges in the given grouping, then all again until nothing changes, as sync and the authors bring what is lacking. */
const settle = async (queue: Queue, entries: readonly Uint8Array[], sizes: readonly number[]): Promise<void> => {
  let rest = entries
  for (const size of [...sizes, entries.length]) {
    await queue.merge(rest.slice(0, size), 'test')
    rest = rest.slice(size)
  }
  for (let round = 0; round < 8; round += 1) {
    const before = Buffer.from(queue.digest())
    await queue.merge(entries, 'again')
    if (before.equals(queue.digest())) return
  }
  throw new Error('the log does not come to rest')
}

test('with any thaws, the same entries give byte-identical state, whatever came first', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ sequence: fc.integer({ min: 1, max: 6 }), branch: fc.integer({ min: 0, max: 2 }), at: fc.integer({ min: 0, max: 2 }) }), { maxLength: 3 }),
      fc.integer({ min: 1, max: 5 }),
      fc.infiniteStream(fc.nat()),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 20, maxLength: 20 }),
      async (choices, parting, keys, sizes) => {
        const { world, agent, branch, judge, first } = forked()
        const third = agent.branch(parting)
        for (let length = 0; length < 3; length += 1) third.say(receipts(world.statement(agent.node.executor, first.id, 'interrupted', { at: madeAt + length })))
        const branches = [agent, branch, third]
        for (const choice of choices) {
          const keep = branches[choice.branch]?.entries[choice.sequence - 1]
          if (keep !== undefined) world.thaw(agent, choice.sequence, keep, madeAt + choice.at, judge)
        }
        const all = [...world.admin.entries, ...judge.entries, ...new Set(branches.flatMap(({ entries }) => entries))]
        const stores = [new MemoryStore(), new MemoryStore()] as const
        const straight = await world.queue({ store: stores[0] })
        await settle(straight, bytesOf(...all), [all.length])
        const shuffled = all.map((entry) => ({ entry, key: keys.next().value ?? 0 })).sort((left, right) => left.key - right.key).map(({ entry }) => entry)
        const other = await world.queue({ store: stores[1], name: 'other' })
        await settle(other, bytesOf(...shuffled), sizes)
        const [wanted, found] = [await dump(stores[0], foldedPrefixes), await dump(stores[1], foldedPrefixes)]
        if (wanted.join('\n') !== found.join('\n')) throw new Error(`the stored states differ:\n${wanted.filter((line) => !found.includes(line)).join('\n')}\n--\n${found.filter((line) => !wanted.includes(line)).join('\n')}`)
        if (!Buffer.from(straight.digest()).equals(other.digest())) throw new Error('the digests differ')
        const again = await world.queue({ store: stores[1], name: 'other' })
        if (JSON.stringify(await again.orders()) !== JSON.stringify(await straight.orders())) throw new Error('memory and store differ')
      }
    ),
    { numRuns: 150 }
  )
  t.pass()
})
