/**
 * A driver without I/O for the job machine: a journal that is a map, processes that run until they are told how they
 * end. Checks what must hold after each effect.
 */
import { reject, accept, type Result } from '../../src/base/result.ts'
import { JobMachine } from '../../src/executor/job-machine.ts'
import type { IndicationId, Millis } from '../../src/base/brand.ts'
import type { JobEffect, JobEvent, JobMachineOptions, Order } from '../../src/executor/job-events.ts'
import type { RunReport } from '../../src/executor/outcome.ts'
import type { ExecutorState } from '../../src/record/statement.ts'

export const success: RunReport = { exitCode: 0, signal: null, spawnError: null, stdout: null, stderr: null, pattern: 'matched' }

type Record = { kind: 'accepted' } | { kind: 'started'; attempts: number; startedAt: Millis } | { kind: 'finished' }

export class JobWorld {
  readonly options: JobMachineOptions
  readonly journal = new Map<IndicationId, { order: Order; record: Record }>()
  readonly spawns = new Map<IndicationId, number>()
  readonly outcomes = new Map<IndicationId, ExecutorState[]>()
  readonly codes = new Map<IndicationId, string | null>()
  readonly running = new Set<IndicationId>()
  readonly wanted = new Set<IndicationId>()
  readonly log: string[] = []
  readonly problems: string[] = []
  verdict: (order: Order, now: Millis) => Result<null> = (order, now) => (now > order.body.expiresAt ? reject('expired') : now < order.body.notBefore - this.options.clockToleranceMs ? reject('not-yet-valid') : accept(null))
  prepared: Result<null> = accept(null)
  /** Starts cannot be recorded. */
  fails = false
  now: Millis
  machine: JobMachine
  readonly #unstarted = new Set<IndicationId>()
  readonly #effects: JobEffect[] = []
  #isPerforming = false

  constructor(options: JobMachineOptions, now: Millis) {
    this.options = options
    this.now = now
    this.machine = new JobMachine(options)
  }

  /** Performs the effects one after the other, as the driver does: what an effect brings about comes after all before it. */
  step(event: JobEvent): void {
    this.#effects.push(...this.machine.step(event, this.now))
    if (this.#isPerforming) return
    this.#isPerforming = true
    for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) this.#perform(effect)
    this.#isPerforming = false
  }

  order(order: Order, cancelled = false): void {
    this.step({ kind: 'order', order, cancelled })
  }

  /** Brings a payload that is waited for. */
  bring(indication: IndicationId): void {
    this.wanted.delete(indication)
    this.step({ kind: 'payload-ended', indication })
  }

  exit(indication: IndicationId, report: Partial<RunReport> = {}): void {
    if (this.running.delete(indication)) this.step({ kind: 'exited', indication, report: { ...success, ...report } })
  }

  advance(now: Millis): void {
    this.now = Math.max(this.now, now)
    this.step({ kind: 'tick' })
  }

  /** The process dies and starts again: only the journal stays. */
  crash(): void {
    this.machine = new JobMachine(this.options)
    this.running.clear()
    this.wanted.clear()
    for (const { order, record } of this.journal.values()) {
      if (record.kind === 'finished') continue
      this.step({ kind: 'restored', order, attempts: record.kind === 'started' ? record.attempts : 0, startedAt: record.kind === 'started' ? record.startedAt : null })
    }
    this.step({ kind: 'agent-started' })
  }

  #perform(effect: JobEffect): void {
    const id = 'order' in effect ? effect.order.id : 'indication' in effect ? effect.indication : undefined
    if (effect.kind === 'spawn' && this.#unstarted.delete(effect.order.id)) return
    this.log.push(effect.kind === 'record-outcome' ? `outcome:${effect.statement.state}` : effect.kind)
    if (id === undefined) return
    const known = this.journal.get(id)?.record
    switch (effect.kind) {
      case 'recall':
        return this.step({ kind: 'recalled', indication: id, history: known?.kind === 'finished' ? { kind: 'finished', statement: new Uint8Array() } : known?.kind === 'started' ? { kind: 'started' } : { kind: 'fresh' } })
      case 'judge':
        return this.step({ kind: 'judged', indication: id, verdict: this.verdict(effect.order, this.now) })
      case 'prepare':
        return this.step({ kind: 'prepared', indication: id, verdict: this.prepared })
      case 'want-payload':
        this.wanted.add(id)
        return
      case 'record-accepted':
        this.#check(known === undefined, 'accepted twice')
        this.journal.set(id, { order: effect.order, record: { kind: 'accepted' } })
        return
      case 'record-started':
        this.#check(known?.kind !== 'finished', 'started after its outcome')
        if (this.fails) {
          this.#unstarted.add(id)
          this.step({ kind: 'journal-blocked' })
          return this.step({ kind: 'not-started', indication: id })
        }
        this.journal.set(id, { order: effect.order, record: { kind: 'started', attempts: effect.attempt, startedAt: effect.statement.at } })
        return
      case 'spawn':
        return this.#spawn(effect.order, known)
      case 'record-outcome':
        this.#check(known?.kind !== 'finished', 'two outcomes')
        this.#check(!this.running.has(id), 'an outcome while it runs')
        this.#check(this.spawns.has(id) || !['succeeded', 'failed', 'interrupted'].includes(effect.statement.state), 'an outcome of what never ran')
        this.journal.set(id, { order: effect.order, record: { kind: 'finished' } })
        this.outcomes.set(id, [...(this.outcomes.get(id) ?? []), effect.statement.state])
        this.codes.set(id, effect.statement.code)
        return
      case 'signal':
        this.#check(this.running.has(id), 'a signal to what does not run')
        return
      case 'announce-validated':
      case 'discard':
      case 'refuse':
        return
    }
  }

  #spawn(order: Order, record: Record | undefined): void {
    const times = (this.spawns.get(order.id) ?? 0) + 1
    this.spawns.set(order.id, times)
    this.#check(record?.kind === 'started' && record.attempts === times, 'spawned without a durable start')
    this.#check(times === 1 || order.body.idempotent, 'started twice')
    this.#check(times <= this.options.attemptsMax, 'too many attempts')
    this.#check(this.now <= order.body.expiresAt, 'started after expiry')
    this.#check(!(order.body.notBefore > order.body.createdAt && this.now < order.body.notBefore), 'started too early')
    this.running.add(order.id)
    this.#check(this.running.size <= this.options.concurrentJobs, 'too many run at once')
  }

  #check(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem)
  }
}
