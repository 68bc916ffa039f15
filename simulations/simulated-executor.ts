/**
 * One executor process, whose driver, machine, journal and verification are production's. In memory are only its cache,
 * which a start empties as in production, and its pipe to the agent; its disk and its processes are the machine's.
 */
import { createHash } from 'node:crypto'
import { concatBytes } from '../src/base/bytes.ts'
import { limits } from '../src/base/limits.ts'
import { accept, reject, type Result } from '../src/base/result.ts'
import { createCommandFormat } from '../src/executor/command-format.ts'
import { ExecutorDriver } from '../src/executor/driver.ts'
import { plainEnclosure } from '../src/executor/isolation.ts'
import { Journal } from '../src/executor/journal.ts'
import { Verifier } from '../src/executor/verification.ts'
import type { Channel } from '../src/executor/child-channel.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { SteadyClock } from '../src/base/clock.ts'
import type { Executables, Payload } from '../src/executor/format.ts'
import type { ExecutorLink } from '../src/node/agent/executor-link.ts'
import type { IndicationId } from '../src/base/brand.ts'
import type { InstructionCache } from '../src/executor/file-cache.ts'
import type { Jobs } from './jobs.ts'
import type { KeptOutputs } from '../src/executor/file-output.ts'
import type { KeyValueStore } from '../src/base/key-value-store.ts'
import type { Life } from './life.ts'
import type { Log } from '../src/base/log.ts'
import type { Member } from './world.ts'
import type { PayloadRef } from '../src/record/indication.ts'
import type { Runner } from '../src/executor/child-runner.ts'
import type { ToAgent, ToExecutor } from '../src/executor/ipc.ts'

class MemoryCache implements InstructionCache {
  readonly #payloads = new Map<IndicationId, { readonly ref: PayloadRef; bytes: Uint8Array }>()

  async begin(id: IndicationId, ref: PayloadRef): Promise<Result<null>> {
    this.#payloads.set(id, { ref, bytes: new Uint8Array() })
    return accept(null)
  }

  async append(id: IndicationId, offset: number, bytes: Uint8Array): Promise<Result<null>> {
    const payload = this.#payloads.get(id)
    if (payload === undefined || payload.bytes.length !== offset) return reject('payload-mismatch', 'not where the payload goes on')
    payload.bytes = concatBytes([payload.bytes, bytes])
    return accept(null)
  }

  async finish(id: IndicationId): Promise<Result<Payload>> {
    const payload = this.#payloads.get(id)
    if (payload === undefined) return reject('payload-mismatch', 'no payload was begun')
    const { ref, bytes } = payload
    if (createHash('sha256').update(bytes).digest('hex') !== ref.sha256) return reject('payload-mismatch', 'not the bytes that the order names')
    return accept({ path: `/jobs/${id}/payload`, sizeBytes: bytes.length, readHead: async (sizeBytesMax) => bytes.subarray(0, sizeBytesMax) })
  }

  /** Nothing changes here by itself. */
  async recheck(): Promise<Result<null>> {
    return accept(null)
  }

  async share(_id: IndicationId, payload: Payload): Promise<Payload> {
    return payload
  }

  async prepareWorkspace(id: IndicationId): Promise<{ work: string; temporary: string; directory: string }> {
    return { work: `/jobs/${id}/work`, temporary: `/jobs/${id}/tmp`, directory: `/jobs/${id}` }
  }

  async discard(id: IndicationId): Promise<void> {
    this.#payloads.delete(id)
  }
}

/** Outputs here are short, and so wholly in their statements. */
const noOutputs: KeptOutputs = {
  readKept: async ({ head }) => head,
  async *chunks() {},
  claim: () => undefined,
  release: async () => undefined
}

const executables: Executables = { find: async (name) => `/bin/${name}` }

/** One direction of a pipe: one message at a time, in order, as fast as they are handled. */
class Pipe<Message> {
  readonly #waiting: Message[] = []
  #handler: ((message: Message) => void | Promise<void>) | undefined
  #isPumping = false
  readonly #isOpen: () => boolean

  constructor(isOpen: () => boolean) {
    this.#isOpen = isOpen
  }

  listen(handler: (message: Message) => void | Promise<void>): void {
    this.#handler = handler
    void this.#pump()
  }

  async send(message: Message): Promise<boolean> {
    if (!this.#isOpen()) return false
    this.#waiting.push(message)
    void this.#pump()
    return true
  }

  async #pump(): Promise<void> {
    if (this.#isPumping || this.#handler === undefined) return
    this.#isPumping = true
    for (let message = this.#waiting.shift(); message !== undefined && this.#isOpen(); message = this.#waiting.shift()) await this.#handler(message)
    this.#isPumping = false
  }
}

export interface SimulatedExecutorDeps {
  readonly member: Member
  readonly chain: CharterChain
  readonly saveCharters: (chain: CharterChain) => void
  /** Of this one process. */
  readonly life: Life
  readonly store: KeyValueStore
  readonly clock: SteadyClock
  readonly jobs: Jobs
  readonly log: Log
  /** Puts something between the executor and its processes. */
  readonly wrapRunner: (runner: Runner) => Runner
  /** The executor gave up: its process ends. */
  readonly fatal: (error: unknown) => void
}

export interface SimulatedExecutor {
  readonly driver: ExecutorDriver
  readonly journal: Journal
  /** A pipe to a new agent process. */
  attach(agent: Life): ExecutorLink
}

/** Started. */
export const startExecutor = async (deps: SimulatedExecutorDeps): Promise<SimulatedExecutor> => {
  const { member, chain, life, store, clock, jobs, log } = deps
  const formats = new Map([createCommandFormat(executables)].map((format) => [format.name, format]))
  const { body } = member.membership.credential
  const journal = await Journal.open(store)
  const driver = new ExecutorDriver(
    {
      mesh: chain.mesh, signer: member.executor, formats, executables, log, clock, timers: life, outputs: noOutputs, journal,
      cache: new MemoryCache(),
      verifier: new Verifier(chain, body, new Set(formats.keys())),
      runner: deps.wrapRunner(jobs.runnerFor(life)),
      baseEnvironment: { executor: member.executor.key, path: '/bin', home: '/', lang: 'C' },
      killOrphans: async (orders) => jobs.kill(orders),
      noteAhead: () => undefined,
      left: () => undefined,
      machine: { versionOf: async () => undefined, diskOf: async () => undefined, facts: async () => ({}) },
      scan: async () => accept(null),
      isolation: { plan: async () => accept(plainEnclosure), check: async () => accept(null), end: async () => undefined },
      saveCharters: deps.saveCharters,
      succession: null,
      fatal: deps.fatal
    },
    {
      concurrentJobs: limits.executor.concurrentJobs, pendingJobsMax: limits.executor.pendingJobsMax, cacheBytesMax: limits.executor.cacheBytesMax,
      attemptsMax: limits.executor.attemptsMax, killGraceMs: limits.executor.killGraceMs, stopGraceMs: limits.executor.stopGraceMs, clockToleranceMs: limits.trust.clockToleranceMs
    }
  )
  await driver.start()
  return {
    driver,
    journal,
    attach(agent) {
      const isOpen = (): boolean => life.isAlive && agent.isAlive
      const [toAgent, toExecutor] = [new Pipe<ToAgent>(isOpen), new Pipe<ToExecutor>(isOpen)]
      const channel: Channel<ToAgent> = { send: (message) => toAgent.send(message), close: () => undefined }
      toExecutor.listen((message) => driver.receive(message))
      driver.attach(channel)
      return { send: (message) => toExecutor.send(message), listen: (handler) => toAgent.listen(handler) }
    }
  }
}
