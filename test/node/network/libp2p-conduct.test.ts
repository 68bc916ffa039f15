/** A member that misbehaves, beside one that does not: the first is cut off, the second is answered all the while. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { utf8 } from '../../../src/base/bytes.ts'
import { encodeFrame } from '../../../src/base/framing.ts'
import { limits } from '../../../src/base/limits.ts'
import { Endpoint } from '../../../src/node/endpoint/endpoint.ts'
import { Gossip } from '../../../src/node/gossip.ts'
import { peerIdOf } from '../../../src/node/network/libp2p-identity.ts'
import { outputProtocol } from '../../../src/node/protocol/output.ts'
import { indicationsTopic, receiptsTopic } from '../../../src/node/protocol/announcement.ts'
import { pullProtocol } from '../../../src/node/protocol/pull.ts'
import { queryProtocol } from '../../../src/node/protocol/query.ts'
import { submitProtocol } from '../../../src/node/protocol/submit.ts'
import { syncProtocol } from '../../../src/queue/sync-message.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { adminLoopback, nodeLoopback } from '../../fixtures/loopback.ts'
import { stillClock } from '../../fixtures/mesh.ts'
import { bytesOf, randomOf, receipts, said } from '../../queue/world.ts'
import { ask, endpointWorld, madeAt } from '../endpoint-world.ts'
import { MemoryOutputs, RecordingLog } from '../in-memory.ts'
import { newestOf } from '../../../src/trust/charter-chain.ts'
import type { Connection } from '@libp2p/interface'
import type { Libp2pNetwork } from '../../../src/node/network/libp2p-network.ts'
import type { World } from '../../queue/world.ts'

const protocols = [pullProtocol, outputProtocol, syncProtocol, submitProtocol, queryProtocol]

/**
 * A real endpoint and two agents; the flooder's libp2p is laid open. With a clock that stands still nothing is forgiven, and
 * nothing depends on how fast the machine is.
 */
const setUp = async (t: ExecutionContext) => {
  const made = await endpointWorld()
  const { world, charters, queue } = made
  const { mesh } = world
  const topics = [indicationsTopic(mesh.mesh), receiptsTopic(mesh.mesh)]
  const log = new RecordingLog()
  const { network } = nodeLoopback(t, mesh, mesh.node('endpoint-1'), { topics, log, hello: { clock: stillClock } })
  const gossip = new Gossip({ network, charters, log })
  new Endpoint({ ...made, network, gossip, outputs: new MemoryOutputs(), counter: mesh.key('peer:endpoint-1'), random: randomOf('endpoint'), log }, { syncIntervalMs: 5000 }).listen()
  gossip.hearIndications(() => undefined)
  const honest = world.agent('web-1')
  const flooder = world.agent('web-2')
  await queue.merge(bytesOf(...honest.entries, ...flooder.entries), 'test')
  const { network: agent } = nodeLoopback(t, mesh, honest.node, { listen: [], topics })
  const { network: hostile } = nodeLoopback(t, mesh, flooder.node, { listen: [], topics })
  await Promise.all([network.start(), agent.start()])
  const host = await createLibp2p(hostile.libp2pOptions())
  t.teardown(() => host.stop())
  await Promise.all([agent, hostile].map((peer) => peer.connect(network.self, network.addresses())))
  // Streams that are opened before the other side is ready end the connection; here it is to stay.
  await eventually(() => network.peers().length, (count) => count === 2)
  const connection = host.getConnections()[0]
  if (connection === undefined) throw new Error('there is no connection')
  const isGone = (): boolean => connection.status !== 'open'
  return { world, network, agent, hostile, host, flooder, connection, log, queue, topics, isGone }
}

const pullOf = (world: World, name: string): Uint8Array => ask({ ...newestOf(world.mesh.chain), presence: world.presence(name, madeAt), entries: [], have: [], wanted: null })
const unlessRefused = (): undefined => undefined

/** Floods until `isOver`, while an honest agent pulls: each answer comes in time, and the memory taken is bounded. How long it takes is told, since flooder and all share a processor. */
const endure = async (t: ExecutionContext, agent: Libp2pNetwork, endpoint: Libp2pNetwork, message: Uint8Array, isOver: () => boolean, flood: () => Promise<unknown>) => {
  const before = memoryBytes()
  let slowestMs = 0
  let answers = 0
  let peakBytes = 0
  const state = { isFlooding: true }
  const flooding = (async () => {
    while (!isOver()) {
      await flood()
      await nextTurn()
    }
    state.isFlooding = false
  })()
  do {
    const askedAt = performance.now()
    await agent.request(endpoint.self, pullProtocol, message)
    slowestMs = Math.max(slowestMs, performance.now() - askedAt)
    peakBytes = Math.max(peakBytes, memoryBytes() - before)
    answers += 1
  } while (state.isFlooding)
  await flooding
  t.log(`${answers} honest answers, the slowest after ${slowestMs.toFixed(0)} ms, ${(peakBytes / 1024 / 1024).toFixed(0)} MiB more at most`)
  t.true(peakBytes < 256 * 1024 * 1024, `${peakBytes} bytes`)
}

const memoryBytes = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const cutOffs = (log: RecordingLog): string[] => log.problems().filter((message) => message === 'a peer is cut off')

type Flooded = Awaited<ReturnType<typeof setUp>>

const isCutOff = test.macro({
  title: (_, what: string) => `whoever floods with ${what} is cut off, and others are served meanwhile`,
  exec: async (t, _: string, floodOf: (flooded: Flooded) => () => Promise<unknown>) => {
    const flooded = await setUp(t)
    const { agent, hostile, network, world, log, isGone } = flooded
    await endure(t, agent, network, pullOf(world, 'web-1'), isGone, floodOf(flooded))
    t.deepEqual(cutOffs(log), ['a peer is cut off'])
    await eventually(() => network.peers().map(({ admission }) => admission.peer), (peers) => peers.length === 1)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await t.throwsAsync(hostile.connect(network.self, network.addresses()), { code: 'cut-off', message: /cut off for another \d+ s/ })
    }
    await agent.request(network.self, pullProtocol, pullOf(world, 'web-1'))
    t.deepEqual(cutOffs(log), ['a peer is cut off'])
  }
})

const many = (count: number, act: (index: number) => Promise<unknown>): Promise<unknown> => Promise.all(Array.from({ length: count }, (_, index) => act(index).catch(unlessRefused)))

test.serial(isCutOff, 'pulls that are all in order', ({ hostile, network, world }) => () => many(200, () => hostile.request(network.self, pullProtocol, pullOf(world, 'web-2'))))
test.serial(isCutOff, 'garbage on every protocol', ({ hostile, network }) => () => many(protocols.length, (index) => hostile.request(network.self, protocols[index] ?? '', utf8('nonsense'))))
test.serial(isCutOff, 'garbage in gossip', ({ hostile, topics }) => {
  let round = 0
  return () => many(20, () => hostile.publish(topics[(round += 1) % 2] ?? '', utf8(`nonsense ${round}`)))
})
test.serial(isCutOff, 'questions that are never finished', ({ connection }) => () => many(50, () => stall(connection)))
test.serial(isCutOff, 'streams that say nothing', ({ connection }) => () => many(500, () => knock(connection)))
test.serial(isCutOff, 'entries whose signatures are forged', ({ hostile, network, world, flooder }) => async () => {
  const { bytes } = flooder.forge(receipts(said(world.sealOrder().id, 'received')), {})
  const forged = bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))
  const entries = Array.from({ length: 100 }, () => forged)
  await hostile.request(network.self, pullProtocol, ask({ ...newestOf(world.mesh.chain), presence: world.presence('web-2', madeAt), entries, have: [], wanted: null })).catch(unlessRefused)
})

/** The head of a large question, half of it, and silence. */
const stall = async (connection: Connection): Promise<void> => {
  const stream = await connection.newStream(pullProtocol)
  stream.send(encodeFrame(new Uint8Array(200_000)).subarray(0, 100_000))
}

const knock = async (connection: Connection): Promise<void> => {
  const stream = await connection.newStream('/nobody/speaks/this/1')
  stream.abort(new Error('enough'))
}

test.serial('whoever gossips no end of entries of its own is heard as far as its allowance goes, and others are served meanwhile', async (t) => {
  const { agent, hostile, network, world, flooder, queue, topics } = await setUp(t)
  const topic = topics[1] ?? ''
  const order = world.sealOrder().id
  const say = (): Uint8Array => flooder.say(receipts(said(order, 'received'))).bytes
  await eventually(() => hostile.publish(topic, say()), (recipients) => recipients === 1)
  const { burst } = limits.conduct.ranks.node.gossip
  const count = burst + 1500
  const merge = queue.merge.bind(queue)
  let judged = 0
  queue.merge = (entries, source, options) => {
    if (source === flooder.key && entries.length > 0) judged += 1
    return merge(entries, source, options)
  }
  await endure(t, agent, network, pullOf(world, 'web-1'), () => flooder.entries.length >= count, () => Promise.all(Array.from({ length: 100 }, () => hostile.publish(topic, say()))))
  await hostile.request(network.self, pullProtocol, pullOf(world, 'web-2'))
  t.true(judged > limits.conduct.judgingMax && judged <= burst, `${judged} of ${count} messages were judged`)
  t.is(network.peers().length, 2)
})

test.serial('answers that their asker does not read are kept up to a bound, and forgotten with it', async (t) => {
  const { network, hostile } = await setUp(t)
  const large = '/writ/test-large/1'
  const given = { refused: 0, begun: 0 }
  network.handle(large, () => true, async function* blocks() {
    given.begun += 1
    for (;;) yield new Uint8Array(limits.network.messageBytesMax)
  })
  const before = memoryBytes()
  const asked = Array.from({ length: 40 }, () => hostile.follow(network.self, large, utf8('x'))[Symbol.asyncIterator]())
  await Promise.all(asked.map((answers) => answers.next().catch(() => (given.refused += 1))))
  t.log(`${given.refused} of ${given.begun} refused, ${((memoryBytes() - before) / 1024 / 1024).toFixed(0)} MiB more on both sides`)
  t.true(given.begun === asked.length && given.refused > 0)
  await Promise.all(asked.map((answers) => answers.return?.()))
  const again = hostile.follow(network.self, large, utf8('x'))[Symbol.asyncIterator]()
  t.is((await again.next()).value?.length, limits.network.messageBytesMax)
  await again.return?.()
})

test.serial('twenty commands of one admin at once are all answered', async (t) => {
  const { network, world } = await setUp(t)
  const { mesh } = world
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const { network: command } = adminLoopback(t, mesh, mesh.key(`peer:command-${index}`))
    await command.start()
    await command.connect(network.self, network.addresses())
    for (let count = 0; count < 5; count += 1) for await (const page of command.follow(network.self, queryProtocol, ask({ kind: 'nodes' }))) t.true(page.length > 0)
  }))
})

test.serial('all sessions of an admin answer for each other', async (t) => {
  const { network, world, log } = await setUp(t)
  const { mesh } = world
  const sessions = ['one', 'two', 'three'].map((name) => adminLoopback(t, mesh, mesh.key(`peer:${name}`)).network)
  await Promise.all(sessions.map((session) => session.start()))
  const [one, two, three] = sessions
  await Promise.all([one, two].map((session) => session?.connect(network.self, network.addresses())))
  await eventually(() => network.peers().length, (count) => count === 4)
  for (let count = 0; count < 12; count += 1) await one?.request(network.self, queryProtocol, utf8('nonsense')).catch(unlessRefused)
  await eventually(() => network.peers().length, (count) => count === 2)
  t.deepEqual(cutOffs(log), ['a peer is cut off'])
  await t.throwsAsync(async () => three?.connect(network.self, network.addresses()), { code: 'cut-off' })
})

test.serial('of many connections of one peer the oldest go, and the newest answers', async (t) => {
  const { network, hostile, host, world, connection } = await setUp(t)
  const address = multiaddr(`${network.addresses()[0]}/p2p/${peerIdOf(network.self).toString()}`)
  for (let count = 1; count <= limits.conduct.ranks.node.connectionsMax; count += 1) await host.dial(address, { force: true })
  await eventually(() => connection.status, (status) => status !== 'open')
  t.is(host.getConnections().length, limits.conduct.ranks.node.connectionsMax)
  await hostile.request(network.self, pullProtocol, pullOf(world, 'web-2'))
})

test.serial('whoever asks one question after the other is slowed to its rate, and not cut off', async (t) => {
  const { network, hostile, world, log } = await setUp(t)
  const message = pullOf(world, 'web-2')
  const { burst, perSecond } = limits.conduct.questionsPerProtocol
  for (let count = 0; count < burst * 0.9; count += 1) await hostile.request(network.self, pullProtocol, message)
  // Nothing comes back while the clock stands still: each question beyond the burst waits longer than the one before.
  const startedMs = performance.now()
  const excess = 16
  for (let count = 0; count < burst * 0.1 + excess; count += 1) await hostile.request(network.self, pullProtocol, message)
  const waitedMs = ((excess * (excess - 1)) / 2 / perSecond) * 1000
  t.true(performance.now() - startedMs >= waitedMs, `not even ${waitedMs} ms`)
  t.deepEqual([network.peers().length, cutOffs(log)], [2, []])
})
