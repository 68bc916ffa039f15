/**
 * The nodes of a mesh as processes, with their homes and logs in one temporary folder: started, stopped, killed, each by
 * its process id. Whatever was started here can be ended at once.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../fixtures/eventually.ts'
import { childrenOf, commandOf, isAlive, processesIn } from './process-table.ts'
import type { LiveStatus } from '../../src/node/file-status.ts'

export const program = fileURLToPath(new URL('../../dist/writ.js', import.meta.url))
export const startDeadlineMs = 60_000
const stopDeadlineMs = 30_000

export interface Running {
  readonly child: ChildProcess
  /** What it logged so far. */
  readonly log: { readonly text: string }
  readonly ended: Promise<number | null>
}

/** Which of a node's processes are killed; with the executor goes its launcher. */
export type Victim = 'agent' | 'executor' | 'both'

export class NodeProcesses {
  readonly #environment: (name: string) => Readonly<Record<string, string>>
  readonly #nodes = new Map<string, Running>()
  #folder = ''
  #starts = 0

  /** `environment` is what a node finds in its own besides. */
  constructor(environment: (name: string) => Readonly<Record<string, string>> = () => ({})) {
    this.#environment = environment
  }

  get folder(): string {
    return this.#folder
  }

  /** What the nodes logged, a file for each start. */
  get logs(): string {
    return path.join(this.#folder, 'logs')
  }

  home(name: string): string {
    return path.join(this.#folder, name)
  }

  openFolder(): void {
    this.#folder = mkdtempSync(path.join(tmpdir(), 'writ-mesh-'))
    mkdirSync(this.logs)
  }

  /** Starts a node; resolves when an endpoint has answered it. */
  async start(name: string): Promise<void> {
    this.launch(name)
    await this.contact(name)
  }

  /** Starts a node, and waits for nothing. */
  launch(name: string): Running {
    const running = this.spawn(name)
    this.#nodes.set(name, running)
    return running
  }

  /** Resolves when an endpoint has answered the node that runs now. */
  async contact(name: string, deadlineMs = startDeadlineMs): Promise<void> {
    const { child, log } = this.running(name)
    await eventually(
      () => {
        if (hasEnded(child) || log.text.includes('cannot-listen')) throw new Error(`${name} did not start: ${log.text}`)
        return this.status(name)
      },
      (status) => status !== undefined && status.pid === this.findExecutor(name) && status.lastContactAt !== null,
      deadlineMs
    )
  }

  /** `writ start` as a process, and nothing else. */
  spawn(name: string): Running {
    this.#starts += 1
    const file = path.join(this.logs, `${name}-${this.#starts}.log`)
    const handle = openSync(file, 'a')
    const child = spawn(process.execPath, [program, 'start', '--home', this.home(name)], { stdio: ['ignore', 'ignore', handle], env: { ...process.env, ...this.#environment(name) } })
    closeSync(handle)
    const log = {
      get text() {
        return readFileSync(file, 'utf8')
      }
    }
    return { child, log, ended: new Promise((resolve) => child.once('exit', resolve)) }
  }

  /** SIGTERM, and the exit code; null for one that had to be killed because it did not end. */
  async stop(name: string): Promise<number | null> {
    const running = this.#nodes.get(name)
    if (running === undefined) return null
    running.child.kill('SIGTERM')
    const late = setTimeout(() => running.child.kill('SIGKILL'), stopDeadlineMs)
    const code = await running.ended
    clearTimeout(late)
    this.#forget(name, running)
    return code
  }

  /** SIGKILL to the executor and its launcher; resolves when its agent has noticed and ended as well. */
  async crash(name: string): Promise<void> {
    const agent = this.agentOf(name)
    await this.kill(name, 'executor')
    await eventually(() => isAlive(agent), (alive) => !alive)
  }

  /** SIGKILL to the launcher alone. */
  async killLauncher(name: string): Promise<void> {
    const running = this.running(name)
    running.child.kill('SIGKILL')
    await running.ended
    this.#forget(name, running)
  }

  /** SIGKILL; an executor falls with its launcher, which would start it again. Resolves when they have ended. */
  async kill(name: string, victim: Victim): Promise<void> {
    const running = this.running(name)
    const [executor, agent] = [this.findExecutor(name), victim === 'executor' ? undefined : this.findAgent(name)]
    if (victim !== 'agent') running.child.kill('SIGKILL')
    if (victim !== 'agent' && executor !== undefined) killIfThere(executor)
    if (agent !== undefined) killIfThere(agent)
    if (victim === 'agent') return
    await running.ended
    this.#forget(name, running)
    if (executor !== undefined) await eventually(() => isAlive(executor), (alive) => !alive)
  }

  /** Whether its executor runs. */
  isUp(name: string): boolean {
    const running = this.#nodes.get(name)
    return running !== undefined && !hasEnded(running.child)
  }

  /** None while it waits to be started again. */
  findExecutor(name: string): number | undefined {
    const launcher = this.#nodes.get(name)?.child.pid
    return launcher === undefined ? undefined : childrenOf(launcher).find((pid) => isExecutor(commandOf(pid)))
  }

  /** The process id of a node's agent. */
  agentOf(name: string): number {
    const found = this.findAgent(name)
    if (found === undefined) throw new Error(`${name} has no agent process`)
    return found
  }

  /** None while it waits to be started again, or is still on the way to another user. */
  findAgent(name: string): number | undefined {
    const executor = this.findExecutor(name)
    return executor === undefined ? undefined : childrenOf(executor).find((pid) => isAgent(commandOf(pid)))
  }

  /** What the node wrote down last. */
  status(name: string): LiveStatus | undefined {
    const file = path.join(this.home(name), 'run', 'status.json')
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  }

  /** The process that runs now. */
  running(name: string): Running {
    const running = this.#nodes.get(name)
    if (running === undefined) throw new Error(`${name} does not run`)
    return running
  }

  /** Unless it was started again meanwhile. */
  #forget(name: string, running: Running): void {
    if (this.#nodes.get(name) === running) this.#nodes.delete(name)
  }

  /** SIGTERM to all that run; resolves when they have ended. */
  async stopNodes(): Promise<void> {
    await Promise.all([...this.#nodes.keys()].map((name) => this.stop(name)))
  }

  /** SIGKILL to all that run. */
  killNodes(): void {
    for (const { child } of this.#nodes.values()) child.kill('SIGKILL')
  }

  /** Ends every process that is left of this folder, jobs of killed executors included, and removes it. */
  removeFolder(): void {
    if (this.#folder === '') return
    for (const pid of processesIn(this.#folder)) killIfThere(pid)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A launcher's own helpers carry its command, which names the installed executor. */
const isExecutor = (command: string): boolean => command.includes('executor.js') && !command.includes('launcher.sh')
const isAgent = (command: string): boolean => command.includes('agent.js') && !command.includes('setpriv')

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

const killIfThere = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended by itself
  }
}
