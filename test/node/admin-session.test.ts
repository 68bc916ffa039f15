import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { limits } from '../../src/base/limits.ts'
import { AdminSession } from '../../src/node/admin-session.ts'
import { TestMesh } from '../fixtures/mesh.ts'
import { FakeNetwork } from './in-memory.ts'
import { ManualTime, settled } from './manual-time.ts'
import type { Admission } from '../../src/node/network/network.ts'
import type { KeyId } from '../../src/base/brand.ts'
import type { QueryRequest } from '../../src/node/protocol/query.ts'

const mesh = new TestMesh()
const [first, second] = ['endpoint-1', 'endpoint-2'].map((name) => ({ key: mesh.peer(name), name, addresses: ['/ip4/192.0.2.1/tcp/4400'] }))
if (first === undefined || second === undefined) throw new Error('two endpoints are needed')

const endpointAt = (peer: KeyId): Admission => ({ peer, kind: 'node', role: 'endpoint', isEndpoint: true, membership: null, admin: null, invite: null })
const nodes: QueryRequest = { kind: 'nodes' }
const page = encodeCbor({ kind: 'nodes', nodes: [] })

const setUp = (endpoints = [first, second]) => {
  const network = new FakeNetwork(mesh.peer('admin'))
  const time = new ManualTime()
  network.onConnect = async (peer) => network.meet(endpointAt(peer))
  const answered: KeyId[] = []
  const session = new AdminSession({ network, clock: time, timers: time, endpoints: () => endpoints, noteAnswer: (endpoint) => answered.push(endpoint) })
  return { network, time, session, answered }
}

const lost = (): never => {
  throw new WritError('connection-lost', 'the endpoint went away')
}

test('a mesh without an endpoint is told how to get one', async (t) => {
  await t.throwsAsync(setUp([]).session.contact(), { code: 'no-endpoint-known' })
})

test('when nobody answers, every address that was tried is named', async (t) => {
  const { network, session } = setUp()
  network.onConnect = async (peer) => {
    throw new WritError('unreachable', `cannot reach ${peer}`, { details: { reason: 'refused' } })
  }
  const error = await t.throwsAsync(session.contact(), { code: 'no-endpoint-reachable' })
  t.regex(error.message, /endpoint-1 at .*endpoint-2 at .*refused/)
})

test('a refusal that every endpoint gives is told as what it is', async (t) => {
  const { network, session } = setUp()
  network.onConnect = async () => {
    throw new WritError('not-an-admin', 'the session was not signed by an admin of this mesh')
  }
  await t.throwsAsync(session.contact(), { code: 'not-an-admin' })
})

test('a question goes to the next endpoint when the first is lost before it has answered', async (t) => {
  const { network, session } = setUp()
  network.answer = async ({ peer }) => (peer === first.key ? lost() : [page])
  const answers = await Array.fromAsync(session.ask(nodes))
  t.is(answers.length, 1)
  t.is(network.asked.at(-1)?.peer, second.key)
})

test('the first endpoint is asked, although another one is reached before it', async (t) => {
  const { network, time, session, answered } = setUp([second, first])
  network.answer = async () => [page]
  network.onConnect = async (peer) => {
    if (peer === second.key) await new Promise<void>((resolve) => void time.after(limits.network.firstChoiceMs - 1, resolve))
    network.meet(endpointAt(peer))
  }
  const answers = Array.fromAsync(session.ask(nodes))
  await settled()
  t.deepEqual(network.asked, [])
  await time.pass(limits.network.firstChoiceMs)
  t.is((await answers).length, 1)
  t.deepEqual(answered, [second.key])
  t.deepEqual(session.connected(), [second.key, first.key])
})

test('an endpoint that does not come is waited for once, and briefly', async (t) => {
  const { network, time, session, answered } = setUp([second, first])
  network.answer = async () => [page]
  network.onConnect = async (peer) => (peer === second.key ? new Promise(() => undefined) : network.meet(endpointAt(peer)))
  const answers = Array.fromAsync(session.ask(nodes))
  await settled()
  t.deepEqual(network.asked, [])
  await time.pass(limits.network.firstChoiceMs)
  await answers
  await Array.fromAsync(session.ask(nodes))
  t.deepEqual(answered, [first.key, first.key])
})

test('an order is followed on when its endpoint is lost', async (t) => {
  const { network, time, session } = setUp([first])
  let asked = 0
  network.answer = async () => {
    asked += 1
    if (asked === 2) lost()
    return [page]
  }
  const { follow } = network
  network.follow = async function* (...question) {
    yield* follow.apply(network, question)
    if (asked === 1) lost()
  }
  const answers: unknown[] = []
  const reading = (async () => {
    for await (const answer of session.follow(nodes)) answers.push(answer)
  })()
  await settled()
  t.is(answers.length, 1)
  await time.pass(2 * limits.follow.retryMs)
  await reading
  t.is(answers.length, 2)
  t.is(asked, 3)
})

test('an order that no endpoint tells of for long is given up', async (t) => {
  const { network, time, session } = setUp([first])
  let asked = 0
  network.answer = async () => {
    asked += 1
    return asked === 1 ? [page] : lost()
  }
  const { follow } = network
  network.follow = async function* (...question) {
    yield* follow.apply(network, question)
    lost()
  }
  const reading = Array.fromAsync(session.follow(nodes))
  reading.catch(() => undefined)
  await settled()
  await time.pass(limits.follow.silenceMs + 2 * limits.follow.retryMs)
  await t.throwsAsync(reading, { code: 'no-endpoint-reachable' })
})

test('an order of which nothing was ever heard is not waited for', async (t) => {
  const { network, session } = setUp([first])
  network.answer = async () => lost()
  await t.throwsAsync(Array.fromAsync(session.follow(nodes)), { code: 'no-endpoint-reachable' })
})
