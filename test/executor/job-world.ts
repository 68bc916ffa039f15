/**
 * A driver without I/O for the job machine: a journal that is a map, processes that run until they are told how they
 * end. Checks what must hold after each effect.
 */
import { reject, accept, type Result } from '../../src/base/result.ts'
import { sealStatement } from '../../src/executor/statement-sealing.ts'
import { commandOrder, machineOptions, mesh, node } from './workbench.ts'
import { validityStart } from '../../src/trust/order.ts'
import { JobMachine } from '../../src/executor/job-machine.ts'
import type { IndicationId, Millis } from '../../src/base/brand.ts'
import type { JobEffect, JobEvent, JobMachineOptions, JobMoment, Order } from '../../src/executor/job-events.ts'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { RunReport } from '../../src/executor/outcome.ts'
import type { ExecutorState, StatementBody } from '../../src/record/statement.ts'

export const success: RunReport = { exitCode: 0, signal: null, spawnError: null, stdout: null, stderr: null, files: [], missingFile: null, pattern: 'matched', limits: null }

type Record = { kind: 'accepted' } | { kind: 'started'; attempts: number; startedAt: Millis } | { kind: 'started-before' } | { kind: 'finished' }

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
  verdict: (order: Order, now: Millis) => Result<null> = (order, now) => (now > order.body.expiresAt ? reject('expired') : now < validityStart(order.body) - this.options.clockToleranceMs ? reject('not-yet-valid') : accept(null))
  prepared: Result<null> = accept(null)
  /** Starts cannot be recorded. */
  fails = false
  now: Millis
  /** By how much the wall clock was set. */
  setAheadMs = 0
  mayAct = true
  machine: JobMachine
  readonly #unstarted = new Set<IndicationId>()
  readonly #effects: JobEffect[] = []
  readonly #startsBefore = new Set<string>()
  readonly #orders = new Map<IndicationId, Order>()
  #isCaughtUp = false
  #isPerforming = false

  constructor(options: JobMachineOptions, now: Millis, isCaughtUp = true) {
    this.options = options
    this.now = now
    this.machine = new JobMachine(options)
    if (isCaughtUp) this.catchUp()
  }

  /** The agent has told all that endpoints know. */
  catchUp(): void {
    this.#isCaughtUp = true
    this.step({ kind: 'caught-up' })
  }

  /** Tells what was said of an order before a restore; the process of a start is counted, since it ran. */
  adopt(order: Order, state: ExecutorState, startedAt: Millis): void {
    const place = `${order.id}/${startedAt}`
    this.#orders.set(order.id, order)
    if (state === 'running' && !this.#startsBefore.has(place)) this.spawns.set(order.id, (this.spawns.get(order.id) ?? 0) + 1)
    this.#startsBefore.add(place)
    const draft = { indication: order.id, state, at: startedAt, startedAt, code: null, detail: null, report: null }
    this.step({ kind: 'adopted', indication: order.id, statement: sealStatement(node.executor, mesh.mesh, null, draft) })
  }

  /** What both clocks show. */
  moment(): JobMoment {
    return { wall: this.now + this.setAheadMs, steady: this.now, mayAct: this.mayAct }
  }

  /** When the machine wants to be looked at, by the steady clock. */
  nextTickAt(): Millis | undefined {
    const inMs = this.machine.nextTickInMs(this.moment())
    return inMs === undefined ? undefined : this.now + inMs
  }

  /** Performs the effects one after the other, as the driver does: what an effect brings about comes after all before it. */
  step(event: JobEvent): void {
    this.#effects.push(...this.machine.step(event, this.moment()))
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
      if (record.kind === 'finished' || record.kind === 'started-before') continue
      this.step({ kind: 'restored', order, attempts: record.kind === 'started' ? record.attempts : 0, startedAt: record.kind === 'started' ? record.startedAt : null })
    }
    if (this.#isCaughtUp) this.step({ kind: 'caught-up' })
    this.step({ kind: 'agent-started' })
  }

  #perform(effect: JobEffect): void {
    if (effect.kind === 'retell') return void this.log.push(effect.kind)
    const id = 'order' in effect ? effect.order.id : 'indication' in effect ? effect.indication : undefined
    if (effect.kind === 'settle-adopted') return this.#settle()
    if (effect.kind === 'record-adopted') return this.#recordAdopted(effect.statement.body)
    if (effect.kind === 'spawn' && this.#unstarted.delete(effect.order.id)) return
    this.log.push(effect.kind === 'record-outcome' ? `outcome:${effect.statement.state}` : effect.kind)
    if (id === undefined) return
    const known = this.journal.get(id)?.record
    switch (effect.kind) {
      case 'recall':
        return this.step({ kind: 'recalled', indication: id, history: known?.kind === 'finished' ? { kind: 'finished' } : known?.kind === 'started' || known?.kind === 'started-before' ? { kind: 'started' } : { kind: 'fresh' } })
      case 'judge':
        return this.step({ kind: 'judged', indication: id, verdict: this.verdict(effect.order, this.moment().wall) })
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
      case 'record-attempt':
        this.journal.set(id, { order: effect.order, record: { kind: 'started', attempts: effect.attempt, startedAt: effect.startedAt } })
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

  #recordAdopted({ indication, state }: StatementBody): void {
    const known = this.journal.get(indication)?.record
    const order = this.journal.get(indication)?.order ?? this.#orders.get(indication)
    if (known?.kind === 'finished' || order === undefined || (known?.kind === 'started-before' && state === 'running')) return
    this.journal.set(indication, { order, record: { kind: state === 'running' ? 'started-before' : 'finished' } })
    if (state !== 'running') this.outcomes.set(indication, [state])
  }

  #settle(): void {
    for (const [id, { order, record }] of this.journal) {
      if (record.kind !== 'started-before') continue
      this.journal.set(id, { order, record: { kind: 'finished' } })
      this.outcomes.set(id, [...(this.outcomes.get(id) ?? []), 'interrupted'])
    }
  }

  #spawn(order: Order, record: Record | undefined): void {
    const times = (this.spawns.get(order.id) ?? 0) + 1
    this.spawns.set(order.id, times)
    this.#check(record?.kind === 'started' && record.attempts === times, 'spawned without a durable start')
    this.#check(times === 1 || order.body.idempotent, 'started twice')
    this.#check(times <= this.options.attemptsMax, 'too many attempts')
    this.#check(this.moment().wall <= order.body.expiresAt, 'started after expiry')
    this.#check(!(order.body.notBefore > order.body.createdAt && this.moment().wall < order.body.notBefore), 'started too early')
    this.#check(this.#isCaughtUp && this.mayAct, 'started before its time')
    this.running.add(order.id)
    this.#check(this.running.size <= this.options.concurrentJobs, 'too many run at once')
  }

  #check(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem)
  }
}

export const orderOf = (change: Partial<IndicationBody> = {}): Order => {
  const { id, indication, bundle } = commandOrder(['true'], change)
  return { id, body: indication.body, bundle }
}

export const createWorld = (options: Partial<JobMachineOptions> = {}): JobWorld => new JobWorld({ ...machineOptions, ...options }, mesh.now)

/** A world in which `order` runs. */
export const runningWorld = (order: Order, options: Partial<JobMachineOptions> = {}): JobWorld => {
  const world = createWorld(options)
  world.order(order)
  world.bring(order.id)
  return world
}
