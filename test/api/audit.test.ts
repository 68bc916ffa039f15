import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { audit, type AuditEvent, type AuditOptions, type AuditSummary } from '../../src/api/index.ts'
import { openGuarded } from '../../src/base/level-guard.ts'
import { put, remove, withPrefix, type Change } from '../../src/base/key-value-store.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { branchKey, entryKey, livesKey } from '../../src/queue/own-keys.ts'
import { beginLife } from '../../src/queue/own-lives.ts'
import { keys, putRow, readRow, type LogRow } from '../../src/queue/queue-store.ts'
import { statementKind } from '../../src/record/statement.ts'
import { entryKind } from '../../src/record/entry.ts'
import { decodeRecord, sealRecord } from '../../src/record/record.ts'
import { createHomeDirectories, homePaths, saveCharters, saveConfig, saveCredential, saveKey } from '../../src/trust/file-home.ts'
import { keyFor } from '../fixtures/mesh.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { bytesOf, madeAt, receipts, said, spoil, World, type Author } from '../queue/world.ts'
import type { RecordId } from '../../src/base/brand.ts'
import type { Verified } from '../../src/record/record.ts'
import type { EntryBody } from '../../src/record/entry.ts'

/** The home of an endpoint that holds `entries`. */
const homeOf = async (t: ExecutionContext, world: World, entries: readonly Verified<EntryBody>[], name = 'e1'): Promise<string> => {
  const home = path.join(await temporaryDirectory(t), name)
  const node = world.mesh.node('endpoint-1')
  const paths = createHomeDirectories(home, ['agent', 'executor'])
  saveKey(paths.peerKey, 'ed25519', node.peer.seed)
  saveCharters(paths, 'agent', world.mesh.chain)
  saveCredential(paths, 'agent', node.credential.bytes)
  saveConfig(paths, { kind: 'node', version: 1, mesh: world.mesh.mesh, meshName: 'lab', name: 'endpoint-1', endpoints: [], role: 'endpoint', listen: [] })
  const store = await openGuarded(paths.agentState)
  await (await world.queue({ store })).merge(bytesOf(...entries), 'test', { durable: true })
  await store.close()
  return home
}

/** Two orders, one that was cancelled, run on two nodes. */
const fleet = () => {
  const world = new World()
  const [first, second] = [world.order({ name: 'first' }), world.order({ name: 'second' })]
  world.cancel(second.id)
  const nodes = ['web-1', 'web-2'].map((name) => {
    const agent = world.agent(name)
    agent.say(receipts(said(first.id, 'received'), said(second.id, 'received')))
    agent.say(receipts(world.statement(agent.node.executor, first.id, 'running')))
    agent.say(receipts(world.statement(agent.node.executor, first.id, name === 'web-1' ? 'succeeded' : 'failed')))
    return agent
  })
  const [web1, web2] = nodes
  if (web1 === undefined || web2 === undefined) throw new Error('two nodes')
  return { world, first, second, web1, web2, all: [...world.admin.entries, ...web1.entries, ...web2.entries] }
}

const run = async (options: AuditOptions) => {
  const events: AuditEvent[] = []
  for await (const event of audit(options)) events.push(event)
  const orders = events.flatMap((event) => (event.kind === 'order' ? [event] : []))
  const findings = events.flatMap((event) => (event.kind === 'finding' ? [event.finding] : []))
  const summary = events.flatMap((event) => (event.kind === 'summary' ? [event.summary] : []))[0]
  if (summary === undefined) throw new Error('no summary')
  return { orders, findings, summary, damage: events.filter(({ kind }) => kind === 'damage') }
}

const change = async (home: string, decide: (rows: ReadonlyMap<string, Uint8Array>) => readonly Change[]): Promise<void> => {
  const store = await openGuarded(homePaths(home).agentState)
  const rows = new Map<string, Uint8Array>()
  for await (const [key, value] of store.entries(withPrefix('q/'))) rows.set(key, value)
  await store.write(decide(rows), { durable: true })
  await store.close()
}

const keyOf = (author: Author, sequence: number): string => keys.entry({ author: author.key, incarnation: author.incarnation }, sequence)

test('an audit tells who ordered what, who cancelled it, and what came of it where', async (t) => {
  const { world, first, second, all } = fleet()
  const { orders, findings, summary } = await run({ home: await homeOf(t, world, all) })
  t.deepEqual(findings, [])
  t.like(summary, { logs: 3, entries: 11, orders: 2, faults: 0, forks: 0, exported: null } satisfies Partial<AuditSummary>)
  const told = new Map(orders.map(({ order, nameOf }) => [order.indication, { ...order, admin: nameOf(order.given?.admin ?? first.body.admin), runs: order.runs.map(({ agent, fact }) => `${nameOf(agent)} ${fact.state}`).sort() }]))
  t.like(told.get(first.id), { given: { name: 'first' }, cancels: { length: 0 }, runs: ['web-1 succeeded', 'web-2 failed'] })
  t.like(told.get(second.id), { given: { name: 'second' }, cancels: { length: 1 }, runs: ['web-1 received', 'web-2 received'] })
})

test('an audit leaves the home as it was, but for an empty folder', async (t) => {
  const { world, all } = fleet()
  const home = await homeOf(t, world, all)
  const state = homePaths(home).agentState
  const before = readdirSync(state).map((name) => `${name} ${readFileSync(path.join(state, name)).toString('base64')}`)
  await run({ home })
  t.deepEqual(readdirSync(state).map((name) => `${name} ${readFileSync(path.join(state, name)).toString('base64')}`), before)
  t.deepEqual(readdirSync(path.join(home, 'run', 'audit')), [])
})

test('an audit beside a running node sees what that has written', async (t) => {
  const { world, all } = fleet()
  const home = await homeOf(t, world, all.slice(0, 5))
  const store = await openGuarded(homePaths(home).agentState)
  t.teardown(() => store.close())
  await (await world.queue({ store })).merge(bytesOf(...all), 'test')
  t.like((await run({ home })).summary, { entries: 11, faults: 0 })
})

/** What an audit says of evidence that somebody changed. */
const finds = test.macro({
  async exec(t, harm: (parts: ReturnType<typeof fleet>, rows: ReadonlyMap<string, Uint8Array>) => readonly Change[], expected: readonly (readonly [kind: string, from: number, through: number])[], detail: RegExp) {
    const parts = fleet()
    const home = await homeOf(t, parts.world, parts.all)
    await change(home, (rows) => harm(parts, rows))
    const { findings, summary } = await run({ home })
    t.deepEqual(findings.map(({ kind, from, through }) => [kind, from, through]), expected.map((one) => [...one]), JSON.stringify(findings))
    t.true(findings.every(({ author }) => author === parts.web1.key))
    t.true(findings.some((finding) => detail.test(finding.detail)), JSON.stringify(findings))
    t.is(summary.faults, expected.length)
  },
  title: (name = '') => `${name} is named with its author and number`
})

/** The home's word that it holds the log from there on. */
const begunAt = (author: Author, base: number, rows: ReadonlyMap<string, Uint8Array>): Change => {
  const key = keys.log({ author: author.key, incarnation: author.incarnation })
  return putRow(key, { ...readRow<LogRow>(rows.get(key) ?? new Uint8Array()), base })
}

const flipped = (bytes: Uint8Array | undefined, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes ?? [])
  const index = at < 0 ? copy.length + at : at
  copy[index] = (copy[index] ?? 0) ^ 1
  return copy
}
test('an entry with a bit of its body changed', finds, ({ web1 }, rows) => [put(keyOf(web1, 3), flipped(rows.get(keyOf(web1, 3)), 200))], [['altered', 3, 3]], /read|valid|canonical/)
test('a last entry with a bit of its signature changed', finds, ({ web1 }, rows) => [put(keyOf(web1, 4), flipped(rows.get(keyOf(web1, 4)), -1))], [['altered', 4, 4]], /not valid/)
test('an entry that was taken out', finds, ({ web1 }) => [remove(keyOf(web1, 3))], [['missing', 3, 3]], /says that it holds/)
test('the last entry that was taken out', finds, ({ web1 }) => [remove(keyOf(web1, 4))], [['missing', 4, 4]], /says that it holds/)
test('the first entries that were taken out', finds, ({ web1 }) => [remove(keyOf(web1, 1)), remove(keyOf(web1, 2))], [['missing', 1, 2], ['forged', 3, 3]], /no credential/)
test('a whole log that was taken out', finds, ({ web1 }) => [1, 2, 3, 4].map((sequence) => remove(keyOf(web1, sequence))), [['missing', 1, 4]], /says that it holds/)
test('an entry in the place of another', finds, ({ web1 }, rows) => [put(keyOf(web1, 3), rows.get(keyOf(web1, 2)) ?? new Uint8Array())], [['altered', 3, 3]], /another place/)
test('an entry that somebody else signed', finds, ({ web1 }, rows) => {
  const decoded = decodeRecord(entryKind, rows.get(keyOf(web1, 4)) ?? new Uint8Array())
  return decoded.ok ? [put(keyOf(web1, 4), sealRecord(entryKind, decoded.value.body, [keyFor('thief')]).bytes)] : []
}, [['altered', 4, 4]], /not signed/)
test('a statement of another executor', finds, ({ world, web1, web2, first }) => {
  const entry = web1.forge(receipts(world.statement(web2.node.executor, first.id, 'failed')), {})
  return [put(keyOf(web1, 5), entry.bytes)]
}, [['forged', 5, 5]], /not signed by the executor/)

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

test('what a home dropped verifies together with an archive made before, and without it is said to be dropped', async (t) => {
  const { world, first, web1, all } = fleet()
  web1.say({ kind: 'checkpoint', credential: web1.node.credential.bytes })
  const later = web1.say(receipts(said(first.id, 'received')))
  const full = await homeOf(t, world, [...all, ...web1.entries.slice(4)], 'full')
  const archive = path.join(path.dirname(full), 'evidence.car')
  t.like((await run({ home: full, export: archive })).summary, { faults: 0, exported: archive, entries: 13 })
  await change(full, (rows) => [...[1, 2, 3, 4].map((sequence) => remove(keyOf(web1, sequence))), begunAt(web1, 5, rows)])
  const alone = await run({ home: full })
  t.deepEqual(alone.findings.map(({ kind, from, through }) => [kind, from, through]), [['dropped', 1, 4]])
  t.regex(alone.findings[0]?.detail ?? '', /held from entry 5 on/)
  t.is(alone.summary.faults, 0)
  const together = await run({ home: full, archives: [archive] })
  t.deepEqual(together.findings, [])
  t.is(together.summary.entries, 13)
  t.true(together.orders.some(({ order }) => order.runs.some(({ agent, fact }) => agent === web1.key && fact.state === 'succeeded')))
  t.is(later.body.sequence, 6)
})

test('what the home says it holds is missing, also before a checkpoint, and what it says it dropped is not', async (t) => {
  const { world, first, web1, all } = fleet()
  world.checkpoint(web1)
  web1.say(receipts(said(first.id, 'received')))
  world.checkpoint(web1)
  const later = web1.say(receipts(world.statement(web1.node.executor, first.id, 'interrupted')))
  const home = await homeOf(t, world, [...all, ...web1.entries.slice(4)])
  // Cut off in the middle of dropping: 1 to 3 are gone, 4 to 6 not yet.
  await change(home, (rows) => [...[1, 2, 3].map((sequence) => remove(keyOf(web1, sequence))), begunAt(web1, 7, rows)])
  const dropped = await run({ home })
  t.deepEqual(dropped.findings.map(({ kind, from, through }) => [kind, from, through]), [['dropped', 1, 3]])
  t.is(dropped.summary.faults, 0)
  await change(home, (rows) => [remove(keyOf(web1, 6)), begunAt(web1, 5, rows)])
  t.deepEqual((await run({ home })).findings.map(({ kind, from, through }) => [kind, from, through]), [['dropped', 1, 3], ['missing', 6, 6]])
  t.is(later.body.sequence, 8)
})

test('an entry whose signature is spoilt is proved by the next, and by its own copy elsewhere', async (t) => {
  const { world, web1, first, all } = fleet()
  const home = await homeOf(t, world, all)
  await change(home, () => [put(keyOf(web1, 2), spoil(web1.entries[1]?.bytes ?? new Uint8Array())), put(keyOf(web1, 3), spoil(web1.entries[2]?.bytes ?? new Uint8Array()))])
  const archive = path.join(path.dirname(home), 'evidence.car')
  const { findings, orders } = await run({ home, export: archive })
  t.deepEqual(findings, [])
  t.true(orders.some(({ order }) => order.indication === first.id && order.runs.some(({ agent, fact }) => agent === web1.key && fact.state === 'succeeded')))
  const intact = await run({ home: await homeOf(t, world, all, 'intact'), archives: [archive] })
  t.deepEqual([intact.findings, intact.summary.forks], [[], 0])
})

test('a statement whose signature is spoilt is proved by a later one of its executor, in whatever log', async (t) => {
  const { world, second, web1, all } = fleet()
  const { executor } = web1.node
  const early = world.statement(executor, second.id, 'running')
  const late = (previous: RecordId | null) => world.statement(executor, second.id, 'succeeded', { previous })
  const earlyBytes = early.kind === 'executor' ? early.statement : new Uint8Array()
  const decoded = decodeRecord(statementKind, earlyBytes)
  if (!decoded.ok) throw new Error('a statement')
  const spoilt = web1.forge(receipts({ kind: 'executor', statement: spoil(earlyBytes) }), {})
  for (const life of ['first', 'second', 'third']) {
    for (const [previous, expected] of [[decoded.value.id, []], [null, [['altered', 5]]]] as const) {
      const other = world.agent('web-1', { life })
      other.say(receipts(late(previous)))
      const home = await homeOf(t, world, [...all, ...other.entries], `${life} ${expected.length}`)
      await change(home, () => [put(keyOf(web1, 5), spoilt.bytes)])
      const { findings } = await run({ home })
      t.deepEqual(findings.map(({ kind, from }) => [kind, from]), expected.map((one) => [...one]))
    }
  }
})

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

const endsOf = (orders: Awaited<ReturnType<typeof run>>['orders'], author: Author, indication: string) =>
  orders.flatMap(({ order }) => (order.indication === indication ? order.runs.filter(({ agent }) => agent === author.key).map(({ fact }) => fact.state) : []))

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

test('an archive that says otherwise than the home is no help: the fork shows', async (t) => {
  const { world, first, web1, all } = fleet()
  const branch = web1.branch(3)
  branch.say(receipts(world.statement(web1.node.executor, first.id, 'failed')))
  const other = await homeOf(t, world, [...world.admin.entries, ...branch.entries], 'other')
  const archive = path.join(path.dirname(other), 'evidence.car')
  await run({ home: other, export: archive })
  const { findings } = await run({ home: await homeOf(t, world, all), archives: [archive] })
  t.deepEqual(findings.map(({ kind, from }) => [kind, from]), [['fork', 4]])
})

test('archives that are damaged, foreign, or of another mesh are refused, and an export is never written over', async (t) => {
  const { world, all } = fleet()
  const home = await homeOf(t, world, all)
  const archive = path.join(path.dirname(home), 'evidence.car')
  await run({ home, export: archive })
  await t.throwsAsync(run({ home, export: archive }), { code: 'file-exists' })
  const bytes = readFileSync(archive)
  writeFileSync(archive, bytes.subarray(0, -1))
  await t.throwsAsync(run({ home, archives: [archive] }), { code: 'archive-damaged' })
  writeFileSync(archive, 'text')
  await t.throwsAsync(run({ home, archives: [archive] }), { code: 'archive-foreign' })
  const next = path.join(path.dirname(home), 'next.car')
  writeFileSync(archive, bytes.subarray(0, -1))
  await t.throwsAsync(run({ home, archives: [archive], export: next }), { code: 'archive-damaged' })
  t.false(existsSync(next))
  t.false(existsSync(`${next}.partial`))
})

test('a store whose files were changed is said to be damaged', async (t) => {
  const { world, all } = fleet()
  const home = await homeOf(t, world, all)
  const state = homePaths(home).agentState
  const table = readdirSync(state).find((name) => name.endsWith('.log')) ?? ''
  const bytes = readFileSync(path.join(state, table))
  bytes[100] = (bytes[100] ?? 0) ^ 1
  writeFileSync(path.join(state, table), bytes)
  const { damage, summary } = await run({ home })
  t.is(damage.length, 1)
  t.true(summary.faults > 0)
})

test('a home without a store has nothing to be verified', async (t) => {
  const { world } = fleet()
  const home = path.join(await temporaryDirectory(t), 'e1')
  const node = world.mesh.node('endpoint-1')
  const paths = createHomeDirectories(home, ['agent', 'executor'])
  saveKey(paths.peerKey, 'ed25519', node.peer.seed)
  saveCharters(paths, 'agent', world.mesh.chain)
  saveConfig(paths, { kind: 'node', version: 1, mesh: world.mesh.mesh, meshName: 'lab', name: 'endpoint-1', endpoints: [], role: 'agent', listen: [] })
  t.like((await run({ home })).summary, { logs: 0, entries: 0, faults: 0 })
})
