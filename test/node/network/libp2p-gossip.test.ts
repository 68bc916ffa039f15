import test, { type ExecutionContext } from 'ava'
import { createLibp2p } from 'libp2p'
import { toText, utf8 } from '../../../src/base/bytes.ts'
import { limits } from '../../../src/base/limits.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { guestLoopback, nodeLoopback } from '../../fixtures/loopback.ts'
import { TestMesh } from '../../fixtures/mesh.ts'
import type { Libp2pNetwork } from '../../../src/node/network/libp2p-network.ts'

const mesh = new TestMesh()
const topic = `/writ/${mesh.mesh}/receipts`

const started = async (t: ExecutionContext, name: string, prepare: (network: Libp2pNetwork) => void = () => undefined): Promise<Libp2pNetwork> => {
  const { network } = nodeLoopback(t, mesh, mesh.node(name), { topics: [topic] })
  prepare(network)
  await network.start()
  return network
}

test('a node that only publishes is heard at once by those that listen', async (t) => {
  const heard: { text: string; from: string; at: number }[] = []
  const endpoint = await started(t, 'endpoint-1', (network) => network.subscribe(topic, async () => 'accept', (message, from) => heard.push({ text: toText(message), from, at: performance.now() })))
  const agent = await started(t, 'web-1')
  await agent.connect(endpoint.self, endpoint.addresses())
  let round = 0
  await eventually(() => agent.publish(topic, utf8(`warm-up ${(round += 1)}`)), (recipients) => recipients === 1)
  const sentAt = performance.now()
  t.is(await agent.publish(topic, utf8('receipt')), 1)
  const last = await eventually(() => heard.at(-1), (message) => message?.text === 'receipt')
  t.is(last?.from, agent.self)
  const latencyMs = (last?.at ?? Infinity) - sentAt
  t.log(`${latencyMs.toFixed(1)} ms from publish to delivery`)
  t.true(latencyMs < 500, 'it did not wait for a heartbeat')
})

test('what a judge rejects, ignores or stumbles over is not delivered', async (t) => {
  const heard: string[] = []
  const judged: string[] = []
  const endpoint = await started(t, 'endpoint-1', (network) =>
    network.subscribe(
      topic,
      async (message) => {
        const text = toText(message)
        judged.push(text)
        if (text === 'stumble') throw new Error('no idea')
        return text === 'bad' ? 'reject' : text.startsWith('early') ? 'ignore' : 'accept'
      },
      (message) => heard.push(toText(message))
    )
  )
  const agent = await started(t, 'web-1')
  await agent.connect(endpoint.self, endpoint.addresses())
  let round = 0
  await eventually(() => agent.publish(topic, utf8(`early ${(round += 1)}`)), (recipients) => recipients === 1)
  for (const text of ['bad', 'early', 'stumble', 'good']) await agent.publish(topic, utf8(text))
  await eventually(() => heard, (texts) => texts.includes('good'))
  t.true(['bad', 'early', 'stumble'].every((text) => judged.includes(text)))
  t.deepEqual(heard, ['good'])
})

test('publishing to nobody, or twice, is no error', async (t) => {
  const agent = await started(t, 'web-1')
  t.is(await agent.publish(topic, utf8('receipt')), 0)
  t.is(await agent.publish(topic, utf8('receipt')), 0)
  await t.throwsAsync(agent.publish(topic, new Uint8Array(limits.gossip.messageBytesMax + 1)), { code: 'oversized' })
  await agent.stop()
  t.is(await agent.publish(topic, utf8('receipt')), 0)
})

test('a node without gossip publishes to nobody and is told nothing', async (t) => {
  const { network } = nodeLoopback(t, mesh, mesh.node('web-1'), { topics: null })
  network.subscribe(topic, async () => 'accept', () => t.fail())
  await network.start()
  t.is(await network.publish(topic, utf8('receipt')), 0)
})

test('a guest neither hears gossip nor spreads any', async (t) => {
  const heard: string[] = []
  const endpoint = await started(t, 'endpoint-1', (network) => {
    network.subscribe(topic, async () => 'accept', (message) => heard.push(toText(message)))
    network.handle('/writ/test/1', () => true, async (_, message) => message)
  })
  const { network: guest } = guestLoopback(t, mesh, mesh.key('peer:new'), mesh.invite('new'), { topics: [topic] })
  guest.subscribe(topic, async () => 'accept', () => t.fail('a guest heard gossip'))
  const host = await createLibp2p(guest.libp2pOptions())
  t.teardown(() => host.stop())
  await guest.connect(endpoint.self, endpoint.addresses())
  const connection = host.getConnections()[0]
  for (const protocol of ['/meshsub/1.2.0', '/ipfs/id/1.0.0']) {
    await t.throwsAsync(async () => {
      const stream = await connection?.newStream(protocol)
      for await (const _ of stream ?? []) t.fail('a guest was answered')
      if (stream?.status !== 'closed') throw new Error(stream?.status)
    })
  }
  await guest.request(endpoint.self, '/writ/test/1', utf8('x'))
  t.is(await endpoint.publish(topic, utf8('secret')), 0)
  t.is(await guest.publish(topic, utf8('noise')), 0)
  t.deepEqual(heard, [])
})

test('a topic is heard again after a restart', async (t) => {
  const heard: string[] = []
  const endpoint = await started(t, 'endpoint-1', (network) => network.subscribe(topic, async () => 'accept', (message) => heard.push(toText(message))))
  await endpoint.stop()
  await endpoint.start()
  const agent = await started(t, 'web-1')
  await agent.connect(endpoint.self, endpoint.addresses())
  let round = 0
  await eventually(() => agent.publish(topic, utf8(`receipt ${(round += 1)}`)), (recipients) => recipients === 1)
  await eventually(() => heard.length, (count) => count > 0)
  t.pass()
})
