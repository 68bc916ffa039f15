/**
 * One run: a mesh of production nodes from a seed, a safety phase under the scenario's weather and troubles, then healing,
 * then a liveness phase that ends as soon as everything has come true, or is violated when it has not in time.
 */
import { Checkers, type Unmet } from './checkers.ts'
import { Equivocator } from './intruders/equivocator.ts'
import { Fabric, type MessageCounts } from './fabric.ts'
import { Flooder } from './intruders/flooder.ts'
import { Forger } from './intruders/forger.ts'
import { Jobs } from './jobs.ts'
import { keptMsOf, type Retention } from '../src/queue/retention.ts'
import { Life } from './life.ts'
import { limits } from '../src/base/limits.ts'
import { Disk } from './disk.ts'
import { Machine, type Sabotage } from './machine.ts'
import { createWorld, namesByKey, type AdminIdentity, type Member, type World } from './world.ts'
import { createTraceLog } from './trace-log.ts'
import { readReached, type Reached } from './reached.ts'
import { QueueWatch } from './queue-watch.ts'
import { Ledger, type Violation } from './ledger.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedAdmin } from './simulated-admin.ts'
import { startExecutor } from './simulated-executor.ts'
import { Trace, type TraceListener } from './trace.ts'
import { Troubles } from './troubles.ts'
import { VirtualTime } from './virtual-time.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { EndpointAddress } from '../src/trust/home-config.ts'
import type { Intruder } from './intruders/intruder.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { Aftermath, Scenario, Story } from './story.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

const checkEveryMs: Millis = 5_000
const lookEveryMs: Millis = 100
const livenessMsMax: Millis = 15 * 60_000
/** After everything has come true: it must stay so. */
const afterglowMs: Millis = 5_000
/** For each node in one run; 300 are usual. More is work without an end, such as asking again at once for ever. */
const eventsPerNodeMax = 10_000
const bootWithinMs: Millis = 5_000
/** Between two looks at a mesh that has nothing to do. */
const restedMs: Millis = 60_000
const wipedDownMs: Millis = 1_000

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
  readonly reached: Reached
  readonly violations: readonly Violation[]
}

export const nodesMin = 4

export const runSimulation = async (options: SimulationOptions): Promise<RunReport> => {
  const { scenario, seed } = options
  const random = new SeededRandom(`${scenario.name}/${seed}`)
  const fleet = random.stream('fleet')
  // Small fleets more often: they cost less, and meet the edges sooner.
  const drawn = 10 + Math.floor(51 * fleet.fraction() ** 6)
  const nodes = options.nodes ?? drawn
  const endpoints = scenario.drawEndpoints(nodes, fleet)
  const world = createWorld(`${scenario.name}/${seed}`, { endpoints, agents: nodes - endpoints })
  const simulation = new Simulation(world, scenario.tell(world, random.stream('story')), random, options)
  const convergedAfterMs = await simulation.run()
  return { scenario: scenario.name, seed, nodes, convergedAfterMs, ...(await simulation.report()) }
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
  readonly #troubles: Troubles
  readonly #watch: QueueWatch
  readonly #addresses: readonly EndpointAddress[]
  readonly #machines = new Map<KeyId, Machine>()
  readonly #intruders: Intruder[] = []
  readonly #admin: SimulatedAdmin
  readonly #rival: SimulatedAdmin
  /** What admins plan, and have not done yet. */
  #ungiven = 0
  /** Of the phases of the run that are over. */
  #eventsBefore = 0

  constructor(world: World, story: Story, random: SeededRandom, options: SimulationOptions) {
    this.#world = world
    this.#story = story
    this.#options = options
    this.#random = random
    this.#time = new VirtualTime(world.startedAt)
    this.#trace = new Trace(this.#time, options.onTrace)
    this.#ledger = new Ledger(this.#time)
    this.#fabric = new Fabric({ time: this.#time, random: random.stream('fabric'), trace: this.#trace, weather: story.weather, onFault: (what) => this.#ledger.violate('no-fault', what) })
    this.#addresses = world.endpoints.map(({ name, peer }, index) => ({ key: peer.key, name, addresses: [addressOf(index)] }))
    const endpoints = (): Machine[] => world.endpoints.flatMap(({ peer }) => this.#machines.get(peer.key) ?? [])
    this.#watch = new QueueWatch(this.#time, endpoints)
    this.#checkers = new Checkers({
      chain: world.chain, clock: this.#time, random: random.stream('reader'), checkSignature: options.checkSignature, ledger: this.#ledger,
      names: namesByKey(world),
      machines: () => [...this.#machines.values()],
      endpoints,
      intruders: new Set(story.intruders.map(({ host }) => host))
    })
    this.#admin = this.#openAdmin(world.admin, '/ip4/10.1.0.1/tcp/4400')
    this.#rival = this.#openAdmin(world.rival, '/ip4/10.1.0.2/tcp/4400')
    const admins = new Map([[world.admin.peer.key, this.#admin], [world.rival.peer.key, this.#rival]])
    this.#troubles = new Troubles({ fabric: this.#fabric, ledger: this.#ledger, machines: this.#machines, admins })
    this.#planBoots()
    this.#planOrders()
    this.#troubles.plan(story.troubles)
  }

  /** How long the mesh took to come to rest after it was healed; null when it did not. */
  async run(): Promise<Millis | null> {
    await Promise.all([this.#admin.start(), this.#rival.start()])
    const healAt = this.#world.startedAt + this.#story.healAtMs
    while (this.#time.now() < healAt && !this.#isRunaway()) await this.#advance()
    await this.#troubles.heal()
    // Whoever is started by that has not begun to be restless yet.
    await this.#advance()
    for (const intruder of this.#intruders) intruder.stop()
    let unmet = await this.#comeTrue(healAt + livenessMsMax)
    const convergedAfterMs = unmet.length > 0 ? null : this.#time.now() - healAt
    if (convergedAfterMs !== null) {
      const until = this.#time.now() + afterglowMs
      while (this.#time.now() < until) await this.#advance()
      unmet = await this.#findUnmet()
    }
    const { aftermath } = this.#story
    if (unmet.length === 0 && aftermath !== null) unmet = await this.#liveOn(aftermath)
    for (const { checker, detail } of [...unmet, ...(await this.#checkers.findLeaks((spanMs) => this.#time.runUntil(this.#time.now() + spanMs)))]) this.#ledger.violate(checker, detail)
    if (this.#isRunaway()) this.#ledger.violate('bounded-work', `${this.#time.events} events among ${this.#machines.size} nodes`)
    return convergedAfterMs
  }

  async report(): Promise<Pick<RunReport, 'events' | 'lastChangeMs' | 'messages' | 'traceHash' | 'reached' | 'violations'>> {
    const [endpoint] = this.#world.endpoints
    const disks = [...this.#machines.values()].map(({ agentDisk }) => agentDisk)
    const reached = await readReached(this.#ledger, endpoint === undefined ? undefined : this.#machines.get(endpoint.peer.key)?.agentDisk, disks)
    const lastChangeMs = this.#watch.changedAt - this.#world.startedAt
    return { events: this.#time.events, lastChangeMs, messages: this.#fabric.sent, traceHash: this.#trace.digest(), reached, violations: this.#ledger.violations }
  }

  async #comeTrue(until: Millis): Promise<Unmet[]> {
    let unmet = await this.#findUnmet()
    while (unmet.length > 0 && this.#time.now() < until && !this.#isRunaway()) {
      await this.#advance()
      unmet = await this.#findUnmet()
    }
    return unmet
  }

  /** Until everything that was ordered is over and dropped, and some time longer. */
  async #liveOn({ wiped, draft }: Aftermath): Promise<Unmet[]> {
    const retention: Retention = { mode: 'label', ageMs: this.#story.retentionMs }
    const expiresAt = Math.max(...[...this.#ledger.orders.values()].map((order) => order.expiresAt))
    this.#fabric.note('aftermath')
    this.#ledger.settle()
    await this.#rest(expiresAt + keptMsOf(retention))
    // Every endpoint has looked at what may be dropped at least once after that.
    await this.#rest(this.#time.now() + 1.3 * limits.queue.housekeepingMs)
    const unmet = await this.#checkers.findOverdue(retention)
    if (unmet.length > 0) return unmet
    if (wiped !== null) await this.#machines.get(wiped)?.wipe(wipedDownMs)
    this.#promise(0, `${draft.name} could not be given`, async () => void (await this.#admin.give(draft)))
    return this.#comeTrue(this.#time.now() + livenessMsMax)
  }

  /** Nothing happens that has to be looked at closely; what it costs counts by itself. */
  async #rest(until: Millis): Promise<void> {
    this.#eventsBefore = this.#time.events
    while (this.#time.now() < until && !this.#isRunaway()) {
      await this.#time.runUntil(Math.min(until, this.#time.now() + restedMs))
      await this.#checkers.checkAlways()
    }
    this.#eventsBefore = this.#time.events
  }

  async #findUnmet(): Promise<Unmet[]> {
    return this.#ungiven > 0 ? [{ checker: 'orders-given', detail: `${this.#ungiven} things that admins planned are not done` }] : this.#checkers.findUnmet()
  }

  #isRunaway(): boolean {
    return this.#time.events - this.#eventsBefore > eventsPerNodeMax * (this.#world.endpoints.length + this.#world.agents.length)
  }

  async #advance(): Promise<void> {
    const until = this.#time.now() + checkEveryMs
    while (this.#time.now() < until) {
      await this.#time.runUntil(this.#time.now() + lookEveryMs)
      await this.#watch.look()
    }
    await this.#checkers.checkAlways()
  }

  #planBoots(): void {
    const random = this.#random.stream('boots')
    for (const [index, member] of [...this.#world.endpoints, ...this.#world.agents].entries()) {
      // Some agents only dial, as behind a firewall.
      const isListening = index < this.#world.endpoints.length || random.chance(0.8)
      const listen = isListening ? [addressOf(index)] : []
      const intruder = this.#story.intruders.find(({ host }) => host === member.peer.key)
      const bootAtMs = random.between(0, bootWithinMs)
      if (intruder === undefined) this.#planMachine(member, listen, bootAtMs)
      else this.#background(bootAtMs, `${member.name} could not start`, async () => (await this.#openIntruder(intruder.kind, member, listen)).start())
    }
  }

  #planMachine(member: Member, listen: readonly string[], bootAtMs: Millis): void {
    const machine = new Machine(
      {
        fabric: this.#fabric, random: this.#random.stream('machines'), ledger: this.#ledger, checkSignature: this.#options.checkSignature,
        log: createTraceLog(this.#trace, member.name), sabotage: this.#options.sabotage ?? {}
      },
      member,
      { chain: this.#world.chain, listen, endpoints: this.#addresses, gossip: this.#story.gossip, checkpointEntries: this.#story.checkpointEntries, retentionMs: this.#story.retentionMs }
    )
    this.#machines.set(machine.key, machine)
    machine.startAfter(bootAtMs)
  }

  async #openIntruder(kind: Story['intruders'][number]['kind'], member: Member, listen: readonly string[]): Promise<Intruder> {
    const random = this.#random.stream(`intruder ${member.name}`)
    const deps = { world: this.#world, member, listen, endpoints: this.#addresses, fabric: this.#fabric, random, ledger: this.#ledger }
    const intruder = kind === 'flooder' ? new Flooder(deps) : kind === 'equivocator' ? new Equivocator(deps) : new Forger(deps, await this.#openExecutor(member, random))
    this.#intruders.push(intruder)
    return intruder
  }

  /** As it should be, on a machine whose agent is not. */
  async #openExecutor(member: Member, random: SeededRandom) {
    const life = new Life(this.#time)
    const jobs = new Jobs({ time: this.#time, random, ledger: this.#ledger, doer: () => ({ key: member.peer.key, name: member.name, now: this.#time.now() }) })
    const executor = await startExecutor({
      member, life, jobs, chain: this.#world.chain, store: new Disk().open(life), clock: this.#time, saveCharters: () => undefined, log: createTraceLog(this.#trace, member.name), wrapRunner: (runner) => runner,
      fatal: (error) => this.#ledger.violate('no-fault', `the executor of ${member.name} ended: ${String(error)}`)
    })
    return executor.attach(life)
  }

  #openAdmin(identity: AdminIdentity, address: string): SimulatedAdmin {
    const random = this.#random.stream(identity.name)
    return new SimulatedAdmin({ world: this.#world, identity, listen: [address], fabric: this.#fabric, random, ledger: this.#ledger, endpoints: this.#addresses })
  }

  #planOrders(): void {
    this.#ungiven = this.#story.orders.length
    for (const { atMs, draft, cancelAfterMs } of this.#story.orders) {
      this.#background(atMs, `${draft.name} could not be given`, async () => {
        const order = await this.#admin.give(draft)
        this.#ungiven -= 1
        if (cancelAfterMs !== null) this.#background(cancelAfterMs, `${draft.name} could not be cancelled`, () => this.#admin.cancel(order))
      })
    }
    const { equivocation, charters, thawsAtMs } = this.#story
    for (const { atMs, by } of charters) this.#promise(atMs, 'the charter could not be changed', () => (by === 'admin' ? this.#admin : this.#rival).amend())
    for (const atMs of thawsAtMs) this.#promise(atMs, 'forks could not be ended', () => this.#admin.thaw())
    if (equivocation === null) return
    const [before, ...sides] = equivocation.drafts
    this.#background(equivocation.atMs, 'two stories could not be told', async () => {
      await this.#rival.give(before)
      const half = Math.ceil(this.#addresses.length / 2)
      const branches = [await this.#rival.fork(this.#addresses.slice(0, half)), await this.#rival.fork(this.#addresses.slice(half))]
      for (const [index, branch] of branches.entries()) {
        const draft = sides[index]
        if (draft !== undefined) await this.#rival.give(draft, branch)
      }
    })
  }

  /** What must have been done before the run ends. */
  #promise(afterMs: Millis, problem: string, action: () => Promise<void>): void {
    this.#ungiven += 1
    this.#background(afterMs, problem, async () => {
      await action()
      this.#ungiven -= 1
    })
  }

  #background(afterMs: Millis, problem: string, action: () => Promise<void>): void {
    this.#time.after(afterMs, () => {
      action().catch((error: unknown) => this.#ledger.violate('no-fault', `${problem}: ${String(error)}`))
    })
  }
}

const addressOf = (index: number): string => `/ip4/10.0.${index >> 8}.${index & 255}/tcp/4400`
