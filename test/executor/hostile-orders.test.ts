import test from 'ava'
import { chmod, rename, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { controlKind } from '../../src/record/control.ts'
import { charterKind } from '../../src/record/charter.ts'
import { sealRecord } from '../../src/record/record.ts'
import { statementKind } from '../../src/record/statement.ts'
import { Attacked, caughtUp, heard, listening, say, type Attack } from './hostile-setting.ts'
import { buildRelease, removeRelease, type Heard, type Release } from './executor-process.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { payloadOf } from '../fixtures/orders.ts'
import type { Deed } from './hostile-plan.ts'
import type { Signer } from '../../src/record/keys.ts'

const hour = 3_600_000
const stranger = keyFor('stranger')
const clerk = keyFor('clerk')
let release: Release

test.before(async () => {
  release = await buildRelease('either-agent.ts')
})
test.after.always(() => removeRelease(release))

/** What was said of these orders: `refused CODE`, or the states and codes of its statements. */
const answersTo = (all: readonly Heard[], attacks: readonly Attack[]): string[] =>
  attacks.map(({ indication }) => all.filter((line) => line.indication === indication.id).map(({ kind, state, code }) => [state ?? kind, ...(code === null ? [] : [code])].join(' ')).join(', '))

/** A mesh with an admin who may do less, and one who may do nothing any more. */
const meshWithClerk = (): TestMesh => {
  const mesh = new TestMesh({ now: Date.now() })
  const admins = mesh.chain.current.admins
  mesh.amend({ admins: [...admins, { key: keyFor('former').key, name: 'former', may: [{ formats: ['*'], on: '' }] }] })
  mesh.amend({ admins: [...admins, { key: clerk.key, name: 'clerk', may: [{ formats: ['facts'], on: '' }] }] })
  return mesh
}

test('no forged order runs, whoever it claims to be from', async (t) => {
  const attacked = await Attacked.prepare(t, release, meshWithClerk())
  const { now } = attacked.setting.mesh
  const elsewhere = new TestMesh({ name: 'elsewhere', now })
  const own = attacked.order('own', { admin: stranger.key }, stranger)
  const judged = [
    attacked.order('former', { admin: keyFor('former').key }, keyFor('former')),
    attacked.order('clerk', { admin: clerk.key }, clerk),
    attacked.order('others', { target: { kind: 'nodes', nodes: [attacked.setting.mesh.peer('web-2')] } }),
    attacked.order('labels', { target: { kind: 'select', selector: 'role=db', enrolledUntil: now } }),
    attacked.order('expired', { createdAt: now - 2 * hour, notBefore: now - 2 * hour, expiresAt: now - hour }),
    attacked.order('long', { expiresAt: now + 10_000 * hour }),
    attacked.order('elsewhere', { mesh: elsewhere.mesh })
  ]
  const unsigned = [attacked.order('named', {}, stranger), attacked.order('clerk for admin', {}, clerk)]
  await attacked.start(listening(caughtUp, ...[...unsigned, own, ...judged].map(({ deed }) => deed), heard('refused', 3), heard('statement', judged.length)))
  const all = await attacked.done()
  t.deepEqual(answersTo(all, judged), ['rejected not-an-admin', 'rejected not-authorised', 'rejected not-a-target', 'rejected not-a-target', 'expired', 'rejected bad-validity', 'rejected wrong-mesh'])
  t.deepEqual(all.flatMap(({ kind, code }) => (kind === 'refused' ? [code] : [])), ['bad-signature', 'bad-signature', 'not-an-admin'])
  t.deepEqual(answersTo(all, [own]), ['refused not-an-admin'])
  t.deepEqual(await attacked.recover(), ['good'])
})

test('an order runs once, however often it is said, also after a power cut, and one that was running is interrupted', async (t) => {
  const attacked = await Attacked.prepare(t, release)
  const ended = attacked.order('ended')
  const running = attacked.order('running', {}, undefined, attacked.markWith('running', 'sleep 60'))
  const replay = [ended.deed, running.deed, caughtUp].flatMap((deed) => [deed, deed, deed])
  await attacked.start(listening(caughtUp, ended.deed, running.deed, heard('statement', 3), ...replay, ...replay))
  await attacked.done()
  await attacked.restart(listening(...replay, heard('statement', 4), ...replay))
  await attacked.hears((all) => all.filter(({ kind }) => kind === 'done').length === 2)
  t.deepEqual((await attacked.marks()).sort(), ['ended', 'running'])
  t.deepEqual((await attacked.recover()).sort(), ['ended', 'good', 'running'])
})

const chunk = ({ indication }: Attack, bytes: Uint8Array, offset = 0): Deed => say({ kind: 'payload-chunk', indication: indication.id, offset, bytes })
const endOf = ({ indication }: Attack): Deed => say({ kind: 'payload-end', indication: indication.id })

test('no bytes run but those that the order names', async (t) => {
  const attacked = await Attacked.prepare(t, release)
  const lies = {
    swapped: (attack: Attack) => [chunk(attack, Buffer.from(attack.payload).fill('#', 0, 5)), endOf(attack)],
    short: (attack: Attack) => [chunk(attack, attack.payload.subarray(0, 100)), endOf(attack)],
    long: (attack: Attack) => [chunk(attack, Buffer.concat([attack.payload, Buffer.from('\n')])), endOf(attack)],
    apart: (attack: Attack) => [chunk(attack, attack.payload.subarray(0, 100)), chunk(attack, attack.payload.subarray(100), 99), endOf(attack)],
    again: (attack: Attack) => [chunk(attack, attack.payload), chunk(attack, attack.payload), endOf(attack)]
  }
  const lied = Object.entries(lies).map(([name, lie]) => ({ attack: attacked.script(name), lie }))
  const beside = attacked.order('beside', { payload: payloadOf(Buffer.from('other bytes')).ref })
  const genuine = attacked.script('genuine')
  const late = [chunk(genuine, Buffer.from('echo late\n')), endOf(genuine), chunk(genuine, genuine.payload), endOf(genuine)]
  const deeds = lied.flatMap(({ attack, lie }, index) => [attack.deed, heard('payload-wanted', index + 1), ...lie(attack)])
  await attacked.start(listening(caughtUp, beside.deed, ...deeds, heard('statement', 6), genuine.deed, heard('payload-wanted', 6), chunk(genuine, genuine.payload), endOf(genuine), ...late, heard('statement', 8)))
  const all = await attacked.done()
  t.deepEqual(new Set(answersTo(all, [beside, ...lied.map(({ attack }) => attack)])), new Set(['rejected payload-mismatch']))
  t.deepEqual(await attacked.recover(), ['genuine', 'good'])
})

/** Tricks of somebody who has come as far as the cache, between the check and the start. */
const isNoticed = test.macro({
  async exec(t, trick: (payload: string) => Promise<void>) {
    const attacked = await Attacked.prepare(t, release)
    const cached = attacked.script('cached', { notBefore: attacked.setting.mesh.now + 3000 })
    await attacked.start(listening(caughtUp, cached.deed, heard('payload-wanted'), chunk(cached, cached.payload), endOf(cached), heard('validated')))
    await attacked.done()
    await trick(path.join(attacked.home, 'executor', 'cache', 'jobs', cached.indication.id, 'payload'))
    const all = await attacked.hears((lines) => lines.filter(({ kind }) => kind === 'statement').length === 2)
    t.deepEqual(answersTo(all, [cached]), ['running, failed spawn-failed'])
    t.deepEqual(await attacked.recover(), ['good'])
  },
  title: (name = '') => `a payload is checked once more when it starts: ${name}`
})
const other = 'echo other >> "$(dirname "$0")/../../../../../marks"\n'
test('bytes changed in place', isNoticed, async (payload) => {
  await chmod(payload, 0o700)
  await writeFile(payload, other, { flag: 'r+' })
})
test('another file in its place', isNoticed, async (payload) => {
  await writeFile(`${payload}.new`, other)
  await rename(`${payload}.new`, payload)
})
test('a link to the same bytes elsewhere, which can be changed later', isNoticed, async (payload) => {
  await rename(payload, `${payload}.same`)
  await symlink(`${payload}.same`, payload)
})

/** That this order has succeeded, in the name of `executor`. */
const claimOf = (attacked: Attacked, { indication }: Attack, executor: Signer, signer: Signer): Uint8Array =>
  sealRecord(
    statementKind,
    { mesh: attacked.setting.mesh.mesh, executor: executor.key, previous: null, indication: indication.id, state: 'succeeded', at: Date.now(), startedAt: Date.now(), exitCode: 0, signal: null, code: null, detail: null, stdout: null, stderr: null },
    [signer]
  ).bytes

test('charters of others, and those from before, change nothing', async (t) => {
  const attacked = await Attacked.prepare(t, release, meshWithClerk())
  const { mesh } = attacked.setting
  const last = mesh.chain.versions.at(-1)
  if (last === undefined) return t.fail()
  const admins = [{ key: stranger.key, name: 'stranger', may: [{ formats: ['*'], on: '' }] }]
  const byStranger = sealRecord(charterKind, { ...last.body, version: 4, previous: last.id, admins }, [stranger]).bytes
  const byAdmin = sealRecord(charterKind, { ...last.body, version: 4, previous: last.id, admins }, [mesh.admin]).bytes
  const rival = new TestMesh({ name: 'elsewhere', now: mesh.now }).amend({ admins })
  const gap = sealRecord(charterKind, { ...last.body, version: 5, previous: last.id, admins }, [mesh.root]).bytes
  const brought = [mesh.charters.slice(0, 1), mesh.charters.slice(0, 2), [byStranger], [byAdmin], rival.versions.map(({ bytes }) => bytes), [gap], [...mesh.charters, byStranger]]
  const own = attacked.order('own', { admin: stranger.key, charterVersion: 4 }, stranger)
  const former = attacked.order('former', { admin: keyFor('former').key, charterVersion: 2 }, keyFor('former'))
  await attacked.start(listening(caughtUp, ...brought.map((charters) => say({ kind: 'charters', charters })), own.deed, former.deed, heard('statement')))
  t.deepEqual(answersTo(await attacked.done(), [own, former]), ['refused not-an-admin', 'rejected not-an-admin'])
  t.deepEqual(await attacked.recover(), ['good'])
})

test('a forged cancel stops nothing, and forged statements say nothing to the executor', async (t) => {
  const attacked = await Attacked.prepare(t, release, meshWithClerk())
  const { mesh, node } = attacked.setting
  const planned = attacked.order('planned', { notBefore: mesh.now + 3000 })
  const cancel = (admin: Signer, signer: Signer): Uint8Array =>
    sealRecord(controlKind, { mesh: mesh.mesh, admin: admin.key, indication: planned.indication.id, action: 'cancel', at: mesh.now }, [signer]).bytes
  const cancels = [cancel(stranger, stranger), cancel(mesh.admin, stranger), cancel(clerk, clerk), cancel(node.peer, node.peer)]
  const bundled = say({ kind: 'order', bundle: { indication: planned.indication.bytes, controls: cancels, payload: planned.payload } })
  const statements = [stranger, node.peer, node.executor].map((executor) => claimOf(attacked, planned, executor, executor === node.executor ? node.peer : executor))
  const claims: Deed[] = [...cancels.map((control) => say({ kind: 'control', control })), say({ kind: 'adopt', batch: 1, statements }), say({ kind: 'kept', statement: planned.indication.id }), say({ kind: 'retell', batch: 2 })]
  await attacked.start(listening(caughtUp, bundled, heard('validated'), ...claims, heard('written', 2), heard('statement', 2)))
  t.deepEqual(answersTo(await attacked.done(), [planned]), ['running, succeeded'])
  t.deepEqual(await attacked.recover(), ['planned', 'good'])
})
