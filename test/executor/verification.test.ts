import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { Verifier } from '../../src/executor/verification.ts'
import { charterKind } from '../../src/record/charter.ts'
import { controlKind } from '../../src/record/control.ts'
import { sealRecord } from '../../src/record/record.ts'
import { eventually } from '../fixtures/eventually.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { payloadOf } from '../fixtures/orders.ts'
import { cancelOf, commandOrder, mesh, node, openWorkbench, scriptOrder, type TestOrder } from './workbench.ts'
import type { Incarnation } from '../../src/base/brand.ts'
import type { CharterBody } from '../../src/record/charter.ts'
import type { IndicationBody } from '../../src/record/indication.ts'

const formats = new Set(['command', 'script'])
const createVerifier = (chain = mesh.chain): Verifier => new Verifier(chain, node.credential.body, formats)
const stranger = keyFor('stranger')
const elsewhere = new TestMesh({ name: 'elsewhere' })

/** An order that must not run, said to a real executor; nothing may be spawned. */
const neverRuns = test.macro({
  async exec(t, change: Partial<IndicationBody>, state: string, code: string | null) {
    const order = commandOrder(['true'], change)
    let spawned = 0
    const { agent } = await openWorkbench(t, {
      runner: (real) => ({
        start(request) {
          spawned += 1
          return real.start(request)
        }
      })
    })
    await agent.send({ kind: 'order', bundle: order.bundle })
    const outcome = await agent.outcome(order.id)
    t.deepEqual([outcome.state, outcome.code], [state, code])
    t.deepEqual(agent.states(order.id), [state])
    t.is(spawned, 0)
  },
  title: (name = '', _change, state, code) => `${name} never runs: ${state}${code === null ? '' : `, ${code}`}`
})

const past = mesh.now - 10 * limits.trust.clockToleranceMs
test('an order for another agent', neverRuns, { target: { kind: 'nodes', nodes: [mesh.peer('web-2')] } }, 'rejected', 'not-a-target')
test('an order for other labels', neverRuns, { target: { kind: 'select', selector: 'role=db', enrolledUntil: mesh.now } }, 'rejected', 'not-a-target')
test('an order for those enrolled before', neverRuns, { target: { kind: 'select', selector: '', enrolledUntil: mesh.now - 1 } }, 'rejected', 'not-a-target')
test('an order of another mesh', neverRuns, { mesh: elsewhere.mesh }, 'rejected', 'wrong-mesh')
test('an order that expired', neverRuns, { createdAt: past, notBefore: past, expiresAt: mesh.now - 1 }, 'expired', null)
test('an order valid for too long', neverRuns, { expiresAt: mesh.now + limits.indication.validityMsMax + 1 }, 'rejected', 'bad-validity')
test('an order of a format without a plug-in', neverRuns, { format: 'ansible' }, 'rejected', 'unknown-format')
test('an order with a bad pattern', neverRuns, { expected: { exitCode: 0, output: '(' } }, 'rejected', 'bad-pattern')
test('an order with a CID of something else', neverRuns, { payload: { ...payloadOf(Uint8Array.of(1)).ref, sha256: 'a'.repeat(64) } }, 'rejected', 'bad-location')
test('an order with a payload that was swapped', neverRuns, { payload: payloadOf(Buffer.from('something else')).ref }, 'rejected', 'payload-mismatch')

test('an order signed by a stranger who names an admin has no signature that counts, and gets no statement', async (t) => {
  const { agent } = await openWorkbench(t)
  const forged = commandOrder(['true'], {}, [], stranger)
  const genuine = commandOrder(['true'], {})
  await agent.send({ kind: 'order', bundle: forged.bundle })
  await agent.send({ kind: 'order', bundle: genuine.bundle })
  await agent.outcome(genuine.id)
  t.deepEqual(agent.heard[1], { kind: 'refused', indication: null, code: 'bad-signature', detail: `the indication is not signed by ${mesh.admin.key}` })
  t.deepEqual(agent.states(forged.id), [])
})

test('an order signed by a stranger in their own name is refused, and nothing of it is written down', async (t) => {
  const { agent, journal } = await openWorkbench(t)
  const order = commandOrder(['true'], { admin: stranger.key }, [], stranger)
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.hears('refused')
  t.deepEqual(agent.heard.slice(1), [{ kind: 'refused', indication: order.id, code: 'not-an-admin', detail: 'the order was not signed by an admin of this mesh' }])
  t.deepEqual([await journal.recall(order.id), journal.unkept()], [{ kind: 'fresh' }, []])
})

test('a broken copy of an order does not spoil the order', async (t) => {
  const { agent } = await openWorkbench(t)
  const order = commandOrder(['true'])
  const broken = order.bundle.indication.slice()
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
  await agent.send({ kind: 'order', bundle: { ...order.bundle, indication: broken } })
  await agent.send({ kind: 'order', bundle: order.bundle })
  t.is((await agent.outcome(order.id)).state, 'succeeded')
})

/** A payload brought by an agent that lies. */
const isRejected = test.macro({
  async exec(t, lie: (order: TestOrder) => Uint8Array, surplus?: Uint8Array) {
    const order = scriptOrder(Buffer.concat([Buffer.from('exit 0\n'), Buffer.alloc(20_000, 10)]))
    const { agent } = await openWorkbench(t, { agent: { payloads: new Map([[order.id, lie(order)]]), ...(surplus === undefined ? {} : { surplus }) } })
    await agent.send({ kind: 'order', bundle: order.bundle })
    const outcome = await agent.outcome(order.id)
    t.deepEqual([outcome.state, outcome.code], ['rejected', 'payload-mismatch'])
    t.deepEqual(agent.states(order.id), ['rejected'])
  },
  title: (name = '') => `a payload ${name} is rejected`
})
test('of the right size with another byte', isRejected, ({ payload }) => payload.map((byte, index) => (index === 5 ? byte ^ 1 : byte)))
test('that is cut short', isRejected, ({ payload }) => payload.slice(0, -1))
test('that goes on', isRejected, ({ payload }) => payload, Uint8Array.of(10))
test('that is empty', isRejected, () => new Uint8Array())

/** An admin's word on this very node's log, which is nothing to an executor. */
const thawOf = (order: TestOrder): Uint8Array => {
  const { admin } = mesh
  const incarnation = 'a'.repeat(26) as Incarnation
  return sealRecord(controlKind, { mesh: mesh.mesh, admin: admin.key, action: 'thaw', author: node.peer.key, incarnation, sequence: 1, keep: order.id, at: 1 }, [admin]).bytes
}

test('a thaw that comes to an executor is passed over', async (t) => {
  const order = commandOrder(['true'])
  t.is(createVerifier().controlledOrder(thawOf(order)), undefined)
  const { agent } = await openWorkbench(t)
  await agent.send({ kind: 'control', control: thawOf(order) })
  await agent.send({ kind: 'order', bundle: { ...order.bundle, controls: [thawOf(order)] } })
  t.is((await agent.outcome(order.id)).state, 'succeeded')
})

/** Who may cancel, with which control. */
const isCancel = test.macro({
  exec(t, control: (order: TestOrder) => Uint8Array, expected: boolean) {
    const order = commandOrder(['true'])
    const verifier = createVerifier()
    const opened = verifier.open(order.bundle)
    t.true(opened.ok)
    if (opened.ok) t.is(verifier.isCancelled(opened.value, [control(order)]), expected)
  },
  title: (name = '', _control, expected) => `${name} ${expected ? 'cancels' : 'does not cancel'}`
})
test('a control of the admin', isCancel, (order) => cancelOf(order), true)
test('a control of a stranger', isCancel, (order) => cancelOf(order, stranger), false)
test('a control for another order', isCancel, () => cancelOf(commandOrder(['true'])), false)
test('a thaw', isCancel, (order) => thawOf(order), false)
test('a control that was altered', isCancel, (order) => cancelOf(order).map((byte, index, all) => (index === all.length - 1 ? byte ^ 1 : byte)), false)
test('garbage', isCancel, () => Uint8Array.of(1, 2, 3), false)

const amended = (...changes: Partial<CharterBody>[]): TestMesh => {
  const later = new TestMesh()
  for (const change of changes) later.amend(change)
  return later
}

test('the charters grow by what is brought, once', (t) => {
  const verifier = createVerifier()
  const { charters } = amended({}, {})
  t.deepEqual(verifier.extend(charters.slice(0, 2)), { ok: true, value: true })
  t.deepEqual(verifier.extend(charters), { ok: true, value: true })
  t.deepEqual(verifier.extend(charters), { ok: true, value: false })
  t.is(verifier.chain.current.version, 3)
})

test('the charters never go back', (t) => {
  const verifier = createVerifier(amended({}, {}).chain)
  t.deepEqual(verifier.extend(mesh.charters), { ok: true, value: false })
  for (const name of ['a', 'b', 'c', 'd']) verifier.extend(amended({ enrollers: [{ key: keyFor(name).key, name }] }).charters)
  t.is(verifier.chain.current.version, 3)
})

test('a charter that was not signed by the root keys changes nothing', (t) => {
  const verifier = createVerifier()
  const [last] = mesh.chain.versions
  if (last === undefined) return t.fail()
  const forged = sealRecord(charterKind, { ...last.body, version: 2, previous: last.id, admins: [{ key: stranger.key, name: 'evil', may: [{ formats: ['*'], on: '' }] }] }, [stranger])
  const result = verifier.extend([forged.bytes])
  t.is(result.ok ? 'accepted' : result.code, 'bad-charter')
  t.is(verifier.chain.current.version, 1)
})

test('an order that needs a newer charter runs when the agent has brought it', async (t) => {
  const later = amended({})
  const { agent, saved } = await openWorkbench(t)
  const order = commandOrder(['true'], { charterVersion: 2 })
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.hears('refused')
  await agent.send({ kind: 'charters', charters: later.charters })
  await agent.send({ kind: 'order', bundle: order.bundle })
  t.is((await agent.outcome(order.id)).state, 'succeeded')
  t.is(saved.at(-1)?.current.version, 2)
})

test('a charter that removes the admin stops their order while it waits', async (t) => {
  const later = amended({ admins: [] })
  const { agent } = await openWorkbench(t)
  const order = commandOrder(['true'], { notBefore: mesh.now + 60_000 })
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.hears('validated')
  await agent.send({ kind: 'charters', charters: later.charters })
  t.is((await agent.outcome(order.id)).code, 'not-an-admin')
})

test('a replayed order of an earlier life of the executor is answered and does not run', async (t) => {
  const first = await openWorkbench(t)
  const order = commandOrder(['true'])
  await first.agent.send({ kind: 'order', bundle: order.bundle })
  await first.agent.outcome(order.id)
  await first.driver.allKept()
  const second = await openWorkbench(t, { store: first.store })
  await second.agent.send({ kind: 'order', bundle: order.bundle })
  await second.agent.outcome(order.id)
  await eventually(() => second.agent.kinds(), (kinds) => kinds.includes('statement'))
  t.deepEqual(second.agent.states(order.id), ['succeeded'])
})

test('a flood of orders is bounded, and everyone gets an outcome or may come again', async (t) => {
  const { agent } = await openWorkbench(t, { options: { pendingJobsMax: 3, concurrentJobs: 1 } })
  const orders = Array.from({ length: 12 }, () => commandOrder(['sleep', '0.05']))
  for (const order of orders) await agent.send({ kind: 'order', bundle: order.bundle })
  await eventually(() => agent.heard.length, () => orders.every(({ id }) => agent.states(id).includes('succeeded') || agent.heard.some((message) => message.kind === 'refused' && message.indication === id && message.code === 'busy')))
  t.true(agent.kinds().includes('refused'))
})
