/**
 * The processes and files of one bench. All of them are in one scope: whatever way the bench ends, they are stopped, by
 * their ids, and the folder is removed.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, closeSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const stopMsMax = 15_000
const ticksPerSecond = 100

export class Spawned {
  readonly child: ChildProcess
  readonly pid: number
  readonly #logFile: string

  constructor(child: ChildProcess, logFile: string) {
    if (child.pid === undefined) throw new Error(`${child.spawnfile} could not be started`)
    this.child = child
    this.pid = child.pid
    this.#logFile = logFile
  }

  /** What it wrote to standard error, and to standard output unless that is a pipe. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8')
  }

  hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  async ended(): Promise<void> {
    if (!this.hasEnded()) await once(this.child, 'exit')
  }

  /** TERM, and KILL when it takes too long. */
  async stop(): Promise<void> {
    if (this.hasEnded()) return
    this.child.kill('SIGTERM')
    const late = setTimeout(() => this.child.kill('SIGKILL'), stopMsMax)
    await this.ended()
    clearTimeout(late)
  }
}

export interface SpawnOptions {
  readonly stdin?: 'ignore' | 'pipe'
  /** Besides what this process has. */
  readonly env?: Readonly<Record<string, string>>
}

export class Scope implements AsyncDisposable {
  readonly directory: string
  readonly #spawned: Spawned[] = []
  readonly #interrupt = (): void => void this[Symbol.asyncDispose]().finally(() => process.exit(130))

  constructor(name: string) {
    this.directory = mkdtempSync(join(tmpdir(), `writ-bench-${name}-`))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, this.#interrupt)
  }

  path(...parts: readonly string[]): string {
    return join(this.directory, ...parts)
  }

  spawn(label: string, file: string, args: readonly string[], { stdin = 'ignore', env = {} }: SpawnOptions = {}): Spawned {
    const logFile = this.path(`${label}-${this.#spawned.length}.log`)
    const log = openSync(logFile, 'a')
    try {
      const stdio: StdioOptions = [stdin, stdin === 'pipe' ? 'pipe' : log, log]
      const spawned = new Spawned(spawn(file, args, { stdio, cwd: this.directory, env: { ...process.env, ...env } }), logFile)
      this.#spawned.push(spawned)
      return spawned
    } finally {
      closeSync(log)
    }
  }

  node(label: string, args: readonly string[], options?: SpawnOptions): Spawned {
    return this.spawn(label, process.execPath, ['--disable-warning=ExperimentalWarning', ...args], options)
  }

  async stopProcesses(): Promise<void> {
    await Promise.all(this.#spawned.map((spawned) => spawned.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, this.#interrupt)
    await this.stopProcesses()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Waits until `look` finds something. Throws when it takes longer than `msMax`. */
export const until = async <T>(what: string, look: () => Promise<T | undefined> | T | undefined, msMax = 60_000): Promise<T> => {
  const end = performance.now() + msMax
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error(`${what}: not within ${msMax / 1000} s`)
    await delay(5)
  }
}

/** Fields of /proc/PID/stat after the command's name, which may hold spaces. */
const readStat = (pid: number): string[] => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

const ticksToMs = (...ticks: readonly (string | undefined)[]): number => (ticks.reduce((total, tick) => total + Number(tick), 0) * 1000) / ticksPerSecond

/** User and system time of a process so far, and of its children that have ended. See proc(5). */
export const readCpu = (pid: number): { readonly ownMs: number; readonly childrenMs: number } => {
  const stat = readStat(pid)
  return { ownMs: ticksToMs(stat[11], stat[12]), childrenMs: ticksToMs(stat[13], stat[14]) }
}

/** Resident memory: what `VmRSS` says, shared pages included, and `Pss`, which shares these out. */
export const readMemory = (pid: number): { readonly rssMiB: number; readonly pssMiB: number } => {
  const kiBOf = (file: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1])
  return { rssMiB: round(kiBOf('status', 'VmRSS') / 1024), pssMiB: round(kiBOf('smaps_rollup', 'Pss') / 1024) }
}

const round = (value: number): number => Number(value.toFixed(1))

export const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number))
