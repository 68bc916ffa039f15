import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { change, fleet, homeOf, keyOf, run } from './audit-home.ts'
import type { AuditSummary } from '../../src/api/index.ts'
import { openGuarded } from '../../src/base/level-guard.ts'
import { put, remove, type Change } from '../../src/base/key-value-store.ts'
import { keys, putRow, readRow, type LogRow } from '../../src/queue/queue-store.ts'
import { statementKind } from '../../src/record/statement.ts'
import { entryKind } from '../../src/record/entry.ts'
import { decodeRecord, sealRecord } from '../../src/record/record.ts'
import { createHomeDirectories, homePaths, saveCharters, saveConfig, saveKey } from '../../src/trust/file-home.ts'
import { keyFor } from '../fixtures/mesh.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { bytesOf, receipts, said, spoil, type Author } from '../queue/world.ts'
import type { Receipt } from '../../src/record/entry.ts'

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
  t.deepEqual(readdirSync(path.join(home, 'executor', 'audit')), [])
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

test('a statement whose signature is spoilt is proved by a later one of its executor in the same entry, and by no other', async (t) => {
  const { world, second, web1, all } = fleet()
  const { executor } = web1.node
  const early = world.statement(executor, second.id, 'running')
  const earlyBytes = early.kind === 'executor' ? early.statement : new Uint8Array()
  const decoded = decodeRecord(statementKind, earlyBytes)
  if (!decoded.ok) throw new Error('a statement')
  const spoilt: Receipt = { kind: 'executor', statement: spoil(earlyBytes) }
  const late = world.statement(executor, second.id, 'succeeded', { previous: decoded.value.id })
  const other = world.agent('web-1', { life: 'second' })
  other.say(receipts(late))
  for (const [said, expected] of [[[spoilt, late], []], [[spoilt], [['altered', 5]]]] as const) {
    const home = await homeOf(t, world, [...all, ...other.entries], `home ${expected.length}`)
    await change(home, () => [put(keyOf(web1, 5), web1.forge(receipts(...said), {}).bytes)])
    const { findings } = await run({ home })
    t.deepEqual(findings.map(({ kind, from }) => [kind, from]), expected.map((one) => [...one]))
  }
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
