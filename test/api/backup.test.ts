import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { backUp, bootstrapEndpoint, createMesh, readStatus, restore } from '../../src/api/index.ts'
import { withAdminLog } from '../../src/api/admin-log.ts'
import { isBackedUp } from '../../src/api/backup-format.ts'
import { CarWriter } from '../../src/base/file-car.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { LevelStore } from '../../src/base/level-store.ts'
import { openGuarded } from '../../src/base/level-guard.ts'
import { put } from '../../src/base/key-value-store.ts'
import { isEqualBytes, utf8 } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { systemRandom } from '../../src/base/system-random.ts'
import { OwnLog } from '../../src/queue/own-log.ts'
import { keys, putRow, readRow, type StoreMeta } from '../../src/queue/queue-store.ts'
import { loadCharters, loadCredential, loadSigner, openAdminHome, openNodeHome } from '../../src/trust/file-home.ts'
import { loadRestored } from '../../src/trust/file-restored.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

const setUp = async (t: ExecutionContext) => {
  const folder = await temporaryDirectory(t)
  const [admin, node] = [path.join(folder, 'admin'), path.join(folder, 'e1')]
  await createMesh({ home: admin, mesh: 'lab' })
  await bootstrapEndpoint({ admin, home: node, name: 'e1', listen: ['/ip4/127.0.0.1/tcp/4400'] })
  return { folder, admin, node, out: path.join(folder, 'backup.car'), again: path.join(folder, 'again') }
}

/** As after some work: rows in both stores, an own log, outputs, and things that a backup leaves out. */
const use = async (node: string): Promise<void> => {
  const home = openNodeHome(node)
  const chain = loadCharters(home, 'agent')
  const { credential } = loadCredential(home, 'agent', chain)
  const state = await openGuarded(home.paths.agentState)
  await OwnLog.open({ store: state, signer: loadSigner(home.paths.peerKey), mesh: chain.mesh, random: systemRandom, clock: systemClock, first: { kind: 'credential', credential: credential.bytes } })
  await state.write([putRow(keys.meta, { storeId: 'a'.repeat(26), arrival: 3, digest: new Uint8Array(32) }), ...Array.from({ length: 30 }, (_, index) => put(`q/x/${index}`, new Uint8Array(100_000).fill(index)))], { durable: true })
  await state.close()
  const journal = await openGuarded(home.paths.journal)
  await journal.write([put('finished/x', utf8('outcome'))], { durable: true })
  await journal.close()
  for (const [name, sizeBytes] of [['agent/outputs/ab/large', 3_000_000], ['agent/outputs/empty', 0], ['agent/blocks/block', 10], ['run/status.json', 0], ['executor/cache/jobs/x/payload', 5], ['agent/state.damaged-20260101T000000Z/CURRENT', 1]] as const) {
    mkdirSync(path.dirname(path.join(node, name)), { recursive: true })
    writeFileSync(path.join(node, name), new Uint8Array(sizeBytes).fill(7))
  }
}

const rowsOf = async (directory: string): Promise<Map<string, Uint8Array>> => {
  const store = await LevelStore.open(directory)
  const rows = new Map<string, Uint8Array>()
  for await (const [key, value] of store.entries({ from: '', to: '~' })) rows.set(key, value)
  await store.close()
  return rows
}

test("a node's home comes back whole, with modes, but for what it has again by itself", async (t) => {
  const { node, out, again } = await setUp(t)
  await use(node)
  const made = await backUp({ home: node, out })
  t.is(statSync(out).mode & 0o777, 0o600)
  const restored = await restore({ file: out, home: again })
  t.deepEqual({ ...restored, sizeBytes: 0 }, { ...made, sizeBytes: 0 })
  t.like(made, { kind: 'node', name: 'e1', meshName: 'lab' })
  for (const name of ['writ.json', 'agent/keys/peer.key', 'executor/keys/executor.key', 'agent/charters.cbor', 'executor/credential.cbor', 'agent/outputs/ab/large', 'agent/outputs/empty']) {
    t.true(readFileSync(path.join(node, name)).equals(readFileSync(path.join(again, name))), name)
    t.is(statSync(path.join(node, name)).mode, statSync(path.join(again, name)).mode, name)
  }
  for (const name of ['agent/blocks', 'run/status.json', 'executor/cache', 'agent/state.damaged-20260101T000000Z']) t.false(existsSync(path.join(again, name)), name)
  const [before, after] = [await rowsOf(path.join(node, 'agent/state')), await rowsOf(path.join(again, 'agent/state'))]
  for (const [key, value] of before) if (key !== keys.meta && key !== 'own/lives') t.true(isEqualBytes(after.get(key) ?? new Uint8Array(), value), key)
  t.deepEqual((await rowsOf(path.join(again, 'executor/journal'))).size, 1)
  const status = await readStatus({ home: again })
  t.is(status.restored?.backupAt, made.at)
  t.deepEqual(status.setAside, [])
})

test('what was restored goes on in a new life of its log, and as another store to those who synchronise with it', async (t) => {
  const { node, out, again } = await setUp(t)
  await use(node)
  await backUp({ home: node, out })
  await restore({ file: out, home: again })
  const rows = await rowsOf(path.join(again, 'agent/state'))
  const lives = readRow<{ incarnation: string; head: { sequence: number } }[]>(rows.get('own/lives') ?? new Uint8Array())
  t.is(lives.length, 2)
  t.is(lives[1]?.head.sequence, 1)
  t.not(readRow<StoreMeta>(rows.get(keys.meta) ?? new Uint8Array()).storeId, 'a'.repeat(26))
  t.truthy(loadRestored(openNodeHome(again).paths))
})

test("an admin's home comes back, root key included, and its log in a new life", async (t) => {
  const { admin, out, again } = await setUp(t)
  const log = (home: string) => ({ directory: openAdminHome(home).paths.adminLog, mesh: openAdminHome(home).config.mesh, signer: loadSigner(openAdminHome(home).paths.adminKey) })
  const before = await withAdminLog(log(admin), async (own) => own.head().incarnation)
  await backUp({ home: admin, out })
  t.is((await restore({ file: out, home: again })).kind, 'admin')
  t.true(readFileSync(path.join(again, 'root/root.key')).equals(readFileSync(path.join(admin, 'root/root.key'))))
  t.not(await withAdminLog(log(again), async (own) => own.head().incarnation), before)
})

test('a home that never ran can be backed up', async (t) => {
  const { node, out, again } = await setUp(t)
  await backUp({ home: node, out })
  await restore({ file: out, home: again })
  t.is((await readStatus({ home: again })).name, 'e1')
})

test('a home in use is refused, and nothing is left', async (t) => {
  const { folder, node, out } = await setUp(t)
  await use(node)
  const holder = await openGuarded(path.join(node, 'executor/journal'))
  t.teardown(() => holder.close())
  await t.throwsAsync(backUp({ home: node, out }), { code: 'home-in-use', message: /stop it first/ })
  t.false(readdirSync(folder).some((name) => name.startsWith('backup.car')))
})

test('a damaged store is not backed up as if nothing were', async (t) => {
  const { node, out } = await setUp(t)
  await use(node)
  rmSync(path.join(node, 'executor/journal/CURRENT'))
  rmSync(path.join(node, 'executor/journal'), { recursive: true })
  mkdirSync(path.join(node, 'executor/journal'))
  await t.throwsAsync(backUp({ home: node, out }), { code: 'store-damaged' })
  t.false(existsSync(out))
})

test('a link in a home is refused', async (t) => {
  const { node, out } = await setUp(t)
  symlinkSync('/etc/passwd', path.join(node, 'agent', 'link'))
  await t.throwsAsync(backUp({ home: node, out }), { code: 'home-symlink' })
  t.false(existsSync(out))
})

test('a backup that was cut off or changed makes no home', async (t) => {
  const { node, out, again } = await setUp(t)
  await use(node)
  await backUp({ home: node, out })
  const whole = readFileSync(out)
  for (const bytes of [whole.subarray(0, whole.length - 1), whole.subarray(0, 100_000), Buffer.concat([whole.subarray(0, 200_000), Buffer.from([1]), whole.subarray(200_001)])]) {
    writeFileSync(out, bytes)
    await t.throwsAsync(restore({ file: out, home: again }), { code: 'archive-damaged' })
    t.false(existsSync(again))
  }
})

test('a home is never restored over another, nor into a folder that holds something', async (t) => {
  const { folder, admin, node, out } = await setUp(t)
  await backUp({ home: node, out })
  await t.throwsAsync(restore({ file: out, home: admin }), { code: 'home-exists' })
  const taken = path.join(folder, 'taken')
  mkdirSync(taken)
  writeFileSync(path.join(taken, 'file'), '')
  await t.throwsAsync(restore({ file: out, home: taken }), { code: 'home-exists' })
})

test('no path of a backup leads out of the home', async (t) => {
  const { folder, node, out, again } = await setUp(t)
  const { at, release, ...head } = { archive: 'writ-backup', version: 1, kind: 'node', name: 'x', mesh: openNodeHome(node).config.mesh, meshName: 'lab', key: (await readStatus({ home: node })).key, at: 1, release: '0' }
  for (const name of ['../outside', '/etc/x', 'a/../../outside', 'a//b', '', '..']) {
    rmSync(out, { force: true })
    const writer = new CarWriter(out, encodeCbor({ ...head, at, release }))
    writer.add(encodeCbor({ kind: 'file', path: name, mode: 0o600, bytes: new Uint8Array(1), more: false }))
    writer.finish()
    await t.throwsAsync(restore({ file: out, home: again }), { code: 'archive-foreign' }, name)
  }
  t.false(existsSync(path.join(folder, 'outside')))
})

const isKept = test.macro({ exec: (t, name: string, expected: boolean) => t.is(isBackedUp(name, 'node'), expected), title: (_, name, expected) => `${name} is ${expected ? '' : 'not '}part of a backup` })
for (const name of ['writ.json', 'agent/keys/peer.key', 'executor/cache/outputs/x', 'executor/newest-start', 'agent/outputs/state']) test(isKept, name, true)
for (const name of ['run/status.json', 'agent/state/CURRENT', 'agent/state.mark', 'agent/state.damaged-20260101T000000Z/LOCK', 'executor/journal/1.log', 'executor/cache/jobs/x/payload', 'agent/blocks/x', 'agent/charters.cbor.12.tmp']) test(isKept, name, false)
