/**
 * One run: a mesh of production nodes from a seed, a safety phase under the scenario's weather, then healing, then a
 * liveness phase that ends as soon as everything has come true, or is violated when it has not in time.
 */
import { Checkers } from './checkers.ts'
import { calmWeather, Fabric, type MessageCounts } from './fabric.ts'
import { bootMachine, type Machine, type Sabotage } from './machine.ts'
import { createWorld, namesByKey, type Member, type World } from './world.ts'
import { createTraceLog } from './trace-log.ts'
import { QueueWatch } from './queue-watch.ts'
import { Ledger, type Violation } from './ledger.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedAdmin } from './simulated-admin.ts'
import { Trace, type TraceListener } from './trace.ts'
import { VirtualTime } from './virtual-time.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { EndpointAddress } from '../src/trust/home-config.ts'
import type { Millis } from '../src/base/brand.ts'
import type { Scenario, Story } from './scenario.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

const checkEveryMs: Millis = 5_000
const lookEveryMs: Millis = 100
const livenessMsMax: Millis = 15 * 60_000
/** After everything has come true: it must stay so. */
const afterglowMs: Millis = 5_000
/** For each node in one run; 300 are usual. More is work without an end, such as asking again at once for ever. */
const eventsPerNodeMax = 10_000
const endpointsCount = 3
const bootWithinMs: Millis = 5_000

export interface SimulationOptions {
  readonly scenario: Scenario
  readonly seed: number
  /** Endpoints included; drawn from 10 to 60 when absent. */
  readonly nodes?: number
  readonly checkSignature: CheckSignature
  readonly onTrace?: TraceListener
  readonly sabotage?: Sabotage
}

export interface RunReport {
  readonly scenario: string
  readonly seed: number
  readonly nodes: number
  readonly events: number
  /** From the healing until everything had come true; null when it did not. */
  readonly convergedAfterMs: Millis | null
  /** When the queues of an endpoint changed last, since the start. */
  readonly lastChangeMs: Millis
  readonly messages: MessageCounts
  readonly traceHash: string
  readonly violations: readonly Violation[]
}

export const nodesMin = endpointsCount + 1

export const runSimulation = async (options: SimulationOptions): Promise<RunReport> => {
  const random = new SeededRandom(`${options.scenario.name}/${options.seed}`)
  // Small fleets more often: they cost less, and meet the edges sooner.
  const nodes = options.nodes ?? 10 + Math.floor(51 * random.stream('fleet').fraction() ** 2)
  const world = createWorld(`${options.scenario.name}/${options.seed}`, { endpoints: endpointsCount, agents: nodes - endpointsCount })
  const simulation = await Simulation.open(world, options.scenario.tell(world, random.stream('story')), random, options)
  const convergedAfterMs = await simulation.run()
  return { scenario: options.scenario.name, seed: options.seed, nodes, convergedAfterMs, ...simulation.report() }
}

class Simulation {
  readonly #world: World
  readonly #story: Story
  readonly #options: SimulationOptions
  readonly #random: SeededRandom
  readonly #time: VirtualTime
  readonly #trace: Trace
  readonly #ledger: Ledger
  readonly #fabric: Fabric<SimulatedNetwork>
  readonly #checkers: Checkers
  readonly #watch: QueueWatch
  readonly #addresses: readonly EndpointAddress[]
  readonly #machines: Machine[] = []

  private constructor(world: World, story: Story, random: SeededRandom, options: SimulationOptions) {
    this.#world = world
    this.#story = story
    this.#options = options
    this.#random = random
    this.#time = new VirtualTime(world.startedAt)
    this.#trace = new Trace(this.#time, options.onTrace)
    this.#ledger = new Ledger(this.#time)
    this.#fabric = new Fabric({ time: this.#time, random: random.stream('fabric'), trace: this.#trace, weather: story.weather, onFault: (what) => this.#ledger.violate('no-fault', what) })
    this.#addresses = world.endpoints.map(({ name, peer }, index) => ({ key: peer.key, name, addresses: [addressOf(index)] }))
    const endpointKeys = new Set(world.endpoints.map(({ peer }) => peer.key))
    const endpoints = (): Machine[] => this.#machines.filter(({ key }) => endpointKeys.has(key))
    this.#watch = new QueueWatch(this.#time, endpoints)
    this.#checkers = new Checkers({
      chain: world.chain, clock: this.#time, random: random.stream('reader'), checkSignature: options.checkSignature, ledger: this.#ledger,
      names: namesByKey(world),
      machines: () => this.#machines,
      endpoints
    })
  }

  static async open(world: World, story: Story, random: SeededRandom, options: SimulationOptions): Promise<Simulation> {
    const simulation = new Simulation(world, story, random, options)
    simulation.#planBoots()
    await simulation.#planOrders()
    simulation.#planAbsences()
    return simulation
  }

  /** How long the mesh took to come to rest after it was healed; null when it did not. */
  async run(): Promise<Millis | null> {
    const healAt = this.#world.startedAt + this.#story.healAtMs
    while (this.#time.now() < healAt && !this.#isRunaway()) await this.#advance()
    this.#heal()
    let unmet = await this.#checkers.findUnmet()
    while (unmet.length > 0 && this.#time.now() < healAt + livenessMsMax && !this.#isRunaway()) {
      await this.#advance()
      unmet = await this.#checkers.findUnmet()
    }
    const convergedAfterMs = unmet.length > 0 ? null : this.#time.now() - healAt
    if (convergedAfterMs !== null) {
      const until = this.#time.now() + afterglowMs
      while (this.#time.now() < until) await this.#advance()
      unmet = await this.#checkers.findUnmet()
    }
    for (const { checker, detail } of unmet) this.#ledger.violate(checker, detail)
    if (this.#isRunaway()) this.#ledger.violate('bounded-work', `${this.#time.events} events among ${this.#machines.length} nodes`)
    for (const { node } of this.#machines) node.stop()
    return convergedAfterMs
  }

  report(): Pick<RunReport, 'events' | 'lastChangeMs' | 'messages' | 'traceHash' | 'violations'> {
    const lastChangeMs = this.#watch.changedAt - this.#world.startedAt
    return { events: this.#time.events, lastChangeMs, messages: this.#fabric.sent, traceHash: this.#trace.digest(), violations: this.#ledger.violations }
  }

  #isRunaway(): boolean {
    return this.#time.events > eventsPerNodeMax * (this.#world.endpoints.length + this.#world.agents.length)
  }

  async #advance(): Promise<void> {
    const until = this.#time.now() + checkEveryMs
    while (this.#time.now() < until) {
      await this.#time.runUntil(this.#time.now() + lookEveryMs)
      await this.#watch.look()
    }
    await this.#checkers.checkAlways()
  }

  #heal(): void {
    this.#trace.note('heal')
    this.#fabric.weather = calmWeather
    this.#fabric.isCut = () => false
    for (const { network } of this.#machines) network.comeBack()
  }

  #planBoots(): void {
    const random = this.#random.stream('boots')
    for (const [index, member] of [...this.#world.endpoints, ...this.#world.agents].entries()) {
      // Some agents only dial, as behind a firewall.
      const isListening = index < endpointsCount || random.chance(0.8)
      this.#background(random.between(0, bootWithinMs), `${member.name} could not start`, () => this.#boot(member, isListening ? [addressOf(index)] : []))
    }
  }

  async #boot(member: Member, listen: readonly string[]): Promise<void> {
    const deps = {
      fabric: this.#fabric, random: this.#random.stream('machines'), ledger: this.#ledger, checkSignature: this.#options.checkSignature,
      log: createTraceLog(this.#trace, member.name), sabotage: this.#options.sabotage ?? {}
    }
    this.#machines.push(await bootMachine(deps, member, { chain: this.#world.chain, listen, endpoints: this.#addresses, gossip: this.#story.gossip }))
  }

  async #planOrders(): Promise<void> {
    const admin = await SimulatedAdmin.open({ world: this.#world, fabric: this.#fabric, random: this.#random.stream('admin'), ledger: this.#ledger, endpoints: this.#addresses })
    for (const { atMs, draft, cancelAfterMs } of this.#story.orders) {
      this.#background(atMs, `${draft.name} could not be given`, async () => {
        const order = await admin.give(draft)
        if (cancelAfterMs !== null) this.#background(cancelAfterMs, `${draft.name} could not be cancelled`, () => admin.cancel(order))
      })
    }
  }

  #planAbsences(): void {
    for (const { host, fromMs, untilMs } of this.#story.absences) {
      this.#time.after(Math.max(fromMs, bootWithinMs), () => this.#machineOf(host)?.network.leave())
      this.#time.after(untilMs, () => this.#machineOf(host)?.network.comeBack())
    }
  }

  #machineOf(host: Machine['key']): Machine | undefined {
    return this.#machines.find(({ key }) => key === host)
  }

  #background(afterMs: Millis, problem: string, action: () => Promise<void>): void {
    this.#time.after(afterMs, () => {
      action().catch((error: unknown) => this.#ledger.violate('no-fault', `${problem}: ${String(error)}`))
    })
  }
}

const addressOf = (index: number): string => `/ip4/10.0.${index >> 8}.${index & 255}/tcp/4400`
