/** The simulated network keeps the promises of src/node/network.ts. */
import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { reject } from '../../src/base/result.ts'
import { toText, utf8 } from '../../src/base/bytes.ts'
import { WritError } from '../../src/base/errors.ts'
import { calmWeather, Fabric, type Weather } from '../../simulations/fabric.ts'
import { createWorld, type Member, type World } from '../../simulations/world.ts'
import { SeededRandom } from '../../simulations/seeded-random.ts'
import { SimulatedNetwork } from '../../simulations/simulated-network.ts'
import { Trace } from '../../simulations/trace.ts'
import { VirtualTime } from '../../simulations/virtual-time.ts'
import type { PeerEvent } from '../../src/node/network/network.ts'

const addressOf = (name: string): string => `/dns4/${name}/tcp/4400`
const world = createWorld('network', { endpoints: 1, agents: 2 })
const [endpoint, agent, other] = [world.endpoints[0], world.agents[0], world.agents[1]] as [Member, Member, Member]

class Lab {
  readonly time = new VirtualTime(world.startedAt)
  readonly faults: string[] = []
  readonly fabric: Fabric<SimulatedNetwork>

  constructor(weather: Partial<Weather> = {}) {
    this.fabric = new Fabric({ time: this.time, random: new SeededRandom('lab'), trace: new Trace(this.time, undefined), weather: { ...calmWeather, ...weather }, onFault: (what) => void this.faults.push(what) })
  }

  host({ name, peer, membership }: Member, { chain }: World = world): SimulatedNetwork {
    const host = new SimulatedNetwork(this.fabric, {
      self: peer.key, name, listen: [addressOf(name)], door: membership.credential.body.role,
      identity: { kind: 'node', credential: membership.credential.bytes }, chain: () => chain, learnCharters: () => undefined
    })
    void host.start()
    return host
  }

  /** Lets a minute pass, and says what came of the work meanwhile. */
  async settle<T>(work: Promise<T>): Promise<T | string> {
    const outcome = work.catch((error: unknown) => (error instanceof WritError ? error.code : String(error)))
    await this.time.runUntil(this.time.now() + 60_000)
    return outcome
  }

  async linked(): Promise<[SimulatedNetwork, SimulatedNetwork]> {
    const [here, there] = [this.host(agent), this.host(endpoint)]
    await this.settle(here.connect(there.self, there.addresses()))
    return [here, there]
  }
}

test('two members admit each other, and both hear of it once', async (t) => {
  const lab = new Lab()
  const [here, there] = [lab.host(agent), lab.host(endpoint)]
  const heard: PeerEvent[] = []
  there.onPeer((event) => void heard.push(event))
  await lab.settle(Promise.all([here.connect(there.self, there.addresses()), there.connect(here.self, here.addresses())]))
  t.deepEqual(heard.map(({ kind, admission }) => [kind, admission.peer, admission.isEndpoint]), [['connected', here.self, false]])
  t.true(here.peers()[0]?.admission.isEndpoint)
  await lab.settle(here.disconnect(there.self))
  t.deepEqual([here.peers(), there.peers(), heard.at(-1)?.kind], [[], [], 'disconnected'])
})

test('a member of another mesh is refused', async (t) => {
  const lab = new Lab()
  const foreign = createWorld('elsewhere', { endpoints: 1, agents: 1 })
  const here = lab.host(foreign.agents[0] ?? agent, foreign)
  const there = lab.host(endpoint)
  t.is(await lab.settle(here.connect(there.self, there.addresses())), 'wrong-mesh')
  t.deepEqual(there.peers(), [])
})

test('a host that is away cannot be reached, and is found again when it is back', async (t) => {
  const lab = new Lab()
  const [here, there] = await lab.linked()
  there.leave()
  await lab.settle(Promise.resolve())
  t.deepEqual(here.peers(), [])
  t.is(await lab.settle(here.connect(there.self, there.addresses())), 'unreachable')
  there.comeBack()
  t.is(await lab.settle(here.connect(there.self, there.addresses())), undefined)
})

test('questions are answered, refused with their codes, or not taken', async (t) => {
  const lab = new Lab()
  const [here, there] = await lab.linked()
  there.handle('/echo', () => true, async (_from, message) => utf8(`${toText(message)}!`))
  there.handle('/refuses', () => true, async () => reject('some-code', 'no'))
  there.handle('/throws', () => true, async () => Promise.reject(new Error('broken')))
  there.handle('/closed', () => false, async () => utf8('never'))
  const ask = (protocol: string): Promise<unknown> => lab.settle(here.request(there.self, protocol, utf8('hello')).then(toText))
  t.is(await ask('/echo'), 'hello!')
  t.is(await ask('/refuses'), 'some-code')
  t.is(await ask('/closed'), 'not-permitted')
  t.is(await ask('/unknown'), 'protocol-unsupported')
  t.deepEqual(lab.faults, [])
  t.is(await ask('/throws'), 'internal-error')
  t.is(lab.faults.length, 1)
  t.is(await lab.settle(here.request(other.peer.key, '/echo', utf8(''))), 'not-connected')
})

test('a question that is lost ends when its asker gives up, not before', async (t) => {
  const lab = new Lab()
  const [here, there] = await lab.linked()
  there.handle('/echo', () => true, async (_from, message) => message)
  lab.fabric.weather = { ...calmWeather, lossShare: 1 }
  let endedAt = 0
  const startedAt = lab.time.now()
  const asked = here.request(there.self, '/echo', utf8('hello')).finally(() => (endedAt = lab.time.now()))
  t.is(await lab.settle(asked), 'request-timeout')
  t.is(endedAt - startedAt, limits.network.requestTimeoutMs)
})

test('a question whose link breaks is lost with it, and one that is cancelled ends at once', async (t) => {
  const lab = new Lab()
  const [here, there] = await lab.linked()
  there.handle('/silent', () => true, () => new Promise(() => undefined))
  const [asked, cancelled] = [new AbortController(), new AbortController()]
  lab.time.after(1000, () => cancelled.abort())
  t.is(await lab.settle(here.request(there.self, '/silent', utf8(''), { signal: cancelled.signal, timeoutMs: 50_000 })), 'request-cancelled')
  lab.time.after(1000, () => here.leave())
  t.is(await lab.settle(here.request(there.self, '/silent', utf8(''), { signal: asked.signal, timeoutMs: 50_000 })), 'connection-lost')
})

test('many answers come in their order, and end', async (t) => {
  const lab = new Lab({ delayMsMin: 1, delayMsMax: 1000 })
  const [here, there] = await lab.linked()
  there.handle('/count', () => true, async function* () {
    for (let count = 1; count <= 20; count += 1) yield utf8(String(count))
  })
  const counted = async (): Promise<string[]> => {
    const heard: string[] = []
    for await (const answer of here.follow(there.self, '/count', utf8(''))) heard.push(toText(answer))
    return heard
  }
  t.deepEqual(await lab.settle(counted()), Array.from({ length: 20 }, (_, index) => String(index + 1)))
})

test('gossip reaches those who listen, once each, through those who found it good', async (t) => {
  const lab = new Lab({ duplicateShare: 1 })
  const [first, hub, last] = [lab.host(agent), lab.host(endpoint), lab.host(other)]
  await lab.settle(Promise.all([first.connect(hub.self, hub.addresses()), last.connect(hub.self, hub.addresses())]))
  const heard: string[] = []
  const listen = (host: SimulatedNetwork): void => host.subscribe('topic', async (message) => (toText(message) === 'bad' ? 'reject' : 'accept'), (message, from) => void heard.push(`${host.name} ${toText(message)} ${from === hub.self ? 'by hub' : ''}`))
  listen(hub)
  listen(last)
  t.is(await lab.settle(first.publish('topic', utf8('good'))), 1)
  t.is(await lab.settle(first.publish('topic', utf8('bad'))), 1)
  t.deepEqual(heard, ['endpoint-1 good ', 'agent-2 good by hub'])
})

test('a cut holds in the direction in which it was made', async (t) => {
  const lab = new Lab()
  const [here, there] = await lab.linked()
  const asked: string[] = []
  there.handle('/note', () => true, async (_from, message) => {
    asked.push(toText(message))
    return message
  })
  lab.fabric.isCut = (from) => from === there.self
  t.is(await lab.settle(here.request(there.self, '/note', utf8('arrives'))), 'request-timeout')
  lab.fabric.isCut = (from) => from === here.self
  t.is(await lab.settle(here.request(there.self, '/note', utf8('does not'))), 'request-timeout')
  t.deepEqual(asked, ['arrives'])
})
