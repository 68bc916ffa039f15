import path from 'node:path'
import test from 'ava'
import { change, endsOf, fleet, homeOf, keyOf, run } from './audit-home.ts'
import { put } from '../../src/base/key-value-store.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { branchKey, entryKey, livesKey } from '../../src/queue/own-keys.ts'
import { beginLife } from '../../src/queue/own-lives.ts'
import { keys } from '../../src/queue/queue-store.ts'
import { madeAt, receipts, said } from '../queue/world.ts'

/** Two branches of web-1's log that part at 4. */
const parted = () => {
  const made = fleet()
  const { world, web1, first } = made
  const branch = web1.branch(3)
  branch.say(receipts(world.statement(web1.node.executor, first.id, 'interrupted')))
  branch.say(receipts(said(first.id, 'received')))
  branch.say(receipts(said(first.id, 'validated')))
  return { ...made, branch }
}

test('where an admin thawed a log the chosen branch counts, whichever came first, and the fork is listed with that', async (t) => {
  for (const [index, expected] of ['succeeded', 'interrupted'].entries()) {
    const { world, web1, branch, first, all } = parted()
    const keep = [web1, branch][index]?.entries[3]
    if (keep === undefined) throw new Error('a fourth entry')
    const thaw = world.thaw(web1, 4, keep)
    const frozen = await run({ home: await homeOf(t, world, [...all, ...branch.entries.slice(3)], `frozen ${index}`) })
    t.deepEqual(frozen.findings.map(({ kind, from, thaw: chosen }) => [kind, from, chosen]), [['fork', 4, null]])
    t.deepEqual(endsOf(frozen.orders, web1, first.id), ['running'])
    const other = await homeOf(t, world, branch.entries, `other ${index}`)
    const archive = path.join(path.dirname(other), 'evidence.car')
    t.like(await run({ home: other, export: archive }), { summary: { entries: 6, faults: 0 } })
    const home = await homeOf(t, world, [...all, ...branch.entries.slice(3), thaw], `home ${index}`)
    const { findings, orders, summary } = await run({ home, archives: [archive] })
    t.deepEqual(findings.map(({ kind, from, through, entries, thaw: chosen }) => ({ kind, from, through, entries, chosen })), [
      { kind: 'fork', from: 4, through: 4, entries: [web1.entries[3]?.id, branch.entries[3]?.id].sort(), chosen: { keep: keep.id, admin: world.admin.key, at: madeAt + 1 } }
    ])
    t.deepEqual(endsOf(orders, web1, first.id), [expected])
    t.deepEqual([summary.faults, summary.forks], [0, 1])
  }
})

test('a thaw counts that the home keeps apart from logs', async (t) => {
  const { world, web1, branch, first, all } = parted()
  const keep = branch.entries[3]
  if (keep === undefined) throw new Error('a fourth entry')
  const home = await homeOf(t, world, [...all, ...branch.entries.slice(3)])
  const { content } = world.thaw(web1, 4, keep).body
  await change(home, () => [put(keys.thaw({ author: web1.key, incarnation: web1.incarnation }, 4), content.kind === 'control' ? content.control : new Uint8Array())])
  const { findings, orders } = await run({ home })
  t.deepEqual(findings.map(({ kind, thaw }) => [kind, thaw?.keep]), [['fork', keep.id]])
  t.deepEqual(endsOf(orders, web1, first.id), ['interrupted'])
})

test('what links to no chosen entry is passed over, and shows the fork', async (t) => {
  const { world, web1, branch, first, all } = parted()
  const [fourth, stray] = [web1.entries[3], branch.entries[4]]
  if (fourth === undefined || stray === undefined) throw new Error('five entries')
  const home = await homeOf(t, world, [...all, world.thaw(web1, 4, fourth)])
  t.deepEqual((await run({ home })).findings, [])
  await change(home, () => [put(keyOf(web1, 5), stray.bytes)])
  const { findings, orders } = await run({ home })
  t.deepEqual(findings.map(({ kind, from, thaw }) => [kind, from, thaw?.keep]), [['fork', 4, fourth.id]])
  t.deepEqual(endsOf(orders, web1, first.id), ['succeeded'])
})

test('of two thaws of one place the newer counts', async (t) => {
  for (const [index, times] of [[1, 2], [2, 1]].entries()) {
    const { world, web1, branch, first, all } = parted()
    const thaws = [web1, branch].map((author, position) => {
      const keep = author.entries[3]
      if (keep === undefined) throw new Error('a fourth entry')
      return world.thaw(web1, 4, keep, madeAt + (times[position] ?? 0))
    })
    const home = await homeOf(t, world, [...all, ...branch.entries.slice(3), ...thaws], `home ${index}`)
    t.deepEqual(endsOf((await run({ home })).orders, web1, first.id), [index === 0 ? 'interrupted' : 'succeeded'])
  }
})

test('a branch that was chosen and is not held is no fault, until something follows it', async (t) => {
  const { world, web1, branch, all } = parted()
  const [, , , fourth, fifth] = branch.entries
  if (fourth === undefined || fifth === undefined) throw new Error('five entries')
  world.thaw(web1, 4, fourth)
  const home = await homeOf(t, world, [...all, ...world.admin.entries.slice(3)])
  t.like(await run({ home }), { summary: { faults: 0, forks: 1 } })
  await change(home, () => [put(keyOf(web1, 5), fifth.bytes)])
  t.deepEqual((await run({ home })).findings.map(({ kind, from }) => [kind, from]), [['fork', 4], ['missing', 4]])
})

test('what the own key wrote elsewhere is evidence of the own log', async (t) => {
  const { world, first, all } = fleet()
  const home = await homeOf(t, world, all)
  const own = world.agent('endpoint-1')
  const branch = own.branch(1)
  own.say(receipts(said(first.id, 'received')))
  const other = branch.say(receipts(said(first.id, 'validated')))
  const { incarnation } = own
  const life = { ...beginLife(incarnation), head: { sequence: 2, id: own.entries[1]?.id ?? null }, closedAt: 2, isOver: true }
  const rows = [put(livesKey, encodeCbor([life])), ...own.entries.map(({ body, bytes }) => put(entryKey(incarnation, body.sequence), bytes))]
  await change(home, () => rows)
  t.like(await run({ home }), { findings: { length: 0 }, summary: { faults: 0, forks: 0, entries: 13 } })
  await change(home, () => [put(branchKey(incarnation, 2, other.id), other.bytes)])
  const { findings, summary } = await run({ home })
  t.deepEqual(findings.map(({ kind, author, from, entries }) => [kind, author, from, entries]), [['fork', own.key, 2, [own.entries[1]?.id ?? other.id, other.id].sort()]])
  t.is(summary.entries, 14)
  await change(home, () => [put(branchKey(incarnation, 2, other.id), new Uint8Array())])
  t.deepEqual((await run({ home })).findings, [])
})

test('a fork is shown with both of its entries, and nothing from there on counts', async (t) => {
  const { world, first, web1, all } = fleet()
  const branch = web1.branch(3)
  const other = branch.say(receipts(world.statement(web1.node.executor, first.id, 'failed')))
  const home = await homeOf(t, world, all)
  await change(home, () => [put(keys.conflict({ author: web1.key, incarnation: web1.incarnation }, 4, other.id), other.bytes)])
  const { findings, summary, orders } = await run({ home })
  t.deepEqual(findings.map(({ kind, from, entries }) => [kind, from, entries.length]), [['fork', 4, 2]])
  t.deepEqual([summary.faults, summary.forks], [0, 1])
  const states = orders.flatMap(({ order }) => order.runs.filter(({ agent }) => agent === web1.key).map(({ fact }) => fact.state)).sort()
  t.deepEqual(states, ['received', 'running'])
})

test('an entry that names another predecessor shows a fork one earlier, and takes that one along', async (t) => {
  const { world, first, web1, all } = fleet()
  const branch = web1.branch(3)
  branch.say(receipts(world.statement(web1.node.executor, first.id, 'failed')))
  const stray = branch.say(receipts(said(first.id, 'received')))
  const home = await homeOf(t, world, all)
  await change(home, () => [put(keyOf(web1, 5), stray.bytes)])
  const { findings, orders } = await run({ home })
  t.deepEqual(findings.map(({ kind, from }) => [kind, from]), [['fork', 4]])
  t.false(orders.some(({ order }) => order.runs.some(({ agent, fact }) => agent === web1.key && fact.state === 'succeeded')))
})
