/**
 * One server of the mesh: a production node and a production executor, each a process that may end at any moment and be
 * started again, over disks, jobs and a clock that stay. As in production the agent ends with its executor, and the
 * executor starts a new agent when one has ended.
 */
import { limits } from '../src/base/limits.ts'
import { isWritError } from '../src/base/errors.ts'
import { writeLoss } from '../src/executor/journal.ts'
import { Charters } from '../src/node/charters.ts'
import { createNode, type Node } from '../src/node/node.ts'
import { Disk, type DiskImage, type Trap } from './disk.ts'
import { KeptCharters } from './kept-charters.ts'
import { Jobs } from './jobs.ts'
import { noteStatements, readUnkept } from './journal-watch.ts'
import { Life } from './life.ts'
import { MachineClock } from './machine-clock.ts'
import { MemoryBlocks, noOutputs, SimulatedContent } from './simulated-content.ts'
import { ProcessNetwork } from './process-network.ts'
import { startExecutor, type SimulatedExecutor } from './simulated-executor.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { EndpointAddress } from '../src/trust/home-config.ts'
import type { Fabric } from './fabric.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { Ledger } from './ledger.ts'
import type { Log } from '../src/base/log.ts'
import type { Member } from './world.ts'
import type { Network } from '../src/node/network/network.ts'
import type { Runner } from '../src/executor/child-runner.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What a test breaks on purpose: something put between a node and what it is given. */
export interface Sabotage {
  readonly network?: (network: Network) => Network
  readonly runner?: (runner: Runner) => Runner
}

export interface MachineDeps {
  readonly fabric: Fabric<SimulatedNetwork>
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly log: Log
  readonly checkSignature: CheckSignature
  readonly sabotage: Sabotage
}

export interface MachineOptions {
  readonly chain: CharterChain
  readonly listen: readonly string[]
  /** Endpoints that it knows from the beginning. */
  readonly endpoints: readonly EndpointAddress[]
  readonly gossip: boolean
  readonly checkpointEntries: number
  readonly retentionMs: Millis
}

/** `stop` is orderly; the others are kills, `machine` is a power cut. */
export type Ending = 'stop' | 'agent' | 'executor' | 'machine'

export interface MachineImage {
  readonly takenAt: Millis
  readonly charters: ReturnType<KeptCharters['image']>
  readonly agent: DiskImage
  readonly executor: DiskImage
}

/** Of an agent's process that was stopped. */
export interface Remains {
  readonly timers: number
  readonly openRequests: number
  readonly isSettled: boolean
}

interface AgentProcess {
  readonly life: Life
  readonly node: Node
  readonly host: SimulatedNetwork
}

interface ExecutorProcess {
  readonly life: Life
  readonly executor: SimulatedExecutor
}

/** A service manager waits about as long before it starts a process that could not start. */
const retryMs: Millis = 2_000

export class Machine {
  readonly key: KeyId
  readonly name: string
  readonly clock: MachineClock
  readonly agentDisk = new Disk()
  readonly executorDisk: Disk
  readonly jobs: Jobs
  readonly charters: KeptCharters
  readonly #deps: MachineDeps
  readonly #member: Member
  readonly #options: MachineOptions
  readonly #blocks = new MemoryBlocks()
  /** Its cable is plugged in. */
  #isPlugged = true
  #starts = 0
  #executorLife: Life | undefined
  #agentLife: Life | undefined
  #executor: ExecutorProcess | undefined
  #agent: AgentProcess | undefined
  #host: SimulatedNetwork | undefined
  #cancelStart: (() => void) | undefined
  #isForgetful = false

  constructor(deps: MachineDeps, member: Member, options: MachineOptions) {
    const { fabric, ledger } = deps
    this.key = member.peer.key
    this.name = member.name
    this.#deps = deps
    this.#member = member
    this.#options = options
    this.charters = new KeptCharters(options.chain, () => ledger.violate('charter-forward', `${this.name} went back to an earlier charter`))
    this.clock = new MachineClock(fabric.time)
    this.executorDisk = new Disk((changes) => noteStatements(ledger, this.key, changes))
    this.jobs = new Jobs({ time: fabric.time, random: deps.random.stream(`${this.name} jobs`), ledger, doer: () => ({ key: this.key, name: this.name, now: this.clock.now() }) })
  }

  /** The agent's process and its network, while it runs. */
  get agent(): AgentProcess | undefined {
    return this.#agent
  }

  /** Statements that the executor still has to tell, `undefined` where it does not run. */
  get unkept(): number | undefined {
    return this.#executor?.executor.journal.unkept().length
  }

  /** Starts what does not run: the executor, then its agent. */
  async start(): Promise<void> {
    this.#cancelStart?.()
    this.#cancelStart = undefined
    if (this.#executorLife === undefined) await this.#startExecutor()
    if (this.#executor !== undefined && this.#agentLife === undefined) await this.#startAgent(this.#executor)
  }

  /** Ends processes, to be started again after `downMs`; what does not run any more stays as it is. */
  async end(ending: Ending, downMs: Millis): Promise<void> {
    if (ending === 'stop') return this.#stop(downMs)
    this.#deps.fabric.note(`killed ${ending} of ${this.name}`)
    if (ending === 'agent') {
      if (this.#agentLife === undefined) return
      this.#endAgent('process')
    } else {
      if (this.#executorLife !== undefined) this.#deps.ledger.noteDisturbance(this.key)
      this.#endExecutor(ending === 'machine' ? 'machine' : 'process')
    }
    if (ending === 'machine') for (const disk of [this.agentDisk, this.executorDisk]) await disk.loseUnsynced(this.#deps.random)
    this.startAfter(downMs)
  }

  /** Ends a process at its next durable write, or right after it. */
  trap(disk: 'agent' | 'executor', at: Trap['at'], ending: Ending, downMs: Millis): void {
    const trapped = disk === 'agent' ? this.agentDisk : this.executorDisk
    trapped.trap = { at, spring: () => void this.end(ending, downMs) }
  }

  image(): MachineImage {
    return { takenAt: this.#deps.fabric.time.now(), charters: this.charters.image(), agent: this.agentDisk.image(), executor: this.executorDisk.image() }
  }

  /** Turns the machine off and puts its disks back to what they were. */
  async restore(image: MachineImage, downMs: Millis): Promise<void> {
    this.#deps.fabric.note(`restored ${this.name} to ${this.#deps.fabric.time.now() - image.takenAt} ms ago`)
    this.#deps.ledger.noteRestore(this.key, image.takenAt)
    this.#endExecutor('machine')
    this.charters.restore(image.charters)
    await this.agentDisk.restore(image.agent)
    await this.executorDisk.restore(image.executor)
    this.startAfter(downMs)
  }

  /** What the agent's process keeps is lost. */
  async wipe(downMs: Millis): Promise<void> {
    this.#deps.fabric.note(`wiped ${this.name}`)
    this.#endAgent('process')
    await this.agentDisk.restore(new Map())
    this.startAfter(downMs)
  }

  /** The executor's journal is lost; its next start finds that out. */
  async forget(downMs: Millis): Promise<void> {
    this.#deps.fabric.note(`forgotten by ${this.name}`)
    this.#endExecutor('machine')
    this.#deps.ledger.noteLoss(this.key, await readUnkept(this.executorDisk))
    await this.executorDisk.restore(new Map())
    this.#isForgetful = true
    this.startAfter(downMs)
  }

  /** Pulls the cable, or plugs it in. */
  plug(isPlugged: boolean): void {
    if (this.#isPlugged === isPlugged) return
    this.#isPlugged = isPlugged
    if (isPlugged) this.#host?.comeBack()
    else this.#host?.leave()
  }

  /** Everything is as it should be: room on the disks, cable plugged in, the right time, both processes running. */
  async heal(): Promise<void> {
    for (const disk of [this.agentDisk, this.executorDisk]) Object.assign(disk, { isFull: false, trap: undefined })
    this.clock.set(0)
    this.plug(true)
    await this.start()
  }

  /** In the end: stops the agent's process; what it leaves behind can be told some time later. */
  async retire(): Promise<(() => Remains) | undefined> {
    const agent = this.#agent
    if (agent === undefined) return undefined
    agent.node.stop()
    await agent.host.stop()
    let isSettled = false
    void agent.node.settled().then(() => (isSettled = true))
    return () => ({ timers: agent.life.timers, openRequests: agent.life.openRequests, isSettled })
  }

  async #startExecutor(): Promise<void> {
    const { log, sabotage } = this.#deps
    const life = new Life(this.#deps.fabric.time)
    this.#executorLife = life
    try {
      const store = this.executorDisk.open(life)
      if (this.#isForgetful) await writeLoss(store, this.clock.now())
      this.#isForgetful = false
      const executor = await startExecutor({
        member: this.#member, chain: this.charters.of('executor'), saveCharters: (chain) => life.isAlive && this.charters.keep('executor', chain), life, store, clock: this.clock, jobs: this.jobs, log,
        wrapRunner: sabotage.runner ?? ((runner) => runner),
        fatal: (error) => this.#fail(life, error)
      })
      if (life.isAlive) this.#executor = { life, executor }
    } catch (error) {
      this.#fail(life, error)
    }
  }

  async #startAgent({ executor }: ExecutorProcess): Promise<void> {
    const life = new Life(this.#deps.fabric.time)
    this.#agentLife = life
    try {
      const agent = await this.#openAgent(life, executor)
      if (life.isAlive) this.#agent = agent
    } catch (error) {
      this.#fail(life, error)
    }
  }

  async #openAgent(life: Life, executor: SimulatedExecutor): Promise<AgentProcess> {
    const { log, checkSignature, sabotage } = this.#deps
    const { endpoints, gossip, checkpointEntries, retentionMs } = this.#options
    const { membership, peer } = this.#member
    this.#starts += 1
    // The first process draws as if it were the only one: a seed of old means what it meant.
    const random = this.#deps.random.stream(this.#starts === 1 ? this.name : `${this.name} start ${this.#starts}`)
    const charters = new Charters(this.charters.of('agent'), (chain) => life.isAlive && this.charters.keep('agent', chain))
    const host = this.#connectHost(charters)
    const network = new ProcessNetwork(sabotage.network?.(host) ?? host, life)
    const content = new SimulatedContent({ blocks: this.#blocks, network, clock: this.clock, timers: life, random: random.stream('content') })
    const node = await createNode(
      { network, store: this.agentDisk.open(life), content, outputs: noOutputs, executor: executor.attach(life), charters, signer: peer, membership, clock: this.clock, timers: life, random, log, checkSignature },
      {
        endpoints,
        gossip,
        checkpointEntries,
        pullIntervalMs: limits.pull.intervalMs,
        syncIntervalMs: limits.sync.intervalMs,
        retention: { mode: 'label', ageMs: retentionMs },
        formats: new Set(['command'])
      }
    )
    await network.start()
    await node.start()
    return { life, node, host }
  }

  #connectHost(charters: Charters): SimulatedNetwork {
    const { membership, name, peer } = this.#member
    const host = new SimulatedNetwork(this.#deps.fabric, {
      self: peer.key, name, listen: this.#options.listen,
      door: membership.credential.body.role,
      identity: { kind: 'node', credential: membership.credential.bytes },
      chain: () => charters.chain,
      learnCharters: (bytes) => void charters.learn(bytes)
    })
    this.#host = host
    if (!this.#isPlugged) host.leave()
    return host
  }

  /** A process gives up: a full disk is a reason, all else is a fault. */
  #fail(life: Life, error: unknown): void {
    if (!life.isAlive) return
    const { ledger } = this.#deps
    if (!isWritError(error, 'store-write-failed')) ledger.violate('no-fault', `a process of ${this.name} ended: ${String(error)}`)
    if (life === this.#agentLife) {
      this.#endAgent('process')
    } else {
      ledger.noteDisturbance(this.key)
      this.#endExecutor('process')
    }
    this.startAfter(retryMs)
  }

  #endExecutor(how: 'process' | 'machine'): void {
    this.#executorLife?.end()
    this.#executorLife = undefined
    this.#executor = undefined
    this.#endAgent(how)
    if (how === 'machine') this.jobs.killAll()
  }

  /** The connections of a process that is killed are closed at once, those of a machine without power by nobody. */
  #endAgent(how: 'process' | 'machine'): void {
    this.#executor?.executor.driver.detach()
    this.#agentLife?.end()
    this.#agentLife = undefined
    this.#agent = undefined
    if (how === 'machine') this.#host?.leave()
    void this.#host?.stop()
    this.#host = undefined
  }

  startAfter(downMs: Millis): void {
    this.#cancelStart?.()
    this.#cancelStart = this.#deps.fabric.time.after(downMs, () => {
      this.start().catch((error: unknown) => this.#deps.ledger.violate('no-fault', `${this.name} could not start: ${String(error)}`))
    })
  }

  /** As at SIGTERM: running jobs get their grace, the agent may keep the last statements. */
  async #stop(downMs: Millis): Promise<void> {
    const process = this.#executor
    if (process === undefined) return
    const { fabric, ledger } = this.#deps
    fabric.note(`stopping ${this.name}`)
    ledger.noteDisturbance(this.key)
    await process.life.guard(process.executor.driver.stop())
    await Promise.race([process.life.guard(process.executor.driver.allKept()), fabric.time.pause(limits.executor.agentStopMs)])
    if (!process.life.isAlive) return
    this.#agent?.node.stop()
    this.#endExecutor('process')
    this.startAfter(downMs)
  }
}
