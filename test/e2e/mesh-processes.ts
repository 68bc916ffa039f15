/**
 * A mesh of real processes in a temporary folder, made by the operator's own commands from the bundle, which the check
 * builds first. Whatever it starts ends with it, by process id, whether the tests passed or not.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../fixtures/eventually.ts'
import { findFreePort } from '../../scripts/free-port.ts'
import type { LiveStatus } from '../../src/node/file-status.ts'

const program = fileURLToPath(new URL('../../dist/writ.js', import.meta.url))
const startDeadlineMs = 20_000
const commandDeadlineMs = 60_000
const attempts = 3

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Row {
  readonly agentName: string
  readonly state: string
  readonly exitCode: number | null
  readonly code: string | null
  readonly stdout: string | null
}

export interface Shown {
  readonly indication: string
  readonly order: { readonly indication: string; readonly name: string; readonly targeted: number }
  readonly rows: readonly Row[]
}

interface Running {
  readonly child: ChildProcess
  /** What it logged so far. */
  readonly log: { text: string }
  readonly ended: Promise<number | null>
}

/** Names of agents with their labels; what every node's writ.json is to say besides. */
export interface MeshPlan {
  readonly agents: Readonly<Record<string, readonly string[]>>
  readonly config?: Readonly<Record<string, unknown>>
}

export class MeshProcesses {
  readonly #plan: MeshPlan
  readonly #nodes = new Map<string, Running>()
  readonly #commands = new Set<ChildProcess>()
  readonly #endAll = (): void => this.#kill()
  #folder = ''

  constructor(plan: MeshPlan) {
    this.#plan = plan
  }

  get folder(): string {
    return this.#folder
  }

  get admin(): string {
    return this.home('admin')
  }

  home(name: string): string {
    return path.join(this.#folder, name)
  }

  /** Two endpoints, `e1` and `e2`, and the agents of the plan, all of them known to both endpoints. */
  async open(): Promise<void> {
    process.once('exit', this.#endAll)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#form()
      } catch (error) {
        await this.close()
        // Somebody else took a port in the meantime.
        if (attempt === attempts || !(error instanceof Error) || !error.message.includes('cannot-listen')) throw error
      }
    }
  }

  /** Ends every process that was started here, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#nodes.keys()].map((name) => this.stop(name)))
    this.#kill()
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Runs a command to its end. */
  writ(...args: readonly string[]): Promise<Outcome> {
    return this.begin(...args).ended
  }

  /** A command that succeeds, and its standard output. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.writ(...args)
    if (code !== 0) throw new Error(`writ ${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  /** Runs a command whose end is waited for later. */
  begin(...args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Outcome> } {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const child = execFile(process.execPath, [program, ...args], { timeout: commandDeadlineMs, maxBuffer: 64 * 1024 * 1024, encoding: 'utf8' }, (_error, stdout, stderr) => {
      this.#commands.delete(child)
      resolve({ code: child.exitCode, stdout, stderr })
    })
    this.#commands.add(child)
    return { child, ended: promise }
  }

  /** An order, waited for: its exit code and what came of it. */
  async run(...args: readonly string[]): Promise<{ readonly code: number | null; readonly view: Shown }> {
    const { code, stdout, stderr } = await this.writ('run', '--home', this.admin, '--json', ...args)
    if (stdout === '') throw new Error(`writ run ${args.join(' ')} said nothing: ${stderr}`)
    return { code, view: JSON.parse(stdout) }
  }

  /** An order that is not waited for; its id. */
  async order(...args: readonly string[]): Promise<string> {
    return (await this.must('run', '--home', this.admin, '--detach', ...args)).trim()
  }

  async show(indication: string, home = this.admin): Promise<Shown> {
    return JSON.parse(await this.must('show', indication, '--home', home, '--json'))
  }

  /** Until an order is as wanted, as one endpoint sees it. */
  shown(indication: string, isReached: (view: Shown) => boolean, options: { readonly home?: string; readonly deadlineMs?: number } = {}): Promise<Shown> {
    return eventually(() => this.show(indication, options.home), isReached, options.deadlineMs ?? 20_000)
  }

  /** Starts a node; resolves when an endpoint has answered it. */
  async start(name: string): Promise<void> {
    const running = this.spawn(name)
    this.#nodes.set(name, running)
    const { child, log } = running
    await eventually(
      () => {
        if (child.exitCode !== null || log.text.includes('cannot-listen')) throw new Error(`${name} did not start: ${log.text}`)
        return this.status(name)
      },
      (status) => status !== undefined && status.pid === child.pid && status.lastContactAt !== null,
      startDeadlineMs
    )
  }

  /** `writ start` as a process, and nothing else. */
  spawn(name: string): Running {
    const child = spawn(process.execPath, [program, 'start', '--home', this.home(name)], { stdio: ['ignore', 'ignore', 'pipe'] })
    const log = { text: '' }
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (log.text += text))
    return { child, log, ended: new Promise((resolve) => child.once('close', resolve)) }
  }

  /** SIGTERM, and the exit code. */
  async stop(name: string): Promise<number | null> {
    const running = this.#nodes.get(name)
    if (running === undefined) return null
    running.child.kill('SIGTERM')
    const code = await running.ended
    this.#nodes.delete(name)
    return code
  }

  /** SIGKILL to the executor alone; resolves when its agent has noticed and ended as well. */
  async crash(name: string): Promise<void> {
    const running = this.#nodes.get(name)
    if (running === undefined) throw new Error(`${name} does not run`)
    const agent = this.agentOf(name)
    running.child.kill('SIGKILL')
    await eventually(() => isAlive(agent), (alive) => !alive)
    this.#nodes.delete(name)
  }

  executorOf(name: string): number {
    return this.#nodes.get(name)?.child.pid ?? Number.NaN
  }

  /** The process id of a node's agent. */
  agentOf(name: string): number {
    const executor = this.executorOf(name)
    const found = childrenOf(executor).find((pid) => commandOf(pid).includes('agent.js'))
    if (found === undefined) throw new Error(`${name} has no agent process`)
    return found
  }

  /** What the node wrote down last. */
  status(name: string): LiveStatus | undefined {
    const file = path.join(this.home(name), 'run', 'status.json')
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  }

  /** A home of the same admin that knows one endpoint only. */
  adminOf(endpoint: string): string {
    const home = this.home(`admin-at-${endpoint}`)
    if (existsSync(home)) return home
    cpSync(this.admin, home, { recursive: true })
    const learned: readonly { readonly name: string }[] = JSON.parse(readFileSync(path.join(home, 'admin', 'endpoints.json'), 'utf8'))
    const only = learned.filter(({ name }) => name === endpoint)
    changeJson(path.join(home, 'writ.json'), { endpoints: only })
    writeFileSync(path.join(home, 'admin', 'endpoints.json'), JSON.stringify(only))
    return home
  }

  /** A copy of the admin's home in which every endpoint is at this address. */
  adminAt(address: string): string {
    const home = mkdtempSync(path.join(this.#folder, 'admin-'))
    cpSync(this.admin, home, { recursive: true })
    rmSync(path.join(home, 'admin', 'endpoints.json'), { force: true })
    const { endpoints }: { endpoints: readonly object[] } = JSON.parse(readFileSync(path.join(home, 'writ.json'), 'utf8'))
    changeJson(path.join(home, 'writ.json'), { endpoints: endpoints.map((endpoint) => ({ ...endpoint, addresses: [address] })) })
    return home
  }

  /** A token for one more node. */
  async invite(...args: readonly string[]): Promise<string> {
    return (await this.must('invite', '--home', this.admin, ...args)).trim()
  }

  async #form(): Promise<void> {
    this.#folder = mkdtempSync(path.join(tmpdir(), 'writ-e2e-'))
    const [first, second] = [await findFreePort(), await findFreePort()]
    await this.must('init', '--home', this.admin, '--mesh', 'lab')
    await this.must('join', '--admin', this.admin, '--home', this.home('e1'), '--name', 'e1', '--listen', `/ip4/127.0.0.1/tcp/${first}`)
    this.#configure('e1')
    await this.start('e1')
    await this.must('join', await this.invite('--role', 'endpoint'), '--home', this.home('e2'), '--name', 'e2', '--listen', `/ip4/127.0.0.1/tcp/${second}`)
    this.#configure('e2')
    const agents = Object.entries(this.#plan.agents)
    const enrolments = agents.map(async ([name, labels]) => {
      await this.must('join', await this.invite('--role', 'agent', ...labels.flatMap((label) => ['--label', label])), '--home', this.home(name), '--name', name)
      this.#configure(name)
      await this.start(name)
    })
    await Promise.all([this.start('e2'), ...enrolments])
    await this.knowEachOther(['e1', 'e2', ...agents.map(([name]) => name)])
  }

  /** Until both endpoints have heard of these nodes. */
  async knowEachOther(names: readonly string[]): Promise<void> {
    await eventually(() => this.writ('nodes', '--home', this.admin, '--json'), ({ code, stdout }) => code === 0 && isKnown(stdout, names), startDeadlineMs)
    // One order makes the admin learn where both endpoints are.
    await this.must('run', '--home', this.admin, '--all', '--', 'true')
    await Promise.all(['e1', 'e2'].map((endpoint) => eventually(() => this.writ('nodes', '--home', this.adminOf(endpoint), '--json'), ({ code, stdout }) => code === 0 && isKnown(stdout, names), startDeadlineMs)))
  }

  #configure(name: string): void {
    changeJson(path.join(this.home(name), 'writ.json'), { syncIntervalMs: 500, ...this.#plan.config })
  }

  #kill(): void {
    for (const child of [...this.#commands, ...[...this.#nodes.values()].map((running) => running.child)]) child.kill('SIGKILL')
  }
}

const isKnown = (text: string, names: readonly string[]): boolean => {
  const { nodes }: { nodes: readonly { readonly name: string; readonly lastContactAt: number | null }[] } = JSON.parse(text)
  return names.every((name) => nodes.some((node) => node.name === name && node.lastContactAt !== null))
}

const changeJson = (file: string, change: object): void => writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }))

export const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readOr(`/proc/${pid}/status`))

const readOr = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // it ended meanwhile
  }
}

const commandOf = (pid: number): string => readOr(`/proc/${pid}/cmdline`)

const childrenOf = (pid: number): number[] => readOr(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)

/** Processes whose command line or environment names this folder. */
export const processesIn = (folder: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandOf(pid).includes(folder) && isAlive(pid))
