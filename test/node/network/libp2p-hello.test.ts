import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import test, { type ExecutionContext } from 'ava'
import { createLibp2p } from 'libp2p'
import { utf8 } from '../../../src/base/bytes.ts'
import { limits } from '../../../src/base/limits.ts'
import { reject } from '../../../src/base/result.ts'
import { composeGuest, type Door, type Identity } from '../../../src/node/network/hello.ts'
import { helloProtocol } from '../../../src/node/network/libp2p-hello.ts'
import { peerIdOf, privateKeyOf } from '../../../src/node/network/libp2p-identity.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { adminLoopback, createLoopback, guestLoopback, nodeLoopback, type LoopbackSettings } from '../../fixtures/loopback.ts'
import { startedAt, TestMesh, type TestKey } from '../../fixtures/mesh.ts'
import { RecordingLog } from '../in-memory.ts'

const mesh = new TestMesh()
const other = new TestMesh({ name: 'other' })
const open = '/writ/test-open/1'

/** An endpoint whose only protocol is open to all: whoever reaches it fails the test. */
const fortress = async (t: ExecutionContext, settings: LoopbackSettings = {}) => {
  const { network } = nodeLoopback(t, mesh, mesh.node('endpoint-1'), { topics: ['orders'], ...settings })
  network.handle(open, () => true, () => t.fail('a protocol was reached') as never)
  network.onPeer(() => t.fail('a peer was let in'))
  await network.start()
  return network
}

interface Intruder {
  readonly door: Door
  readonly peer: TestKey
  readonly identity: Identity
  readonly mesh?: TestMesh
}

const refused = test.macro({
  title: (_, what: string) => `${what} is refused before any protocol sees it`,
  exec: async (t, _: string, code: string, intruder: Intruder) => {
    const endpoint = await fortress(t)
    const { network } = createLoopback(t, intruder.mesh ?? mesh, intruder.peer, intruder.door, intruder.identity, { listen: [] })
    await network.start()
    const error = await t.throwsAsync(network.connect(endpoint.self, endpoint.addresses()))
    t.like(error, { code, details: { by: 'peer', peer: endpoint.self, addresses: endpoint.addresses() } })
    t.deepEqual([network.peers(), endpoint.peers()], [[], []])
    await t.throwsAsync(network.request(endpoint.self, open, utf8('x')), { code: 'not-connected' })
  }
})

const web = mesh.key('peer:web-1')
const command = mesh.key('peer:command')
const fresh = mesh.key('peer:fresh')
const late = mesh.invite('late', { expiresAt: startedAt - 1 })
const credentialOf = (of: TestMesh, name: string, change = {}): Identity => ({ kind: 'node', credential: of.node(name, { credential: change }).credential.bytes })

test(refused, 'a peer without a credential', 'malformed', { door: 'agent', peer: web, identity: { kind: 'node', credential: new Uint8Array() } })
test(refused, 'a node of another mesh', 'wrong-mesh', { door: 'agent', peer: other.key('peer:web-1'), identity: credentialOf(other, 'web-1'), mesh: other })
test(refused, 'a node of another mesh that claims this one', 'wrong-mesh', { door: 'agent', peer: other.key('peer:web-1'), identity: credentialOf(other, 'web-1') })
test(refused, 'a stolen credential', 'bad-credential', { door: 'agent', peer: fresh, identity: credentialOf(mesh, 'web-1') })
test(refused, 'an expired credential', 'credential-expired', { door: 'agent', peer: web, identity: credentialOf(mesh, 'web-1', { expiresAt: startedAt - 3_600_000 }) })
test(refused, 'a forged session', 'bad-signature', { door: 'admin', peer: command, identity: { kind: 'admin', session: mesh.session(command.key, {}, fresh).bytes } })
test(refused, 'an expired session', 'session-expired', { door: 'admin', peer: command, identity: { kind: 'admin', session: mesh.session(command.key, { expiresAt: startedAt - 3_600_000 }).bytes } })
test(refused, 'an expired token', 'token-expired', { door: 'guest', peer: fresh, identity: composeGuest(late.invite.bytes, late.token, mesh.mesh, fresh.key) })

test('a node that was shut out is refused although its credential is in order', async (t) => {
  const endpoint = await fortress(t, { mayEnter: ({ peer }) => reject('revoked', `${peer} was revoked`) })
  const { network } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  await network.start()
  await t.throwsAsync(network.connect(endpoint.self, endpoint.addresses()), { code: 'revoked' })
})

test('an agent does not enrol at an agent', async (t) => {
  const { network: agent } = nodeLoopback(t, mesh, mesh.node('web-1'))
  const { network: guest } = guestLoopback(t, mesh, fresh, mesh.invite('fresh'))
  await Promise.all([agent.start(), guest.start()])
  await t.throwsAsync(guest.connect(agent.self, agent.addresses()), { code: 'not-admitted' })
})

test('the dialler refuses too, and says that it did', async (t) => {
  const endpoint = await fortress(t)
  const { network } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [], mayEnter: () => reject('revoked', 'not that one') })
  await network.start()
  t.like(await t.throwsAsync(network.connect(endpoint.self, endpoint.addresses())), { code: 'revoked', details: { by: 'self' } })
})

test('a refusal is not remembered: the next dial is judged anew', async (t) => {
  let isOpen = false
  const { network: endpoint } = nodeLoopback(t, mesh, mesh.node('endpoint-1'), { mayEnter: () => (isOpen ? { ok: true, value: null } : reject('revoked', 'not yet')) })
  const { network } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  await Promise.all([endpoint.start(), network.start()])
  await t.throwsAsync(network.connect(endpoint.self, endpoint.addresses()), { code: 'revoked' })
  isOpen = true
  await network.connect(endpoint.self, endpoint.addresses())
  t.is(network.peers().length, 1)
})

const plainPeer = async (t: ExecutionContext, protocol: string) => {
  const host = await createLibp2p({
    privateKey: privateKeyOf(web.seed),
    transports: [tcp()],
    connectionEncrypters: [(components) => Object.assign(noise()(components), { protocol })],
    streamMuxers: [yamux()],
    services: { identify: identify() }
  })
  t.teardown(() => host.stop())
  return host
}

test('a plain libp2p peer gets no connection', async (t) => {
  const endpoint = await fortress(t)
  const host = await plainPeer(t, '/noise')
  await t.throwsAsync(host.dial(endpoint.addresses().map((address) => multiaddr(`${address}/p2p/${peerIdOf(endpoint.self).toString()}`))))
  t.deepEqual(endpoint.peers(), [])
})

test('a peer that goes on without a hello reaches nothing and is hung up on', async (t) => {
  const endpoint = await fortress(t)
  const host = await plainPeer(t, helloProtocol)
  const connection = await host.dial(endpoint.addresses().map((address) => multiaddr(`${address}/p2p/${peerIdOf(endpoint.self).toString()}`)))
  await t.throwsAsync(connection.newStream(open, { signal: AbortSignal.timeout(2000) }))
  await eventually(() => connection.status, (status) => status !== 'open', 2 * limits.network.helloTimeoutMs)
  t.deepEqual(endpoint.peers(), [])
})

test('a hello that is announced larger than hellos may be is refused before it is read, and a flood behind it is not kept', async (t) => {
  const log = new RecordingLog()
  const endpoint = await fortress(t, { log })
  const host = await createLibp2p({
    privateKey: privateKeyOf(web.seed),
    transports: [tcp()],
    connectionEncrypters: [(components) => {
      const inner = noise()(components)
      const secure = inner.secureOutbound.bind(inner)
      return Object.assign(inner, {
        protocol: helloProtocol,
        secureOutbound: async (...connection: Parameters<typeof secure>) => {
          const secured = await secure(...connection)
          secured.connection.send(Uint8Array.of(0x00, 0x04, 0x00, 0x01))
          for (let count = 0; count < 64; count += 1) secured.connection.send(new Uint8Array(32_768))
          return secured
        }
      })
    }],
    streamMuxers: [yamux()]
  })
  t.teardown(() => host.stop())
  await t.throwsAsync(async () => {
    const connection = await host.dial(endpoint.addresses().map((address) => multiaddr(`${address}/p2p/${peerIdOf(endpoint.self).toString()}`)))
    await connection.newStream(open)
  })
  t.deepEqual(endpoint.peers(), [])
  t.deepEqual(log.lines.map(({ fields }) => fields['code']).filter(Boolean), ['oversized'])
})

test('refused connections are worth a line each, a flood of them is not', async (t) => {
  const log = new RecordingLog()
  const endpoint = await fortress(t, { log })
  const { network } = createLoopback(t, mesh, fresh, 'agent', credentialOf(mesh, 'web-1'), { listen: [] })
  await network.start()
  for (let count = 0; count < limits.network.refusalsLoggedBurst + 5; count += 1) await t.throwsAsync(network.connect(endpoint.self, endpoint.addresses()), { code: 'bad-credential' })
  t.is(log.lines.filter(({ level, message }) => level === 'info' && message === 'connection refused').length, limits.network.refusalsLoggedBurst)
})

test('newer charters are handed to the one who answers before it judges', async (t) => {
  const grown = new TestMesh({ name: 'grown' })
  const old = grown.chain
  const second = grown.key('second admin')
  grown.amend({ admins: [{ key: second.key, name: 'second', may: [] }] })
  const endpoint = nodeLoopback(t, grown, grown.node('endpoint-1'), { chain: old })
  const peer = grown.key('peer:command')
  const session = grown.session(peer.key, { admin: second.key }, second)
  const admin = createLoopback(t, grown, peer, 'admin', { kind: 'admin', session: session.bytes }, { listen: [] })
  await Promise.all([endpoint.network.start(), admin.network.start()])
  await admin.network.connect(endpoint.network.self, endpoint.network.addresses())
  t.is(endpoint.chain()?.current.version, 2)
  await eventually(() => endpoint.network.peers(), (peers) => peers[0]?.admission.admin === second.key)
})

test('newer charters are handed to the one who asks, and decide whom it lets in', async (t) => {
  const grown = new TestMesh({ name: 'grown', endpoints: [] })
  const old = grown.chain
  grown.amend({ endpoints: [{ key: grown.peer('endpoint-1'), name: 'endpoint-1' }] })
  const endpoint = nodeLoopback(t, grown, grown.node('endpoint-1', { role: 'endpoint' }))
  const agent = nodeLoopback(t, grown, grown.node('web-1'), { listen: [], chain: old })
  await Promise.all([endpoint.network.start(), agent.network.start()])
  await agent.network.connect(endpoint.network.self, endpoint.network.addresses())
  t.is(agent.chain()?.current.version, 2)
  t.true(agent.network.peers()[0]?.admission.isEndpoint)
})

test('of two charters of one version, both sides end with the same', async (t) => {
  const left = new TestMesh({ name: 'forked' })
  const right = new TestMesh({ name: 'forked' })
  left.amend({ expiresAt: startedAt + 1 })
  right.amend({ expiresAt: startedAt + 2 })
  const endpoint = nodeLoopback(t, left, left.node('endpoint-1'))
  const agent = nodeLoopback(t, right, right.node('web-1'), { listen: [] })
  await Promise.all([endpoint.network.start(), agent.network.start()])
  await agent.network.connect(endpoint.network.self, endpoint.network.addresses())
  t.is(endpoint.chain()?.versions[1]?.id, agent.chain()?.versions[1]?.id)
})

test('charters that do not follow from the known ones end the hello', async (t) => {
  const endpoint = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  const grown = new TestMesh()
  grown.amend({})
  const agent = nodeLoopback(t, grown, grown.node('web-1'), { listen: [], hello: { learnCharters: () => reject('bad-charter', 'no') } })
  const deaf = nodeLoopback(t, grown, grown.node('endpoint-2'), { chain: mesh.chain, hello: { learnCharters: () => reject('bad-charter', 'no') } })
  await Promise.all([endpoint.network.start(), agent.network.start(), deaf.network.start()])
  await agent.network.connect(endpoint.network.self, endpoint.network.addresses())
  await t.throwsAsync(agent.network.connect(deaf.network.self, deaf.network.addresses()), { code: 'bad-charter' })
})

test('any number of sessions of one admin run side by side', async (t) => {
  const { network: endpoint } = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  await endpoint.start()
  const commands = Array.from({ length: 20 }, (_, index) => adminLoopback(t, mesh, mesh.key(`peer:command-${index}`)).network)
  await Promise.all(commands.map(async (network) => {
    await network.start()
    await network.connect(endpoint.self, endpoint.addresses())
  }))
  await eventually(() => endpoint.peers().length, (count) => count === 20)
  t.pass()
})
