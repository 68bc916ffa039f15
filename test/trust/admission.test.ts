import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { credentialKind } from '../../src/record/credential.ts'
import { inviteKind } from '../../src/record/invite.ts'
import { sealRecord } from '../../src/record/record.ts'
import { checkCredentialCurrent, checkInviteOpen, isEndpoint, openCredential, openInvite, openRequestedCredential, openSession } from '../../src/trust/admission.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { orderOf } from '../fixtures/orders.ts'
import type { CredentialBody } from '../../src/record/credential.ts'
import type { InviteBody } from '../../src/record/invite.ts'
import type { Result } from '../../src/base/result.ts'
import type { Signer } from '../../src/record/keys.ts'

const mesh = new TestMesh()
const other = new TestMesh({ name: 'other' })
const stranger = keyFor('stranger')
const { clockToleranceMs } = limits.trust
const labels = { role: 'web' }

const isRefused = test.macro({
  exec(t, result: Result<unknown>, code: string, detail: string = '') {
    if (result.ok) return t.fail('was accepted')
    t.is(result.code, code)
    t.true(result.detail.includes(detail), result.detail)
  },
  title: (name = '') => `${name} is refused`
})

const isAccepted = test.macro({
  exec: (t, result: Result<unknown>) => t.true(result.ok, result.ok ? '' : `${result.code}: ${result.detail}`),
  title: (name = '') => `${name} is accepted`
})

const { invite, token } = mesh.invite('web-1', { labels })
const inviteWith = (change: Partial<InviteBody>, signers: readonly Signer[] = [mesh.admin]): Uint8Array => sealRecord(inviteKind, { ...invite.body, ...change }, signers).bytes

test('an invite of an enroller', isAccepted, openInvite(mesh.chain, invite.bytes))
test('an invite of another mesh', isRefused, openInvite(mesh.chain, other.invite('web-1').invite.bytes), 'wrong-mesh')
test('an invite of somebody who is no enroller', isRefused, openInvite(mesh.chain, inviteWith({ enroller: stranger.key }, [stranger])), 'not-an-enroller')
test('an invite in an enroller\'s name by somebody else', isRefused, openInvite(mesh.chain, inviteWith({}, [stranger])), 'bad-signature')
test('an order in place of an invite', isRefused, openInvite(mesh.chain, orderOf(mesh).bytes), 'wrong-type')
test('noise in place of an invite', isRefused, openInvite(mesh.chain, Uint8Array.of(0xff)), 'malformed')
test('an invite beyond its size', isRefused, openInvite(mesh.chain, new Uint8Array(limits.record.inviteBytesMax + 1)), 'oversized')
test('an invite of an enroller who was removed since', isAccepted, openInvite(new TestMesh().amend({ enrollers: [] }), invite.bytes))

test('a token is open up to its expiry and not after', (t) => {
  t.true(checkInviteOpen(invite.body, invite.body.expiresAt).ok)
  t.like(checkInviteOpen(invite.body, invite.body.expiresAt + 1), { ok: false, code: 'token-expired' })
})

const node = mesh.node('web-1', { labels })
const counter = mesh.key('peer:endpoint-1')
const all = [token, node.peer, node.executor, counter]

const credentialWith = (change: Partial<CredentialBody>, signers: readonly Signer[] = all): Uint8Array => sealRecord(credentialKind, { ...node.credential.body, ...change }, signers).bytes
const admit = (bytes: Uint8Array): Result<unknown> => openCredential(mesh.chain, bytes)
const without = (absent: Signer): Uint8Array => credentialWith({}, all.filter(({ key }) => key !== absent.key))

test('a credential with its whole chain', isAccepted, admit(node.credential.bytes))
test('a credential of another mesh', isRefused, admit(other.node('web-1').credential.bytes), 'wrong-mesh')
test('a credential around another mesh\'s invite', isRefused, admit(credentialWith({ invite: other.invite('web-1').invite.bytes })), 'wrong-mesh')
test('a credential around the invite of no enroller', isRefused, admit(credentialWith({ invite: inviteWith({ enroller: stranger.key }, [stranger]) })), 'not-an-enroller')
test('a credential around a forged invite', isRefused, admit(credentialWith({ invite: inviteWith({}, [stranger]) })), 'bad-signature')
test('a credential around noise', isRefused, admit(credentialWith({ invite: Uint8Array.of(0xff) })), 'malformed')
test('a credential that claims a higher role', isRefused, admit(credentialWith({ role: 'endpoint' })), 'bad-credential', 'role')
test('a credential that claims another label', isRefused, admit(credentialWith({ labels: { role: 'db' } })), 'bad-credential', 'labels')
test('a credential that claims one label more', isRefused, admit(credentialWith({ labels: { ...labels, gpu: '' } })), 'bad-credential', 'labels')
test('a credential that leaves a label out', isRefused, admit(credentialWith({ labels: {} })), 'bad-credential', 'labels')
test('a credential made just after its invite expired, by a clock within the tolerance,', isAccepted, admit(credentialWith({ enrolledAt: invite.body.expiresAt + clockToleranceMs })))
test('a credential made later than that', isRefused, admit(credentialWith({ enrolledAt: invite.body.expiresAt + clockToleranceMs + 1 })), 'bad-credential', 'expired')
test('a credential that the token did not sign', isRefused, admit(without(token)), 'bad-signature', token.key)
test('a credential that the peer key did not sign', isRefused, admit(without(node.peer)), 'bad-signature', node.peer.key)
test('a credential that the executor key did not sign', isRefused, admit(without(node.executor)), 'bad-signature', node.executor.key)
test('a credential that nobody counted', isRefused, admit(without(counter)), 'bad-credential', 'countersigned')
test('a credential that somebody else counted', isRefused, admit(credentialWith({}, [token, node.peer, node.executor, stranger])), 'bad-credential', 'countersigned')
test('a credential whose counter\'s signature is forged', isRefused, admit(credentialWith({}, [token, node.peer, node.executor, { key: counter.key, sign: () => new Uint8Array(64) }])), 'bad-signature')
test('a credential for a peer key that somebody else holds', isRefused, admit(credentialWith({ peer: stranger.key })), 'bad-signature', stranger.key)
test('an invite in place of a credential', isRefused, admit(invite.bytes), 'wrong-type')
test('a credential beyond its size', isRefused, admit(new Uint8Array(limits.record.credentialBytesMax + 1)), 'oversized')

test('what a counter is asked to countersign is all but its own signature', isAccepted, openRequestedCredential(mesh.chain, without(counter)))
test('a request without the token\'s signature', isRefused, openRequestedCredential(mesh.chain, without(token)), 'bad-signature')

test('an opened credential comes with the invite behind it', (t) => {
  const opened = openCredential(mesh.chain, node.credential.bytes)
  t.true(opened.ok)
  if (!opened.ok) return
  t.is(opened.value.credential.id, node.credential.id)
  t.is(opened.value.invite.id, node.invite.id)
})

test('a credential is current up to its expiry and the tolerance of clocks', (t) => {
  const { body } = node.credential
  t.true(checkCredentialCurrent(body, body.expiresAt + clockToleranceMs).ok)
  t.like(checkCredentialCurrent(body, body.expiresAt + clockToleranceMs + 1), { ok: false, code: 'credential-expired' })
})

test('an endpoint is listed by its own key, or by its invite\'s', (t) => {
  t.true(isEndpoint(mesh.chain, mesh.node('endpoint-1').membership))
  const joining = mesh.node('endpoint-9', { role: 'endpoint' })
  t.false(isEndpoint(mesh.chain, joining.membership))
  const listed = new TestMesh().amend({ endpoints: [{ key: joining.invite.body.token, name: 'endpoint-9' }] })
  t.true(isEndpoint(listed, joining.membership))
})

test('an agent is no endpoint, though the charter lists its key, and an endpoint that was struck off is none', (t) => {
  t.false(isEndpoint(mesh.chain, mesh.node('endpoint-1', { role: 'agent' }).membership))
  t.false(isEndpoint(new TestMesh().amend({ endpoints: [] }), mesh.node('endpoint-1').membership))
})

const command = keyFor('command').key
const session = mesh.session(command)
const begin = (bytes: Uint8Array, now = mesh.now): Result<unknown> => openSession(mesh.chain, bytes, command, now)

test('a session of an admin for this command', isAccepted, begin(session.bytes))
test('a session of another mesh', isRefused, begin(other.session(command).bytes), 'wrong-mesh')
test('a session of somebody who is no admin', isRefused, begin(mesh.session(command, { admin: stranger.key }, stranger).bytes), 'not-an-admin')
test('a session of an admin who was removed', isRefused, openSession(new TestMesh().amend({ admins: [] }), session.bytes, command, mesh.now), 'not-an-admin')
test('a session in an admin\'s name by somebody else', isRefused, begin(mesh.session(command, {}, stranger).bytes), 'bad-signature')
test('a session for another peer key', isRefused, begin(mesh.session(stranger.key).bytes), 'bad-session')
test('a session on its last tolerated millisecond', isAccepted, begin(session.bytes, session.body.expiresAt + clockToleranceMs))
test('a session after that', isRefused, begin(session.bytes, session.body.expiresAt + clockToleranceMs + 1), 'session-expired')
test('a session from a clock ahead by the tolerance', isAccepted, begin(session.bytes, session.body.issuedAt - clockToleranceMs))
test('a session from a clock further ahead', isRefused, begin(session.bytes, session.body.issuedAt - clockToleranceMs - 1), 'session-expired')
test('an order in place of a session', isRefused, begin(orderOf(mesh).bytes), 'wrong-type')
