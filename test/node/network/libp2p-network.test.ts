import { createServer, type AddressInfo } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import test, { type ExecutionContext } from 'ava'
import { createLibp2p } from 'libp2p'
import { isEqualBytes, toText, utf8 } from '../../../src/base/bytes.ts'
import { isWritError, WritError } from '../../../src/base/errors.ts'
import { FrameDecoder } from '../../../src/base/framing.ts'
import { limits } from '../../../src/base/limits.ts'
import { reject } from '../../../src/base/result.ts'
import { decodeAnswerFrame } from '../../../src/node/network/answer-frame.ts'
import { peerIdOf } from '../../../src/node/network/libp2p-identity.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { adminLoopback, guestLoopback, nodeLoopback } from '../../fixtures/loopback.ts'
import { TestMesh } from '../../fixtures/mesh.ts'
import type { Admission, PeerEvent } from '../../../src/node/network/network.ts'
import type { Libp2pNetwork } from '../../../src/node/network/libp2p-network.ts'

const mesh = new TestMesh()
const echo = '/writ/test-echo/1'
const anybody = () => true
const isNode = ({ kind }: Admission) => kind === 'node'

const echoes = (network: Libp2pNetwork): void => network.handle(echo, isNode, async (_, message) => message)

const pair = async (t: ExecutionContext, prepare: (endpoint: Libp2pNetwork) => void) => {
  const { network: endpoint } = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  const { network: agent } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  prepare(endpoint)
  await Promise.all([endpoint.start(), agent.start()])
  await agent.connect(endpoint.self, endpoint.addresses())
  return { endpoint, agent }
}

const codeOf = async (t: ExecutionContext, action: Promise<unknown>): Promise<string> => {
  const error = await t.throwsAsync(action)
  return isWritError(error) ? error.code : String(error)
}

test('two admitted nodes exchange a question and its answer, and know who the other is', async (t) => {
  const seen: Admission[] = []
  const { endpoint, agent } = await pair(t, (network) =>
    network.handle(echo, anybody, async (admission, message) => {
      seen.push(admission)
      return message
    })
  )
  t.is(toText(await agent.request(endpoint.self, echo, utf8('hello'))), 'hello')
  t.like(seen[0], { peer: agent.self, kind: 'node', role: 'agent', isEndpoint: false })
  t.is(seen[0]?.membership?.credential.body.name, 'web-1')
  t.like(agent.peers(), [{ admission: { peer: endpoint.self, isEndpoint: true }, direction: 'outbound', address: endpoint.addresses()[0] }])
  t.is(agent.peers().length, 1)
  t.like(endpoint.peers()[0], { admission: { peer: agent.self }, direction: 'inbound' })
})

test('many answers arrive in order, and then end', async (t) => {
  const { endpoint, agent } = await pair(t, (network) =>
    network.handle(echo, isNode, async function* count() {
      for (let index = 0; index < 100; index += 1) yield utf8(String(index))
    })
  )
  const answers: string[] = []
  for await (const answer of agent.follow(endpoint.self, echo, new Uint8Array())) answers.push(toText(answer))
  t.deepEqual(answers, Array.from({ length: 100 }, (_, index) => String(index)))
})

test('an answerer learns that nobody reads on', async (t) => {
  const left = Promise.withResolvers<void>()
  const { endpoint, agent } = await pair(t, (network) =>
    network.handle(echo, isNode, async function* forever(_, message, signal) {
      yield message
      signal.addEventListener('abort', () => left.resolve())
      await left.promise
    })
  )
  for await (const answer of agent.follow(endpoint.self, echo, utf8('one'))) {
    t.is(toText(answer), 'one')
    break
  }
  await left.promise
})

test('a reader that lags makes the answerer wait, and loses nothing', async (t) => {
  const block = new Uint8Array(256 * 1024)
  const count = 200
  let made = 0
  const { endpoint, agent } = await pair(t, (network) => {
    network.handle('/writ/test-blocks/1', isNode, async function* blocks() {
      for (; made < count; made += 1) yield block
    })
    echoes(network)
  })
  const answers = agent.follow(endpoint.self, '/writ/test-blocks/1', new Uint8Array())[Symbol.asyncIterator]()
  await answers.next()
  for (let round = 0; round < 100; round += 1) await agent.request(endpoint.self, echo, utf8('meanwhile'))
  t.true(made < count / 2, `${made} of ${count} answers were made while one was read`)
  let read = 1
  while ((await answers.next()).done !== true) read += 1
  t.is(read, count)
})

test('a role that may not ask is refused, and its question is not handled', async (t) => {
  const { network: admin } = adminLoopback(t, mesh, mesh.key('peer:command'))
  const { endpoint } = await pair(t, (network) => network.handle(echo, isNode, () => t.fail() as never))
  await admin.start()
  await admin.connect(endpoint.self, endpoint.addresses())
  t.is(await codeOf(t, admin.request(endpoint.self, echo, utf8('x'))), 'not-permitted')
  t.is(await codeOf(t, (async () => { for await (const _ of admin.follow(endpoint.self, echo, utf8('x'))) t.fail() })()), 'not-permitted')
})

test('what a handler refuses or throws reaches the asker as a code', async (t) => {
  const { endpoint, agent } = await pair(t, (network) => {
    network.handle('/writ/test-refuse/1', isNode, async () => reject('no-such-order', 'there is no such order'))
    network.handle('/writ/test-throw/1', isNode, async () => { throw new WritError('disk-full', 'the disk is full') })
    network.handle('/writ/test-break/1', isNode, async () => { throw new Error('a secret of the inside') })
    network.handle('/writ/test-late/1', isNode, async function* late() { yield utf8('one'); yield reject('gone', 'gone meanwhile') })
  })
  const refusal = await t.throwsAsync(agent.request(endpoint.self, '/writ/test-refuse/1', utf8('x')))
  t.like(refusal, { code: 'no-such-order', message: 'there is no such order', details: { by: 'peer', peer: endpoint.self } })
  t.is(await codeOf(t, agent.request(endpoint.self, '/writ/test-throw/1', utf8('x'))), 'disk-full')
  t.like(await t.throwsAsync(agent.request(endpoint.self, '/writ/test-break/1', utf8('x'))), { code: 'internal-error', message: 'the peer failed to answer; its log says why' })
  const answers: string[] = []
  t.is(await codeOf(t, (async () => { for await (const answer of agent.follow(endpoint.self, '/writ/test-late/1', utf8('x'))) answers.push(toText(answer)) })()), 'gone')
  t.deepEqual(answers, ['one'])
  t.is(await codeOf(t, agent.request(endpoint.self, '/writ/unheard-of/1', utf8('x'))), 'protocol-unsupported')
})

test('a question of the largest size is answered, a larger one is not sent', async (t) => {
  const { endpoint, agent } = await pair(t, echoes)
  const largest = new Uint8Array(limits.network.messageBytesMax).fill(7)
  t.true(isEqualBytes(await agent.request(endpoint.self, echo, largest), largest))
  t.is(await codeOf(t, agent.request(endpoint.self, echo, new Uint8Array(limits.network.messageBytesMax + 1))), 'oversized')
})

test('a larger question that is sent all the same is refused unread', async (t) => {
  const { network: endpoint } = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  endpoint.handle(echo, isNode, () => t.fail() as never)
  const { network: agent } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  await endpoint.start()
  const host = await createLibp2p(agent.libp2pOptions())
  t.teardown(() => host.stop())
  await agent.connect(endpoint.self, endpoint.addresses())
  const stream = await host.getConnections()[0]?.newStream(echo)
  stream?.send(Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 1, 2, 3))
  const decoder = new FrameDecoder(1000)
  const frames: Uint8Array[] = []
  for await (const chunk of stream ?? []) {
    const decoded = decoder.push(chunk.subarray())
    if (decoded.ok) frames.push(...decoded.value)
  }
  t.like(decodeAnswerFrame(frames[0] ?? new Uint8Array()), { ok: true, value: { kind: 'refused', code: 'oversized' } })
})

test('an answer that does not come in time is given up', async (t) => {
  const { endpoint, agent } = await pair(t, (network) => network.handle(echo, isNode, () => new Promise<Uint8Array>(() => undefined)))
  t.is(await codeOf(t, agent.request(endpoint.self, echo, utf8('x'), { timeoutMs: 30 })), 'request-timeout')
})

test('an answer that is no longer wanted is given up, and the handler hears of it', async (t) => {
  const asked = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  const { endpoint, agent } = await pair(t, (network) =>
    network.handle(echo, isNode, async (_, message, signal) => {
      signal.addEventListener('abort', () => left.resolve())
      asked.resolve()
      await left.promise
      return message
    })
  )
  const patience = new AbortController()
  const outcome = codeOf(t, agent.request(endpoint.self, echo, utf8('x'), { signal: patience.signal }))
  await asked.promise
  patience.abort()
  t.is(await outcome, 'request-cancelled')
  await left.promise
})

test('a question whose connection breaks fails at once', async (t) => {
  const asked = Promise.withResolvers<void>()
  const { endpoint, agent } = await pair(t, (network) =>
    network.handle(echo, isNode, async () => {
      asked.resolve()
      return new Promise<Uint8Array>(() => undefined)
    })
  )
  const outcome = codeOf(t, agent.request(endpoint.self, echo, utf8('x')))
  await asked.promise
  await endpoint.stop()
  t.is(await outcome, 'connection-lost')
  await eventually(() => agent.peers().length, (count) => count === 0)
  t.is(await codeOf(t, agent.request(endpoint.self, echo, utf8('x'))), 'not-connected')
})

test('a guest may ask what is open to guests, and nothing else', async (t) => {
  const enrol = '/writ/test-enrol/1'
  const { endpoint } = await pair(t, (network) => {
    echoes(network)
    network.handle(enrol, ({ kind }) => kind === 'guest', async ({ invite }) => utf8(invite?.body.role ?? ''))
  })
  const guest = guestLoopback(t, mesh, mesh.key('peer:new'), mesh.invite('new'))
  await guest.network.start()
  await guest.network.connect(endpoint.self, endpoint.addresses())
  t.is(guest.chain()?.current.version, 1)
  t.is(toText(await guest.network.request(endpoint.self, enrol, utf8('x'))), 'agent')
  t.is(await codeOf(t, guest.network.request(endpoint.self, echo, utf8('x'))), 'not-permitted')
})

test('a peer is told of once, however many connections it has, and again when the last is gone', async (t) => {
  const { network: one } = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  const { network: two } = nodeLoopback(t, mesh, mesh.node('endpoint-2'))
  const events: PeerEvent['kind'][] = []
  one.onPeer(({ kind }) => events.push(kind))
  const [host] = await Promise.all([createLibp2p(one.libp2pOptions()), two.start()])
  t.teardown(() => host.stop())
  await one.connect(two.self, two.addresses())
  const [first] = host.getConnections()
  const second = await host.dial(multiaddr(`${two.addresses()[0]}/p2p/${peerIdOf(two.self).toString()}`), { force: true })
  t.not(first?.id, second.id)
  t.is(one.peers().length, 1)
  await first?.close()
  t.deepEqual([one.peers().length, events], [1, ['connected']])
  await second.close()
  t.deepEqual([one.peers().length, events], [0, ['connected', 'disconnected']])
})

test('hanging up on one side is seen on the other', async (t) => {
  const { endpoint, agent } = await pair(t, echoes)
  await eventually(() => endpoint.peers().length, (count) => count === 1)
  await endpoint.disconnect(agent.self)
  t.deepEqual(endpoint.peers(), [])
  await eventually(() => agent.peers().length, (count) => count === 0)
})

test('a node that stopped starts again, is found again, and answers as before', async (t) => {
  const { endpoint, agent } = await pair(t, echoes)
  await endpoint.stop()
  await endpoint.stop()
  t.deepEqual(endpoint.addresses(), [])
  await eventually(() => agent.peers().length, (count) => count === 0)
  await endpoint.start()
  await endpoint.start()
  await agent.connect(endpoint.self, endpoint.addresses())
  t.is(toText(await agent.request(endpoint.self, echo, utf8('again'))), 'again')
  await agent.stop()
  await eventually(() => endpoint.peers().length, (count) => count === 0)
  await agent.start()
  await agent.connect(endpoint.self, endpoint.addresses())
  t.is(toText(await agent.request(endpoint.self, echo, utf8('twice'))), 'twice')
})

test('where nobody answers, the error names the addresses', async (t) => {
  const { network: agent } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  t.is(await codeOf(t, agent.connect(mesh.peer('endpoint-1'), ['/ip4/127.0.0.1/tcp/1'])), 'unreachable')
  await agent.start()
  const addresses = ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2']
  t.like(await t.throwsAsync(agent.connect(mesh.peer('endpoint-1'), addresses)), { code: 'unreachable', details: { peer: mesh.peer('endpoint-1'), addresses } })
  t.is(await codeOf(t, agent.connect(mesh.peer('endpoint-1'), [])), 'unreachable')
  t.is(await codeOf(t, agent.connect(mesh.peer('endpoint-1'), ['127.0.0.1:4001'])), 'bad-address')
})

test('a second address is tried where the first is dead', async (t) => {
  const { endpoint, agent } = await pair(t, echoes)
  await agent.disconnect(endpoint.self)
  await agent.connect(endpoint.self, ['/ip4/127.0.0.1/tcp/1', ...endpoint.addresses()])
  t.is(agent.peers().length, 1)
})

test('another key behind an address is not taken for the peer that was meant', async (t) => {
  const { endpoint, agent } = await pair(t, echoes)
  t.is(await codeOf(t, agent.connect(mesh.peer('endpoint-2'), endpoint.addresses())), 'unreachable')
})

test('a listener that never says a word is not waited for longer than wanted', async (t) => {
  const silent = createServer()
  await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => silent.close())
  const { network: agent } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  await agent.start()
  const met = new Promise<void>((resolve) => { silent.once('connection', () => resolve()) })
  const patience = new AbortController()
  const dialled = codeOf(t, agent.connect(mesh.peer('endpoint-1'), [`/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}`], { signal: patience.signal }))
  await met
  patience.abort()
  t.is(await dialled, 'connect-cancelled')
})

test('a port that is taken is said so', async (t) => {
  const { endpoint } = await pair(t, echoes)
  const { network: second } = nodeLoopback(t, mesh, mesh.node('endpoint-2'), { listen: endpoint.addresses() })
  t.is(await codeOf(t, second.start()), 'cannot-listen')
})
