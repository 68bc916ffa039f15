/**
 * An executor whose driver, machine, journal and verification are production's. In memory are only its disk, its pipe
 * to the agent and its processes: `true`, `false` and `sleep SECONDS`, which take simulated time.
 */
import { createHash } from 'node:crypto'
import { concatBytes, utf8 } from '../src/base/bytes.ts'
import { limits } from '../src/base/limits.ts'
import { accept, reject, type Result } from '../src/base/result.ts'
import { createCommandFormat } from '../src/executor/command-format.ts'
import { ExecutorDriver } from '../src/executor/driver.ts'
import { Journal } from '../src/executor/journal.ts'
import { Verifier } from '../src/executor/verification.ts'
import type { Channel } from '../src/executor/child-channel.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { Executables, Payload } from '../src/executor/format.ts'
import type { ExecutorLink } from '../src/node/agent/executor-link.ts'
import type { InstructionCache } from '../src/executor/file-cache.ts'
import type { KeptOutputs } from '../src/executor/file-output.ts'
import type { KeyValueStore } from '../src/base/key-value-store.ts'
import type { Log } from '../src/base/log.ts'
import type { Output } from '../src/record/statement.ts'
import type { PayloadRef } from '../src/record/indication.ts'
import type { Run, Runner, RunRequest, RunResult } from '../src/executor/child-runner.ts'
import type { ToAgent, ToExecutor } from '../src/executor/ipc.ts'
import type { IndicationId } from '../src/base/brand.ts'
import type { Ledger } from './ledger.ts'
import type { Member } from './world.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

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
  release: async () => undefined
}

const executables: Executables = { find: async (name) => `/bin/${name}` }

const say = (text: string): Output => ({ head: utf8(text), sizeBytes: text.length, cid: null, keptBytes: text.length })

class SimulatedRunner implements Runner {
  readonly #time: VirtualTime
  readonly #random: SeededRandom

  constructor(time: VirtualTime, random: SeededRandom) {
    this.#time = time
    this.#random = random
  }

  start({ launch }: RunRequest): Run {
    const { promise, resolve } = Promise.withResolvers<RunResult>()
    const end = (exitCode: number | null, signal: string | null): void => {
      cancel()
      resolve({ exitCode, signal, spawnError: null, stdout: say(`${launch.file}\n`), stderr: null })
    }
    const spanMs = launch.file === '/bin/sleep' ? Number(launch.args[0]) * 1000 : this.#random.between(1, 400)
    const cancel = this.#time.after(spanMs, () => end(launch.file === '/bin/false' ? 1 : 0, null))
    return { signal: (signal) => end(null, signal), ended: promise }
  }
}

/** One direction of a pipe: one message at a time, in order, as fast as they are handled. */
class Pipe<Message> {
  readonly #waiting: Message[] = []
  #handler: ((message: Message) => void | Promise<void>) | undefined
  #isPumping = false

  listen(handler: (message: Message) => void | Promise<void>): void {
    this.#handler = handler
    void this.#pump()
  }

  async send(message: Message): Promise<boolean> {
    this.#waiting.push(message)
    void this.#pump()
    return true
  }

  async #pump(): Promise<void> {
    if (this.#isPumping || this.#handler === undefined) return
    this.#isPumping = true
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) await this.#handler(message)
    this.#isPumping = false
  }
}

export interface SimulatedExecutorDeps {
  readonly member: Member
  readonly chain: CharterChain
  readonly store: KeyValueStore
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly log: Log
  /** Puts something between the executor and its processes. */
  readonly wrapRunner: (runner: Runner) => Runner
}

/** Started, and attached to the link that it returns. */
export const startExecutor = async (deps: SimulatedExecutorDeps): Promise<ExecutorLink> => {
  const { member, chain, store, time, ledger, log } = deps
  const formats = new Map([createCommandFormat(executables)].map((format) => [format.name, format]))
  const { body } = member.membership.credential
  const driver = new ExecutorDriver(
    {
      mesh: chain.mesh, signer: member.executor, formats, executables, log, clock: time, timers: time, outputs: noOutputs,
      journal: await Journal.open(store),
      cache: new MemoryCache(),
      verifier: new Verifier(chain, body, new Set(formats.keys())),
      runner: deps.wrapRunner(watchRunner(new SimulatedRunner(time, deps.random), member, ledger)),
      baseEnvironment: { executor: member.executor.key, path: '/bin', home: '/', lang: 'C' },
      killOrphans: async () => 0,
      noteAhead: () => undefined,
      saveCharters: () => undefined,
      fatal: (error) => ledger.violate('executor-alive', `the executor of ${member.name} ended: ${String(error)}`)
    },
    {
      concurrentJobs: limits.executor.concurrentJobsMax, pendingJobsMax: limits.executor.pendingJobsMax, cacheBytesMax: limits.executor.cacheBytesMax,
      attemptsMax: limits.executor.attemptsMax, killGraceMs: limits.executor.killGraceMs, stopGraceMs: limits.executor.stopGraceMs, clockToleranceMs: limits.trust.clockToleranceMs
    }
  )
  await driver.start()
  const [toAgent, toExecutor] = [new Pipe<ToAgent>(), new Pipe<ToExecutor>()]
  const channel: Channel<ToAgent> = { send: (message) => toAgent.send(message), close: () => undefined }
  toExecutor.listen((message) => driver.receive(message))
  driver.attach(channel)
  return { send: (message) => toExecutor.send(message), listen: (handler) => toAgent.listen(handler) }
}

/** Notes every process that really starts. */
const watchRunner = (runner: Runner, { name, peer }: Member, ledger: Ledger): Runner => ({
  start(request) {
    ledger.noteStart({ key: peer.key, name }, request.environment['WRIT_INDICATION'] as IndicationId)
    return runner.start(request)
  }
})
