/**
 * Keeps one agent process running, in a process group of its own, with a pipe on file descriptor 3. An agent that ends
 * is started again after a while that grows; running jobs do not notice. An agent whose pipe has ended is ended too.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { Duplex } from 'node:stream'
import { describeError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { jitter, type Random } from '../base/random.ts'
import type { SteadyClock, Timers } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { openChannel, type Channel } from './child-channel.ts'
import { agentEnvironment } from './engine-flags.ts'
import { decodeToExecutor, type ToAgent, type ToExecutor } from './ipc.ts'

export interface AgentCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly environment: Readonly<NodeJS.ProcessEnv>
}

export interface AgentHandlers {
  /** A new agent process; what it says comes after this. */
  attached(channel: Channel<ToAgent>): void
  message(message: ToExecutor): void | Promise<void>
  detached(): void
}

export interface AgentDeps {
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}

const { restartMsMin, restartMsMax, agentStableMs, agentStopMs } = limits.executor

export class AgentProcess {
  readonly #deps: AgentDeps
  readonly #command: AgentCommand
  readonly #handlers: AgentHandlers
  #child: ChildProcess | undefined
  #channel: Channel<ToAgent> | undefined
  #restarts = 0
  #isStopping = false
  #cancelRestart: () => void = () => undefined
  #ended: () => void = () => undefined

  constructor(deps: AgentDeps, command: AgentCommand, handlers: AgentHandlers) {
    this.#deps = deps
    this.#command = command
    this.#handlers = handlers
  }

  start(): void {
    if (this.#child !== undefined || this.#isStopping) return
    const { file, args, environment } = this.#command
    const startedAt = this.#deps.clock.monotonic()
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'], detached: true, env: { ...environment, ...agentEnvironment } })
    this.#child = child
    let isOver = false
    const over = (fields: Record<string, unknown>): void => {
      if (isOver) return
      isOver = true
      this.#over(startedAt, fields)
    }
    child.once('error', (error) => over({ detail: describeError(error) }))
    child.once('exit', (exitCode, signal) => over({ exitCode, signal }))
    const pipe = child.stdio[3]
    if (pipe instanceof Duplex) this.#connect(child, pipe)
  }

  /** SIGTERM, and SIGKILL when it takes too long; resolves when the agent has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#cancelRestart()
    const child = this.#child
    if (child === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = resolve
    child.kill('SIGTERM')
    const cancel = this.#deps.timers.after(agentStopMs, () => child.kill('SIGKILL'))
    await promise
    cancel()
  }

  #connect(child: ChildProcess, pipe: Duplex): void {
    const { log } = this.#deps
    const channel = openChannel<ToExecutor, ToAgent>(pipe, decodeToExecutor, {
      message: (message) => (this.#child === child ? this.#handlers.message(message) : undefined),
      malformed: (code, detail) => log.warn('the agent sent a message that cannot be read', { code, detail }),
      closed: (reason) => {
        if (this.#child !== child || this.#isStopping) return
        log.debug('the pipe to the agent has ended', { reason })
        child.kill('SIGKILL')
      }
    })
    this.#channel = channel
    this.#handlers.attached(channel)
  }

  #over(startedAt: number, fields: Record<string, unknown>): void {
    this.#child = undefined
    this.#channel?.close() // a process that the agent left behind may hold the other end
    this.#channel = undefined
    this.#handlers.detached()
    if (this.#isStopping) return this.#ended()
    const { clock, timers, random, log } = this.#deps
    this.#restarts = clock.monotonic() - startedAt >= agentStableMs ? 0 : this.#restarts + 1
    const delayMs = jitter(random, Math.min(restartMsMax, restartMsMin * 2 ** Math.min(16, Math.max(0, this.#restarts - 1))), 0.2)
    log.error('the agent has ended and is started again', { ...fields, delayMs })
    this.#cancelRestart = timers.after(delayMs, () => this.start())
  }
}
