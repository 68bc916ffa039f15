/**
 * The processes of one machine: `true`, `false` and `sleep SECONDS`, which take simulated time. They outlive the executor
 * that started them, and end with the machine.
 */
import { utf8 } from '../src/base/bytes.ts'
import type { IndicationId, Millis } from '../src/base/brand.ts'
import type { Ledger, Doer, JobEnd } from './ledger.ts'
import type { Life } from './life.ts'
import type { Output } from '../src/record/statement.ts'
import type { Runner, RunRequest, RunResult } from '../src/executor/child-runner.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

interface Job {
  readonly indication: IndicationId
  readonly end: (end: JobEnd) => void
}

export interface JobsDeps {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly doer: () => Doer
}

export class Jobs {
  readonly #deps: JobsDeps
  readonly #running = new Set<Job>()

  constructor(deps: JobsDeps) {
    this.#deps = deps
  }

  /** As one executor has them: it hears of their ends while it lives. */
  runnerFor(life: Life): Runner {
    return {
      start: (request) => {
        // What a process that has ended would have done next is not done.
        if (!life.isAlive) return { signal: () => undefined, ended: life.guard(Promise.resolve(noResult)) }
        const { job, ended } = this.#start(request)
        return { signal: (signal) => job.end({ exitCode: null, signal }), ended: life.guard(ended) }
      }
    }
  }

  /** Those of these orders; returns how many there were. */
  kill(orders: ReadonlySet<IndicationId>): number {
    const orphans = [...this.#running].filter(({ indication }) => orders.has(indication))
    for (const job of orphans) job.end({ exitCode: null, signal: 'SIGKILL' })
    return orphans.length
  }

  /** The machine ends. */
  killAll(): void {
    for (const job of this.#running) job.end({ exitCode: null, signal: 'SIGKILL' })
  }

  get count(): number {
    return this.#running.size
  }

  #start({ launch, environment }: RunRequest): { job: Job; ended: Promise<RunResult> } {
    const { time, random, ledger, doer } = this.#deps
    const indication = environment['WRIT_INDICATION'] as IndicationId
    const self = doer()
    ledger.noteStart(self, indication)
    const { promise, resolve } = Promise.withResolvers<RunResult>()
    const job: Job = {
      indication,
      end: (end) => {
        if (!this.#running.delete(job)) return
        cancel()
        ledger.noteEnd(self.key, indication, end)
        resolve({ ...end, spawnError: null, stdout: say(`${launch.file}\n`), stderr: null, files: [] })
      }
    }
    this.#running.add(job)
    const spanMs: Millis = launch.file === '/bin/sleep' ? Number(launch.args[0]) * 1000 : random.between(1, 400)
    const cancel = time.after(spanMs, () => job.end({ exitCode: launch.file === '/bin/false' ? 1 : 0, signal: null }))
    return { job, ended: promise }
  }
}

const noResult: RunResult = { exitCode: null, signal: null, spawnError: null, stdout: null, stderr: null, files: [] }

const say = (text: string): Output => ({ head: utf8(text), sizeBytes: text.length, cid: null, keptBytes: text.length })
