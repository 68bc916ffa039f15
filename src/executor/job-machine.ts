/**
 * Decides what happens to each order, and when. Pure: the same events at the same times give the same effects, so that
 * simulations drive the very machine that production runs.
 *
 * Promises: an order is spawned only right after `record-started`, only while it is known to be fresh (or is an
 * idempotent one with attempts left) and younger than what the journal may have lost, judged by the newest charters,
 * prepared, valid by the clock, and not cancelled. None starts before `caught-up`, nor while the wall clock is not
 * believed. Each accepted order gets exactly one outcome. At most `pendingJobsMax` orders are held, `concurrentJobs` run.
 */
import type { IndicationId, Millis } from '../base/brand.ts'
import type { Result } from '../base/result.ts'
import { compareJobs, createJob, draftStatement, isExclusive, isJudgeable, mayRunAgain, selectFetches, startAtOf, wakeInMs, type Job } from './job.ts'
import type { History, JobEffect, JobEvent, JobMachineOptions, JobMoment, Order } from './job-events.ts'
import { forgotten, hangsOnTime, judgeRefusal, judgeRun, noRun, restarted, type Outcome, type RunReport } from './outcome.ts'

export class JobMachine {
  readonly #options: JobMachineOptions
  readonly #jobs = new Map<IndicationId, Job>()
  #arrivals = 0
  #stopAt: Millis | null = null
  #drained = false
  #isCaughtUp = false
  /** Orders from before may have been started although the journal does not say so. */
  #lostBefore: Millis = 0
  #canRecord = true
  #effects: JobEffect[] = []

  constructor(options: JobMachineOptions) {
    this.#options = options
  }

  step(event: JobEvent, now: JobMoment): JobEffect[] {
    this.#effects = []
    this.#handle(event, now)
    this.#watch(now)
    this.#schedule(now)
    this.#checkDrained()
    return this.#effects
  }

  /** In how long `tick` is due, if no other event comes before; undefined when nothing waits for the time. */
  nextTickInMs(now: JobMoment): Millis | undefined {
    let next = this.#stopAt !== null && this.#stopAt > now.steady && this.#running() > 0 ? this.#stopAt - now.steady : Infinity
    for (const job of this.#jobs.values()) next = Math.min(next, wakeInMs(job, this.#options.clockToleranceMs, now))
    return next === Infinity ? undefined : next
  }

  /** How many orders have no outcome. */
  get size(): number {
    return this.#jobs.size
  }

  /** The order of this id, while it has no outcome. */
  order(id: IndicationId): Order | undefined {
    return this.#jobs.get(id)?.order
  }

  isFetching(id: IndicationId): boolean {
    return this.#jobs.get(id)?.phase === 'fetching'
  }

  /** Whether it runs and is being ended before its time. */
  isEnding(id: IndicationId): boolean {
    return (this.#jobs.get(id)?.ending ?? null) !== null
  }

  #handle(event: JobEvent, now: JobMoment): void {
    switch (event.kind) {
      case 'order': return this.#order(event.order, event.cancelled, now)
      case 'restored': return this.#restored(event.order, event.attempts, event.startedAt, now)
      case 'continued':
        Object.assign(this.#add(event.order), { phase: 'running', continued: true, accepted: true, attempts: event.attempts, startedAt: event.startedAt })
        return
      case 'adopted': return this.#adopted(event.indication, event.statement)
      case 'caught-up':
        this.#isCaughtUp = true
        this.#effects.push({ kind: 'settle-adopted' })
        return
      case 'memory-lost':
        this.#lostBefore = event.before
        return
      case 'log-lost': return void this.#effects.push({ kind: 'retell', indication: null })
      case 'agent-started': return this.#agentStarted()
      case 'trust-changed': return this.#trustChanged()
      case 'journal-blocked':
      case 'journal-free':
        this.#canRecord = event.kind === 'journal-free'
        return
      case 'stop':
        this.#stopAt ??= now.steady + this.#options.stopGraceMs
        return
      case 'tick': return
      default: {
        const job = this.#jobs.get(event.indication)
        if (job !== undefined) this.#handleFor(job, event, now)
      }
    }
  }

  #handleFor(job: Job, event: Extract<JobEvent, { indication: IndicationId }>, now: JobMoment): void {
    switch (event.kind) {
      case 'recalled': return this.#recalled(job, event.history, now)
      case 'judged': return this.#judged(job, event.verdict, now)
      case 'cancel': return this.#cancel(job, now)
      case 'exited': return this.#exited(job, event.report, now)
      case 'not-started': return this.#notStarted(job, now)
      case 'updated':
        if (job.phase === 'running') this.#finish(job, event.outcome, now, { ...noRun, stderr: event.log })
        return
      case 'payload-ended':
        if (job.phase === 'fetching') this.#move(job, 'preparing', { kind: 'prepare', order: job.order })
        return
      case 'payload-failed':
        if (job.phase === 'fetching') this.#refuse(job, event.code, event.detail, now)
        return
      case 'prepared':
        if (job.phase !== 'preparing') return
        if (event.verdict.ok) this.#move(job, 'ready', { kind: 'announce-validated', indication: job.order.id, at: now.wall })
        else this.#refuse(job, event.verdict.code, event.verdict.detail, now)
    }
  }

  #order(order: Order, cancelled: boolean, now: JobMoment): void {
    const known = this.#jobs.get(order.id)
    if (known !== undefined) {
      if (cancelled) this.#cancel(known, now)
      return
    }
    const obstacle = this.#obstacle()
    if (obstacle !== null) {
      this.#effects.push({ kind: 'refuse', indication: order.id, ...obstacle })
      return
    }
    const job = this.#add(order)
    job.cancelled = cancelled
    this.#effects.push({ kind: 'recall', order })
  }

  /** Why no order can be taken up now. */
  #obstacle(): { readonly code: string; readonly detail: string } | null {
    if (this.#stopAt !== null) return { code: 'busy', detail: 'the executor is stopping' }
    if (this.#select(({ continued }) => continued).length > 0) return { code: 'busy', detail: 'this release has not proved itself yet' }
    if (!this.#canRecord) return { code: 'journal-unwritable', detail: 'the journal cannot be written' }
    return this.#jobs.size >= this.#options.pendingJobsMax ? { code: 'busy', detail: `${this.#jobs.size} orders wait already` } : null
  }

  #recalled(job: Job, history: History, now: JobMoment): void {
    if (job.phase !== 'recalling') return
    if (history.kind === 'fresh') {
      if (this.#mayHaveStarted(job)) this.#finish(job, forgotten(this.#lostBefore), now, null)
      else if (job.cancelled) this.#finish(job, { state: 'cancelled', code: null, detail: null }, now, null)
      else this.#judge(job, 'judging')
      return
    }
    if (history.kind === 'forgotten') return this.#refuse(job, 'expired', 'the order expired before others that have run since', now)
    this.#jobs.delete(job.order.id)
    if (history.kind === 'unreadable') this.#effects.push({ kind: 'refuse', indication: job.order.id, code: 'journal-unwritable', detail: 'the journal cannot be read' })
    if (history.kind === 'finished') this.#effects.push({ kind: 'retell', indication: job.order.id })
  }

  #restored(order: Order, attempts: number, startedAt: Millis | null, now: JobMoment): void {
    const job = this.#add(order)
    Object.assign(job, { accepted: true, attempts, startedAt })
    if (attempts > 0 && !mayRunAgain(job, this.#options.attemptsMax)) this.#finish(job, restarted, now, null)
    else if (attempts === 0 && this.#mayHaveStarted(job)) this.#finish(job, forgotten(this.#lostBefore), now, null)
    else this.#judge(job, 'judging')
  }

  #adopted(id: IndicationId, statement: Extract<JobEvent, { kind: 'adopted' }>['statement']): void {
    const job = this.#jobs.get(id)
    if (job?.phase === 'running') return // what runs here was not said before
    const { state, startedAt, at } = statement.body
    if (job !== undefined && state === 'running' && (startedAt ?? at) <= (job.startedAt ?? -1)) return // counted already
    if (job !== undefined && state === 'running' && mayRunAgain(job, this.#options.attemptsMax) && job.attempts + 1 < this.#options.attemptsMax) {
      Object.assign(job, { accepted: true, attempts: job.attempts + 1, startedAt: startedAt ?? at })
      this.#effects.push({ kind: 'record-attempt', order: job.order, attempt: job.attempts, startedAt: startedAt ?? at })
      return
    }
    this.#jobs.delete(id)
    this.#effects.push({ kind: 'record-adopted', statement }, { kind: 'discard', indication: id })
  }

  #judged(job: Job, verdict: Result<null>, now: JobMoment): void {
    job.isAsked = false
    if (job.phase === 'running' || job.phase === 'recalling') return
    const isFirst = job.phase === 'judging' || job.phase === 'held'
    if (verdict.ok) {
      job.judged = true
      if (isFirst) job.phase = 'queued'
    } else if (verdict.code === 'not-yet-valid' || (!now.mayAct && hangsOnTime.has(verdict.code))) {
      if (isFirst) job.phase = 'held'
    } else if (verdict.code === 'charter-behind' && !job.accepted) {
      this.#jobs.delete(job.order.id)
      this.#effects.push({ kind: 'refuse', indication: job.order.id, code: verdict.code, detail: verdict.detail })
      return
    } else {
      this.#refuse(job, verdict.code, verdict.detail, now)
      return
    }
    if (job.accepted) return
    job.accepted = true
    this.#effects.push({ kind: 'record-accepted', order: job.order })
  }

  #cancel(job: Job, now: JobMoment): void {
    job.cancelled = true
    if (job.phase === 'running') this.#end(job, 'cancelled', now)
    else if (job.phase !== 'recalling') this.#finish(job, { state: 'cancelled', code: null, detail: null }, now, null)
  }

  #exited(job: Job, report: RunReport, now: JobMoment): void {
    if (job.phase !== 'running') return
    if (job.ending === 'interrupted' && mayRunAgain(job, this.#options.attemptsMax)) {
      this.#jobs.delete(job.order.id) // the journal says "started": the next start of the executor runs it again
      this.#effects.push({ kind: 'discard', indication: job.order.id })
      return
    }
    const { body } = job.order
    this.#finish(job, judgeRun(report, job.ending, body.expected, body.timeoutMs), now, report)
  }

  /** Back to where it was; nothing of it has happened. */
  #notStarted(job: Job, now: JobMoment): void {
    if (job.phase !== 'running') return
    Object.assign(job, { phase: 'ready', attempts: job.attempts - 1, startedAt: job.attempts > 1 ? job.startedAt : null, deadline: null, ending: null, killAt: null })
    if (job.cancelled) this.#cancel(job, now)
  }

  #agentStarted(): void {
    for (const { order, phase } of this.#jobs.values()) {
      this.#effects.push({ kind: 'announce-held', order, running: phase === 'running' })
      if (phase === 'fetching') this.#effects.push({ kind: 'want-payload', order })
    }
  }

  #trustChanged(): void {
    for (const job of this.#jobs.values()) {
      if (job.phase === 'running' || job.phase === 'recalling') continue
      job.judged = false
      this.#judge(job, job.phase)
    }
  }

  /** What the time alone brings about. */
  #watch(now: JobMoment): void {
    for (const job of this.#jobs.values()) {
      if (job.phase === 'running') this.#watchRun(job, now)
      if (job.phase === 'ready' && job.waitsUntil !== null && now.steady >= job.waitsUntil) {
        this.#refuse(job, 'node-busy', `other orders ran for longer than the ${job.order.body.timeoutMs} ms that this one may take`, now)
        continue
      }
      if (job.phase === 'running' || job.phase === 'recalling' || job.phase === 'judging' || !now.mayAct) continue
      if (now.wall > job.order.body.expiresAt) this.#refuse(job, 'expired', 'the order expired before it could start', now)
      else if (isJudgeable(job, this.#options.clockToleranceMs, now.wall)) this.#judge(job, job.phase)
    }
  }

  #watchRun(job: Job, now: JobMoment): void {
    if (job.ending === null && job.deadline !== null && now.steady >= job.deadline) this.#end(job, 'timed-out', now)
    if (job.ending === null && this.#stopAt !== null && now.steady >= this.#stopAt) this.#end(job, 'interrupted', now)
    if (job.killAt !== null && now.steady >= job.killAt) {
      job.killAt = null
      this.#effects.push({ kind: 'signal', indication: job.order.id, signal: 'SIGKILL' })
    }
  }

  #schedule(now: JobMoment): void {
    if (this.#stopAt !== null || !this.#canRecord) return
    for (const job of selectFetches([...this.#jobs.values()], this.#options.cacheBytesMax)) this.#move(job, 'fetching', { kind: 'want-payload', order: job.order })
    if (!this.#isCaughtUp || !now.mayAct || this.#isAlone()) return
    const due = this.#select((job) => job.phase === 'ready' && job.judged && startAtOf(job, this.#options.clockToleranceMs) <= now.wall)
    for (const job of due) {
      // What comes before it may end, what comes after it waits.
      if (isExclusive(job)) return this.#running() === 0 ? this.#start(job, now) : void (job.waitsUntil ??= now.steady + job.order.body.timeoutMs)
      if (this.#running() >= this.#options.concurrentJobs) return
      this.#start(job, now)
    }
  }

  #start(job: Job, now: JobMoment): void {
    const { order } = job
    Object.assign(job, { phase: 'running', attempts: job.attempts + 1, startedAt: now.wall, deadline: now.steady + order.body.timeoutMs })
    const statement = draftStatement(job, { state: 'running', code: null, detail: null }, now.wall, null)
    this.#effects.push({ kind: 'record-started', order, attempt: job.attempts, statement }, { kind: 'spawn', order })
  }

  #end(job: Job, ending: NonNullable<Job['ending']>, now: JobMoment): void {
    if (job.ending !== null || job.continued) return
    Object.assign(job, { ending, killAt: now.steady + this.#options.killGraceMs })
    this.#effects.push({ kind: 'signal', indication: job.order.id, signal: 'SIGTERM' })
  }

  /** Ends an order that will not start. */
  #refuse(job: Job, code: string, detail: string, now: JobMoment): void {
    this.#finish(job, judgeRefusal(code, detail, job.attempts > 0), now, null)
  }

  #finish(job: Job, outcome: Outcome, now: JobMoment, report: RunReport | null): void {
    this.#jobs.delete(job.order.id)
    this.#effects.push(
      { kind: 'record-outcome', order: job.order, statement: draftStatement(job, outcome, now.wall, report) },
      { kind: 'discard', indication: job.order.id }
    )
  }

  #judge(job: Job, phase: Job['phase']): void {
    job.isAsked = true
    this.#move(job, phase, { kind: 'judge', order: job.order })
  }

  #move(job: Job, phase: Job['phase'], effect: JobEffect): void {
    job.phase = phase
    this.#effects.push(effect)
  }

  #add(order: Order): Job {
    const job = createJob(order, this.#arrivals)
    this.#arrivals += 1
    this.#jobs.set(order.id, job)
    return job
  }

  /** Nothing is known of it, and that says nothing. */
  #mayHaveStarted({ order: { body } }: Job): boolean {
    return body.createdAt <= this.#lostBefore && !body.idempotent
  }

  /** Whether something runs beside which nothing may. */
  #isAlone(): boolean {
    for (const job of this.#jobs.values()) if (job.phase === 'running' && isExclusive(job)) return true
    return false
  }

  #running(): number {
    let count = 0
    for (const job of this.#jobs.values()) if (job.phase === 'running') count += 1
    return count
  }

  #checkDrained(): void {
    if (this.#stopAt === null || this.#drained || this.#select(({ phase, continued }) => phase === 'running' && !continued).length > 0) return
    this.#drained = true
    this.#effects.push({ kind: 'drained' })
  }

  #select(isWanted: (job: Job) => boolean): Job[] {
    return [...this.#jobs.values()].filter(isWanted).sort(compareJobs)
  }
}
