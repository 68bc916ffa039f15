import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { sha256 } from '../../src/base/codec.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { controlKind, type CancelBody } from '../../src/record/control.ts'
import { sealRecord, type Verified } from '../../src/record/record.ts'
import {
  compilePattern, isAuthorised, isAuthorisedControl, isTarget, judgeFreshness, judgeIndication, judgeOrder, openControl, openIndication, type Asked, type OrderContext, type Targetable
} from '../../src/trust/order.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { commandPayload, orderBody, orderOf } from '../fixtures/orders.ts'
import type { CharterBody, Grant } from '../../src/record/charter.ts'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { Signer } from '../../src/record/keys.ts'

const mesh = new TestMesh()
const other = new TestMesh({ name: 'other' })
const self: Targetable = { peer: mesh.peer('web-1'), name: 'web-1', labels: { role: 'web' }, enrolledAt: mesh.now }
const good = orderBody(mesh)
const { clockToleranceMs } = limits.trust
const dayMs = 24 * 3_600_000

const contextWith = (change: Partial<OrderContext> = {}): OrderContext => ({ chain: mesh.chain, self, formats: new Set(['command', 'script']), now: mesh.now, ...change })

test('a good order is good, in general and on this node', (t) => {
  t.true(judgeIndication(mesh.chain, good, mesh.now).ok)
  t.true(judgeOrder(contextWith(), good).ok)
})

/** One change of a good order, or of its circumstances, and the code that it leads to. */
const isRefused = test.macro({
  exec(t, code: string, change: Partial<IndicationBody>, context: Partial<OrderContext> = {}) {
    const judged = judgeOrder(contextWith(context), { ...good, ...change })
    t.is(judged.ok ? 'accepted' : judged.code, code)
    t.true(!judged.ok && judged.detail.length > 0)
  },
  title: (name = '', code) => `${name} is refused as ${code}`
})

const isAccepted = test.macro({
  exec(t, change: Partial<IndicationBody>, context: Partial<OrderContext> = {}) {
    t.deepEqual(judgeOrder(contextWith(context), { ...good, ...change }), { ok: true, value: null })
  },
  title: (name = '') => `${name} is accepted`
})

const { ref } = commandPayload('true')
const chainWith = (change: Partial<CharterBody>) => new TestMesh().amend(change)
const chainWhereAdminMay = (...may: Grant[]) => chainWith({ admins: [{ key: mesh.admin.key, name: 'admin', may }] })
const { expiresAt: charterExpiresAt } = mesh.chain.current
const late = { notBefore: charterExpiresAt, createdAt: charterExpiresAt, expiresAt: charterExpiresAt + dayMs }

test('an order for another mesh', isRefused, 'wrong-mesh', { mesh: other.mesh })
test('an order of a stranger', isRefused, 'not-an-admin', { admin: keyFor('stranger').key })
test('an order of an enroller who is no admin', isRefused, 'not-an-admin', {}, { chain: chainWith({ admins: [] }) })
test('an order that needs a later charter', isRefused, 'charter-behind', { charterVersion: 2 })
test('an order that needs an earlier charter', isAccepted, { charterVersion: 1 }, { chain: chainWith({}) })
test('an order under an expired charter', isRefused, 'charter-expired', late, { now: charterExpiresAt + clockToleranceMs + 1 })
test('an order under a charter that expired within the tolerance', isAccepted, late, { now: charterExpiresAt + clockToleranceMs })
test('an order that is never valid', isRefused, 'bad-validity', { notBefore: good.expiresAt })
test('an order that is valid for one millisecond', isAccepted, { expiresAt: good.notBefore + 1 })
test('an order that is valid for 90 days', isAccepted, { expiresAt: good.createdAt + limits.indication.validityMsMax })
test('an order that is valid for longer', isRefused, 'bad-validity', { expiresAt: good.createdAt + limits.indication.validityMsMax + 1 })
test('an order whose payload is no CID', isRefused, 'bad-location', { payload: { ...ref, cid: 'https://example.org' } })
test('an order whose CID and digest disagree', isRefused, 'bad-location', { payload: { ...ref, sha256: Buffer.from(sha256(utf8('x'))).toString('hex') } })
test('an order whose selector cannot be read', isRefused, 'bad-selector', { target: { kind: 'select', selector: 'role==,', enrolledUntil: mesh.now } })
test('an order whose expected output is no pattern', isRefused, 'bad-pattern', { expected: { exitCode: 0, output: '(' } })
test('an order with a pattern', isAccepted, { expected: { exitCode: 0, output: '^ok$' } })
test('an order for another node', isRefused, 'not-a-target', { target: { kind: 'nodes', nodes: [mesh.peer('web-2')] } })
test('an order for other labels', isRefused, 'not-a-target', { target: { kind: 'select', selector: 'role=db', enrolledUntil: mesh.now } })
test('an order of a format that the admin may not give', isRefused, 'not-authorised', {}, { chain: chainWhereAdminMay({ formats: ['script'], on: '' }) })
test('an order on a node where the admin has no say', isRefused, 'not-authorised', {}, { chain: chainWhereAdminMay({ formats: ['*'], on: 'role=db' }) })
test('an order of a format without a plug-in', isRefused, 'unknown-format', { format: 'release' })
test('an order that comes before its time', isRefused, 'not-yet-valid', { notBefore: mesh.now + clockToleranceMs + 1 })
test('an order that comes before its time by no more than clocks may differ', isAccepted, { notBefore: mesh.now + clockToleranceMs })
test('an order in its last millisecond', isAccepted, {}, { now: good.expiresAt })
test('an order after it', isRefused, 'expired', {}, { now: good.expiresAt + 1 })

test('an order is not judged by expiry where it need not run, so that endpoints agree at any time', (t) => {
  t.true(judgeIndication(mesh.chain, good, good.expiresAt + 1).ok)
  t.like(judgeFreshness(good, good.expiresAt + 1), { ok: false, code: 'expired' })
})

const targets = test.macro({
  exec: (t, target: IndicationBody['target'], node: Partial<Targetable>, expected: boolean) => t.is(isTarget(target, { ...self, ...node }), expected),
  title: (name = '', _target, _node, expected) => `${name} is ${expected ? 'a target' : 'no target'}`
})

const everyone = { kind: 'select', selector: '', enrolledUntil: mesh.now } as const
test('any node, for the empty selector,', targets, everyone, {}, true)
test('a node that was enrolled afterwards', targets, everyone, { enrolledAt: mesh.now + 1 }, false)
test('a node whose labels match', targets, { ...everyone, selector: 'role in (web,db)' }, {}, true)
test('a node whose labels do not match', targets, { ...everyone, selector: 'role!=web' }, {}, false)
test('a node under a selector that cannot be read', targets, { ...everyone, selector: '!' }, {}, false)
test('a node that is listed by its key', targets, { kind: 'nodes', nodes: [mesh.peer('a'), self.peer] }, {}, true)
test('a node that is listed, though it was enrolled afterwards,', targets, { kind: 'nodes', nodes: [self.peer] }, { enrolledAt: mesh.now + dayMs }, true)
test('a node that shares only its name with a listed one', targets, { kind: 'nodes', nodes: [mesh.peer('web-1')] }, { peer: mesh.peer('twin') }, false)

const authorises = test.macro({
  exec(t, may: readonly Grant[], expected: boolean) {
    const admins = [{ key: keyFor('first').key, name: 'first', may: [{ formats: ['*'], on: '' }] }, { key: mesh.admin.key, name: 'admin', may: [...may] }]
    t.is(isAuthorised({ ...mesh.chain.current, admins }, mesh.admin.key, { format: 'command' }, self), expected)
  },
  title: (name = '', _may, expected) => `an admin with ${name} ${expected ? 'may' : 'may not'} order a command`
})

test('no grant', authorises, [], false)
test('a grant for all', authorises, [{ formats: ['*'], on: '' }], true)
test('a grant for this format', authorises, [{ formats: ['script', 'command'], on: '' }], true)
test('a grant for other formats', authorises, [{ formats: ['script', 'comman', 'command*'], on: '' }], false)
test('a grant for these labels', authorises, [{ formats: ['*'], on: 'role=web' }], true)
test('a grant for other labels', authorises, [{ formats: ['*'], on: 'role=db' }], false)
test('a grant that cannot be read', authorises, [{ formats: ['*'], on: '=' }], false)
test('one grant for the format and one for the labels', authorises, [{ formats: ['command'], on: 'role=db' }, { formats: ['script'], on: 'role=web' }], false)
test('a second grant that fits', authorises, [{ formats: ['script'], on: '' }, { formats: ['command'], on: 'role=web' }], true)

const authorisesAsked = test.macro({
  exec(t, grant: Partial<Grant>, asked: Partial<Asked>, expected: boolean) {
    const admins = [{ key: mesh.admin.key, name: 'admin', may: [{ formats: ['*'], on: '', ...grant }] }]
    const charter = { ...mesh.chain.current, admins }
    t.is(isAuthorised(charter, mesh.admin.key, { format: 'command', ...asked }, self), expected)
    const verdict = judgeOrder({ chain: { ...mesh.chain, current: charter }, self, formats: new Set(['command']), now: mesh.now }, orderOf(mesh, asked).body)
    t.is(verdict.ok ? null : verdict.code, expected ? null : 'not-authorised')
  },
  title: (_, grant, asked, expected) => `a grant of ${JSON.stringify(grant)} ${expected ? 'allows' : 'does not allow'} ${JSON.stringify(asked)}`
})
test(authorisesAsked, {}, { user: 'www' }, false)
test(authorisesAsked, {}, { network: 'none' }, false)
test(authorisesAsked, { users: ['www'] }, { user: 'www' }, true)
test(authorisesAsked, { users: ['www'] }, { user: 'root' }, false)
test(authorisesAsked, { users: ['www'] }, {}, false)
test(authorisesAsked, { users: ['*'] }, { user: 'root' }, true)
test(authorisesAsked, { users: ['*'] }, {}, true)
test(authorisesAsked, { networks: ['none'] }, { network: 'none' }, true)
test(authorisesAsked, { networks: ['none'] }, {}, false)
test(authorisesAsked, { networks: ['host', 'none'] }, {}, true)

const order = orderOf(mesh)
const cancelOf = (change: Partial<CancelBody> = {}, signer: Signer = mesh.admin): Verified<CancelBody> => {
  const body: CancelBody = { mesh: mesh.mesh, admin: mesh.admin.key, indication: order.id, action: 'cancel', at: mesh.now, ...change }
  return sealRecord(controlKind, body, [signer]) as Verified<CancelBody>
}

test('an order opens to its id and body, and its admin\'s signature counts alone', (t) => {
  const opened = openIndication(order.bytes)
  t.true(opened.ok && opened.value.id === order.id)
  t.like(openIndication(orderOf(mesh, {}, keyFor('stranger')).bytes), { ok: false, code: 'bad-signature' })
  t.like(openIndication(cancelOf().bytes), { ok: false, code: 'wrong-type' })
  t.like(openIndication(new Uint8Array(limits.record.indicationBytesMax + 1)), { ok: false, code: 'oversized' })
})

test('a parameter of a reserved name cannot be added to a signed order to give it a second id', (t) => {
  for (const field of ['parameters', 'environment'] as const) {
    t.throws(() => orderOf(mesh, { [field]: { constructor: 'x' } }), { message: /reserved/ })
  }
})

test('a control opens by its admin\'s signature alone', (t) => {
  t.true(openControl(cancelOf().bytes).ok)
  t.like(openControl(cancelOf({}, keyFor('stranger')).bytes), { ok: false, code: 'bad-signature' })
  t.like(openControl(order.bytes), { ok: false, code: 'wrong-type' })
})

test('a cancel counts from whoever might have given the order on this node', (t) => {
  const second = keyFor('second')
  const admins = (on: string, formats: string[]) => [...mesh.chain.current.admins, { key: second.key, name: 'second', may: [{ formats, on }] }]
  const counts = (on: string, formats: string[], change: Partial<CancelBody> = {}): boolean =>
    isAuthorisedControl(chainWith({ admins: admins(on, formats) }), cancelOf({ admin: second.key, ...change }, second).body, order.body, self)
  t.true(isAuthorisedControl(mesh.chain, cancelOf().body, order.body, self))
  t.true(counts('role=web', ['command']))
  t.false(counts('role=db', ['command']))
  t.false(counts('', ['script']))
  t.false(counts('', ['*'], { mesh: other.mesh }))
  t.false(counts('', ['*'], { admin: keyFor('stranger').key }))
})

test('a pattern is an ECMAScript one over lines and code points', (t) => {
  const compiled = compilePattern('^\\p{Letter}+$')
  t.true(compiled.ok && compiled.value.test('1\näöü\n2'))
  t.like(compilePattern('\\p{Nothing}'), { ok: false, code: 'bad-pattern' })
})
