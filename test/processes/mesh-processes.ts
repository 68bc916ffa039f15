/**
 * A mesh of real processes in a temporary folder, made by the operator's own commands from the bundle, which the check
 * builds first. Whatever it starts ends with it, by process id, whether the tests passed or not.
 */
import { execFile, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { eventually } from '../fixtures/eventually.ts'
import { findFreePort } from '../../scripts/free-port.ts'
import { NodeProcesses, program, startDeadlineMs } from './node-processes.ts'

const commandDeadlineMs = 60_000
const attempts = 3

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Row {
  readonly detail: string | null
  readonly agentName: string
  readonly state: string
  readonly exitCode: number | null
  readonly code: string | null
  readonly stdout: string | null
  readonly stderr: string | null
}

export interface Shown {
  readonly indication: string
  readonly order: { readonly indication: string; readonly name: string; readonly targeted: number }
  readonly rows: readonly Row[]
}

export interface MeshPlan {
  /** Two when absent; they are called `e1`, `e2`… */
  readonly endpoints?: number
  /** Names of agents with their labels. */
  readonly agents: Readonly<Record<string, readonly string[]>>
  /** What every node's writ.json is to say besides. */
  readonly config?: Readonly<Record<string, unknown>>
  /** What a node finds in its environment besides. */
  readonly environment?: (name: string) => Readonly<Record<string, string>>
}

export class MeshProcesses extends NodeProcesses {
  readonly #plan: MeshPlan
  readonly #commands = new Set<ChildProcess>()
  readonly #endAll = (): void => this.#kill()

  constructor(plan: MeshPlan) {
    super(plan.environment)
    this.#plan = plan
  }

  get endpoints(): readonly string[] {
    return Array.from({ length: this.#plan.endpoints ?? 2 }, (_, index) => `e${index + 1}`)
  }

  /** Endpoints and agents. */
  get names(): readonly string[] {
    return [...this.endpoints, ...Object.keys(this.#plan.agents)]
  }

  get admin(): string {
    return this.home('admin')
  }

  /** The endpoints and the agents of the plan, all of them known to every endpoint. */
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
    await this.stopNodes()
    this.#kill()
    this.removeFolder()
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
    const home = mkdtempSync(path.join(this.folder, 'admin-'))
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
    this.openFolder()
    const [first = '', ...others] = this.endpoints
    await this.must('init', '--home', this.admin, '--mesh', 'lab')
    await this.must('join', '--admin', this.admin, '--home', this.home(first), '--name', first, '--listen', await freeAddress())
    this.#configure(first)
    await this.start(first)
    for (const name of others) {
      await this.must('join', await this.invite('--role', 'endpoint'), '--home', this.home(name), '--name', name, '--listen', await freeAddress())
      this.#configure(name)
    }
    const enrolments = Object.entries(this.#plan.agents).map(async ([name, labels]) => {
      await this.must('join', await this.invite('--role', 'agent', ...labels.flatMap((label) => ['--label', label])), '--home', this.home(name), '--name', name)
      this.#configure(name)
      await this.start(name)
    })
    await Promise.all([...others.map((name) => this.start(name)), ...enrolments])
    await this.knowEachOther(this.names)
  }

  /** Until every endpoint has heard of these nodes. */
  async knowEachOther(names: readonly string[]): Promise<void> {
    await eventually(() => this.writ('nodes', '--home', this.admin, '--json'), ({ code, stdout }) => code === 0 && isKnown(stdout, names), startDeadlineMs)
    // One order makes the admin learn where the endpoints are.
    await this.must('run', '--home', this.admin, '--all', '--', 'true')
    await Promise.all(this.endpoints.map((endpoint) => eventually(() => this.writ('nodes', '--home', this.adminOf(endpoint), '--json'), ({ code, stdout }) => code === 0 && isKnown(stdout, names), startDeadlineMs)))
  }

  #configure(name: string): void {
    changeJson(path.join(this.home(name), 'writ.json'), { syncIntervalMs: 500, ...this.#plan.config })
  }

  #kill(): void {
    for (const child of this.#commands) child.kill('SIGKILL')
    this.killNodes()
  }
}

const isKnown = (text: string, names: readonly string[]): boolean => {
  const { nodes }: { nodes: readonly { readonly name: string; readonly lastContactAt: number | null }[] } = JSON.parse(text)
  return names.every((name) => nodes.some((node) => node.name === name && node.lastContactAt !== null))
}

const changeJson = (file: string, change: object): void => writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }))

const freeAddress = async (): Promise<string> => `/ip4/127.0.0.1/tcp/${await findFreePort()}`
