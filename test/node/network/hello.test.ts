import test from 'ava'
import { fc } from '../../fixtures/properties.ts'
import { encodeCbor } from '../../../src/base/codec.ts'
import { limits } from '../../../src/base/limits.ts'
import { awaitsCharters, composeGuest, composeHello, decodeHello, decodeHelloAnswer, encodeHello, encodeHelloAnswer, judgeHello, planCharters, type Door, type Identity } from '../../../src/node/network/hello.ts'
import { TestMesh, startedAt } from '../../fixtures/mesh.ts'
import type { RecordId } from '../../../src/base/brand.ts'

const lab = new TestMesh()
const other = new TestMesh({ name: 'other' })
const agent = lab.node('web-1')
const endpoint = lab.node('endpoint-1')
const command = lab.key('peer:command')
const stranger = lab.key('peer:stranger')
const { token, invite } = lab.invite('new')
const late = lab.invite('late', { expiresAt: startedAt - 1 })
const tolerance = limits.trust.clockToleranceMs

const node = (of: { credential: { bytes: Uint8Array } }): Identity => ({ kind: 'node', credential: of.credential.bytes })
const admin = (...session: Parameters<TestMesh['session']>): Identity => ({ kind: 'admin', session: lab.session(...session).bytes })

const judge = (door: Door, identity: Identity, peer = agent.peer.key) => judgeHello(lab.chain, lab.mesh, composeHello(lab.mesh, lab.chain, identity), peer, door, startedAt)

const admitted = test.macro({
  title: (_, what: string, door: Door) => `${what} is admitted by ${door === 'guest' ? 'a' : 'an'} ${door}`,
  exec: (t, _: string, door: Door, identity: Identity, peer: string, expected: object) => {
    const judged = judge(door, identity, peer as typeof agent.peer.key)
    t.like(judged, { ok: true, value: { peer, ...expected } })
  }
})

test(admitted, 'an agent', 'endpoint', node(agent), agent.peer.key, { kind: 'node', role: 'agent', isEndpoint: false, admin: null })
test(admitted, 'an agent', 'agent', node(agent), agent.peer.key, { kind: 'node', role: 'agent' })
test(admitted, 'an endpoint', 'agent', node(endpoint), endpoint.peer.key, { kind: 'node', role: 'endpoint', isEndpoint: true })
test(admitted, 'an endpoint', 'admin', node(endpoint), endpoint.peer.key, { isEndpoint: true })
test(admitted, 'an endpoint', 'guest', node(endpoint), endpoint.peer.key, { isEndpoint: true })
test(admitted, 'an admin', 'endpoint', admin(command.key), command.key, { kind: 'admin', admin: lab.admin.key, role: null, isEndpoint: false, membership: null })
test(admitted, 'an admin', 'agent', admin(command.key), command.key, { kind: 'admin' })
test(admitted, 'a guest with an open invite', 'endpoint', composeGuest(invite.bytes, token, lab.mesh, stranger.key), stranger.key, { kind: 'guest', role: null, membership: null })
test(admitted, 'a credential within the clocks\' tolerance', 'endpoint', node(lab.node('old', { credential: { expiresAt: startedAt - tolerance } })), lab.peer('old'), { kind: 'node' })

const refused = test.macro({
  title: (_, what: string) => `${what} is refused`,
  exec: (t, _: string, code: string, door: Door, identity: Identity, peer: string) => {
    t.like(judge(door, identity, peer as typeof agent.peer.key), { ok: false, code })
  }
})

const forged = composeGuest(invite.bytes, stranger, lab.mesh, stranger.key)
test(refused, 'a credential that is no record', 'malformed', 'endpoint', { kind: 'node', credential: Uint8Array.of(1) }, agent.peer.key)
test(refused, 'a credential of another mesh', 'wrong-mesh', 'endpoint', node(other.node('web-1')), other.peer('web-1'))
test(refused, 'a credential in the hands of another', 'bad-credential', 'endpoint', node(agent), stranger.key)
test(refused, 'a credential past the clocks\' tolerance', 'credential-expired', 'endpoint', node(lab.node('old', { credential: { expiresAt: startedAt - tolerance - 1 } })), lab.peer('old'))
test(refused, 'a credential that its counter did not sign', 'bad-credential', 'endpoint', node(lab.node('cheat', { counter: 'cheat', credential: { invite: lab.invite('cheat').invite.bytes } })), lab.peer('cheat'))
test(refused, 'a session that the admin did not sign', 'bad-signature', 'endpoint', admin(command.key, {}, stranger), command.key)
test(refused, 'a session of someone who is no admin', 'not-an-admin', 'endpoint', admin(command.key, { admin: stranger.key }, stranger), command.key)
test(refused, 'a session for another peer key', 'bad-session', 'endpoint', admin(command.key), stranger.key)
test(refused, 'an expired session', 'session-expired', 'endpoint', admin(command.key, { expiresAt: startedAt - tolerance - 1 }), command.key)
test(refused, 'a guest without the token\'s key', 'bad-proof', 'endpoint', forged, stranger.key)
test(refused, 'a guest that replays the proof of another peer', 'bad-proof', 'endpoint', composeGuest(invite.bytes, token, lab.mesh, agent.peer.key), stranger.key)
test(refused, 'a guest with the proof for another mesh', 'bad-proof', 'endpoint', composeGuest(invite.bytes, token, other.mesh, stranger.key), stranger.key)
test(refused, 'a guest whose token expired', 'token-expired', 'endpoint', composeGuest(late.invite.bytes, late.token, lab.mesh, stranger.key), stranger.key)
test(refused, 'a guest at an agent', 'not-admitted', 'agent', composeGuest(invite.bytes, token, lab.mesh, stranger.key), stranger.key)
test(refused, 'an admin at an admin', 'not-admitted', 'admin', admin(command.key), command.key)
test(refused, 'an agent that a guest meets', 'not-an-endpoint', 'guest', node(agent), agent.peer.key)

test('a hello of another mesh is refused before its papers are read', (t) => {
  const hello = composeHello(other.mesh, null, node(agent))
  t.like(judgeHello(lab.chain, lab.mesh, hello, agent.peer.key, 'endpoint', startedAt), { ok: false, code: 'wrong-mesh' })
})

test('without any charter nobody is admitted', (t) => {
  t.like(judgeHello(null, lab.mesh, composeHello(lab.mesh, null, node(endpoint)), endpoint.peer.key, 'guest', startedAt), { ok: false, code: 'charter-unknown' })
})

test('a hello and its answer survive their encoding', (t) => {
  const hello = composeHello(lab.mesh, lab.chain, node(agent))
  t.deepEqual(decodeHello(encodeHello(hello)), { ok: true, value: hello })
  const answer = { charters: lab.charters, verdict: { kind: 'refused' as const, code: 'not-admitted', detail: 'no' } }
  t.deepEqual(decodeHelloAnswer(encodeHelloAnswer(answer)), { ok: true, value: answer })
})

const malformed = test.macro({
  title: (_, what: string) => `an answer with ${what} is malformed`,
  exec: (t, _: string, answer: unknown) => {
    t.like(decodeHelloAnswer(encodeCbor(answer)), { ok: false, code: 'malformed' })
  }
})
test(malformed, 'a code that is no code', { charters: [], verdict: { kind: 'refused', code: '\u001b[2J', detail: '' } })
test(malformed, 'an endless detail', { charters: [], verdict: { kind: 'refused', code: 'no', detail: 'x'.repeat(1025) } })
test(malformed, 'too many charters', { charters: Array.from({ length: limits.network.helloChartersMax + 1 }, () => new Uint8Array()), verdict: { kind: 'admitted' } })
test(malformed, 'an unknown field', { charters: [], verdict: { kind: 'admitted' }, more: 1 })

test('any bytes are a hello or a rejection, never an exception', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      t.false(decodeHello(bytes).ok)
      t.false(decodeHelloAnswer(bytes).ok)
    })
  )
})

const grown = new TestMesh({ name: 'grown' })
const young = grown.chain
const second = grown.amend({ admins: [] })
const third = grown.amend({ endpoints: [] })
const rival = new TestMesh({ name: 'grown' }).amend({ enrollers: [] })
const of = (chain: typeof young | null) => composeHello(grown.mesh, chain, { kind: 'node', credential: new Uint8Array() })

test('the charters that the other side lacks are handed over, oldest first', (t) => {
  t.deepEqual(planCharters(third, grown.mesh, of(young)), grown.charters.slice(1))
  t.deepEqual(planCharters(third, grown.mesh, of(null)), grown.charters)
  t.deepEqual(planCharters(third, grown.mesh, of(third)), [])
  t.deepEqual(planCharters(young, grown.mesh, of(third)), [])
  t.deepEqual(planCharters(null, grown.mesh, of(third)), [])
})

test('a peer of another mesh gets no charters', (t) => {
  t.deepEqual(planCharters(third, grown.mesh, { ...of(null), mesh: lab.mesh }), [])
})

test('where two charters compete for one version, each side shows its own', (t) => {
  t.not(rival.versions[1]?.id, second.versions[1]?.id)
  t.deepEqual(planCharters(second, grown.mesh, of(rival)), second.versions.map(({ bytes }) => bytes))
  t.true(awaitsCharters(of(rival), of(second)))
  t.true(awaitsCharters(of(second), of(rival)))
})

test('a verdict waits only for charters that are newer or rival', (t) => {
  t.true(awaitsCharters(of(young), of(third)))
  t.false(awaitsCharters(of(third), of(young)))
  t.false(awaitsCharters(of(third), of(third)))
  t.false(awaitsCharters(of(young), { ...of(third), mesh: lab.mesh }))
})

test('charters that fill the frame are handed over in part', (t) => {
  const mesh = new TestMesh({ name: 'wordy' })
  const admins = Array.from({ length: 100 }, (_, index) => ({ key: lab.peer(`admin ${index}`), name: `admin-${index}`, may: [{ formats: Array.from({ length: 4 }, () => 'f'.repeat(64)), on: 's'.repeat(128) }] }))
  for (let version = 2; version < 10; version += 1) mesh.amend({ admins, expiresAt: startedAt + version })
  const planned = planCharters(mesh.chain, mesh.mesh, composeHello(mesh.mesh, null, { kind: 'node', credential: new Uint8Array() }))
  t.true(planned.length > 1 && planned.length < 9)
  const answer = encodeHelloAnswer({ charters: planned, verdict: { kind: 'refused', code: 'no', detail: 'x'.repeat(1024) } })
  t.true(answer.length <= limits.network.helloBytesMax)
})

test('a head that is not the shared version counts as nothing shared', (t) => {
  const claim = { ...of(young), charterHead: 'a'.repeat(52) as RecordId }
  t.deepEqual(planCharters(third, grown.mesh, claim), grown.charters)
})
