/**
 * Performs what the job machine decides, in order: persist before send, persist before spawn. It holds what the machine
 * must not: journal, cache, processes, signatures, the pipe to the agent. While the journal cannot be written nothing is
 * started and outcomes wait in memory; a journal that cannot be read ends everything.
 */
import { describeError, isWritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { Adoption } from './adoption.ts'
import { ClockGuard } from './clock-guard.ts'
import type { IndicationId } from '../base/brand.ts'
import type { SteadyClock, Timers } from '../base/clock.ts'
import { outputsOf } from '../record/statement.ts'
import { newestOf, type CharterChain } from '../trust/charter-chain.ts'
import { Backlog } from './backlog.ts'
import type { Channel } from './child-channel.ts'
import type { Run, RunResult } from './child-runner.ts'
import { PayloadIntake } from './intake.ts'
import type { ToAgent, ToExecutor } from './ipc.ts'
import type { JobEffect, JobEvent, JobMachineOptions, Order } from './job-events.ts'
import { JobMachine } from './job-machine.ts'
import { Launches, type LaunchesDeps } from './launches.ts'
import type { Statement } from './journal.ts'
import { Outbox } from './outbox.ts'
import { noRun } from './outcome.ts'
import { StatementWriter, type StatementWriterDeps } from './statement-writer.ts'
import { Updates, type Succession } from './updates.ts'
import type { Verifier } from './verification.ts'

export interface DriverDeps extends LaunchesDeps, Omit<StatementWriterDeps, 'say'> {
  readonly verifier: Verifier
  readonly saveCharters: (chain: CharterChain) => void
  readonly clock: SteadyClock
  readonly timers: Timers
  /** Null where nothing could start another release. */
  readonly succession: Succession | null
  /** Called once when the journal cannot be read: the process must end. */
  readonly fatal: (error: unknown) => void
}

export class ExecutorDriver {
  readonly #deps: DriverDeps
  readonly #machine: JobMachine
  readonly #guard: ClockGuard
  readonly #launches: Launches
  readonly #intake: PayloadIntake
  readonly #runs = new Map<IndicationId, Run>()
  readonly #drained = Promise.withResolvers<void>()
  readonly #backlog: Backlog
  readonly #statements: StatementWriter
  readonly #adoption: Adoption
  readonly #updates: Updates | null
  /** Their start could not be recorded: the `spawn` that follows is passed over. */
  readonly #unstarted = new Set<IndicationId>()
  #effects: JobEffect[] = []
  #performing: Promise<void> | undefined
  #failed = false
  #cancelTick: () => void = () => undefined
  #cancelHousekeeping: () => void = () => undefined
  #outbox: Outbox | undefined
  #keptAll: (() => void) | undefined

  constructor(deps: DriverDeps, options: JobMachineOptions) {
    this.#deps = deps
    this.#machine = new JobMachine(options)
    this.#guard = new ClockGuard(deps.clock, () => deps.verifier.newestVerified, deps.log)
    this.#backlog = new Backlog({
      ...deps,
      probe: () => deps.journal.probe(),
      onBlocked: () => this.#dispatch({ kind: 'journal-blocked' }),
      onFree: () => this.#dispatch({ kind: 'journal-free' }),
      fatal: (error) => this.#fail(error)
    })
    this.#launches = new Launches(deps)
    this.#intake = new PayloadIntake({
      begin: (order) => this.#launches.begin(order),
      cache: deps.cache,
      ask: (indication, ranges) => this.#outbox?.push({ kind: 'payload-wanted', indication, ranges: [...ranges] }),
      ended: (indication) => this.#dispatch({ kind: 'payload-ended', indication }),
      failed: (indication, code, detail) => this.#dispatch({ kind: 'payload-failed', indication, code, detail }),
      files: deps.succession?.files ?? null
    })
    const say = (statement: Statement): void => this.#outbox?.pushStatement(statement)
    this.#statements = new StatementWriter({ ...deps, say })
    this.#adoption = new Adoption({ ...deps, say, seal: (draft) => this.#statements.seal(draft) })
    this.#updates = deps.succession === null ? null : this.#createUpdates(deps.succession)
  }

  #createUpdates(succession: Succession): Updates {
    return new Updates({
      ...this.#deps,
      ...succession,
      askForContact: () => this.#outbox?.push({ kind: 'contact-wanted' }),
      conclude: async (indication, outcome, log) => {
        this.#dispatch({ kind: 'updated', indication, outcome, log })
        while (this.#performing !== undefined) await this.#performing
      },
      insist: (write) => this.#backlog.insist(write),
      handOver: () => {
        this.#drained.resolve() // a stop that came before waits for no outcome here: the next start tries the release
        succession.handOver()
      },
      fatal: (error) => this.#fail(error)
    })
  }

  /** Takes up what an earlier executor left; to be called once, before an agent is attached. */
  async start(): Promise<void> {
    const { journal, verifier, killOrphans, log } = this.#deps
    const records = await journal.active()
    const orphans = await killOrphans(new Set(records.filter(({ attempts }) => attempts > 0).map(({ id }) => id)))
    if (orphans > 0) log.warn('processes of an executor that had ended were killed', { orphans })
    if (journal.lostBefore > 0) this.#dispatch({ kind: 'memory-lost', before: journal.lostBefore })
    const replacedFor = await this.#updates?.open()
    for (const { id, bundle, attempts, startedAt } of records) {
      const order = verifier.open(bundle)
      if (order.ok) this.#dispatch({ kind: id === replacedFor ? 'continued' : 'restored', order: order.value, attempts, startedAt })
      else log.error('an order in the journal can no longer be read', { indication: id, code: order.code })
    }
    await this.#performing
    await this.#updates?.takeUp(records.some(({ id }) => id === replacedFor))
    this.#scheduleHousekeeping()
  }

  /** A new agent process: it is told everything that it has not kept. */
  attach(channel: Channel<ToAgent>): void {
    const { journal, outputs, log, signer, verifier } = this.#deps
    const outbox = (this.#outbox = new Outbox(channel, outputs, log))
    outbox.push({ kind: 'ready', executor: signer.key, ...newestOf(verifier.chain) })
    for (const statement of journal.unkept()) outbox.pushStatement(statement)
    this.#dispatch({ kind: 'agent-started' })
  }

  detach(): void {
    this.#outbox = undefined
  }

  /** One message of the attached agent. The next is read when the promise has resolved. */
  async receive(message: ToExecutor): Promise<void> {
    switch (message.kind) {
      case 'order': return this.#receiveOrder(message.bundle)
      case 'charters': return this.#receiveCharters(message.charters)
      case 'control': return this.#receiveControl(message.control)
      case 'payload-chunk': return this.#intake.receive(message.indication, message.offset, message.bytes)
      case 'payload-end': return this.#intake.end(message.indication)
      case 'payload-failed': return this.#dispatch({ ...message })
      case 'kept': return this.#receiveKept(message.statement)
      case 'adopt': return this.#confirm(message.batch, this.#adoption.open(message.statements).map((statement) => ({ kind: 'adopted', indication: statement.body.indication, statement })))
      case 'retell': return this.#confirm(message.batch, [{ kind: 'log-lost' }])
      case 'caught-up':
        this.#dispatch({ kind: 'caught-up' })
        return this.#performing // however often it is said
      case 'up': return this.#updates?.agentUp(message.release)
      case 'contact': return this.#updates?.contact()
    }
  }

  /** No new jobs; resolves when the running ones have ended, by themselves or by force. */
  async stop(): Promise<void> {
    this.#cancelHousekeeping()
    this.#dispatch({ kind: 'stop' })
    await this.#drained.promise
    this.#cancelTick()
    this.#updates?.stop()
    const unwritten = await this.#backlog.settle()
    if (unwritten > 0) this.#deps.log.error('outcomes could not be written down: the next start will call these orders interrupted', { count: unwritten })
  }

  /** Resolves when the agent has kept every statement. */
  allKept(): Promise<void> {
    if (this.#deps.journal.unkept().length === 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#keptAll = resolve
    return promise
  }

  async #receiveOrder(bundle: Order['bundle']): Promise<void> {
    const { verifier, log } = this.#deps
    const opened = verifier.open(bundle)
    const order = opened.ok ? verifier.admit(opened.value) : opened
    if (!order.ok) {
      log.warn('an order was not what it claims to be', { code: order.code, detail: order.detail })
      this.#outbox?.pushHint({ kind: 'refused', indication: opened.ok ? opened.value.id : null, code: order.code, detail: order.detail.slice(0, 1024) })
      return
    }
    this.#dispatch({ kind: 'order', order: order.value, cancelled: verifier.isCancelled(order.value, bundle.controls) })
    await this.#performing // an agent cannot offer faster than the journal takes
  }

  #receiveCharters(charters: readonly Uint8Array[]): void {
    const { verifier, saveCharters, log } = this.#deps
    const grown = verifier.extend(charters)
    if (!grown.ok) return log.warn('charters were refused', { code: grown.code, detail: grown.detail })
    if (!grown.value) return
    try {
      saveCharters(verifier.chain)
    } catch (error) {
      log.error('the charters could not be saved', { detail: describeError(error) }) // they come again after a restart
    }
    this.#dispatch({ kind: 'trust-changed' })
  }

  #receiveControl(control: Uint8Array): void {
    const id = this.#deps.verifier.controlledOrder(control)
    const order = id === undefined ? undefined : this.#machine.order(id)
    if (order === undefined) return // the control of an order that comes later comes with its bundle
    if (this.#deps.verifier.isCancelled(order, [control])) this.#dispatch({ kind: 'cancel', indication: order.id })
    else this.#deps.log.warn('a control was refused', { indication: order.id })
  }

  async #receiveKept(id: Statement['id']): Promise<void> {
    const { journal, outputs, log } = this.#deps
    const statement = await journal.keep(id).catch((error: unknown) => {
      log.warn('what the agent has kept could not be noted; it is told again after a restart', { detail: describeError(error) })
      return undefined
    })
    if (statement !== undefined) for (const cid of outputsOf(statement.body)) await outputs.release(cid)
    if (journal.unkept().length === 0) this.#keptAll?.()
  }

  /** Not before all that these bring about is written down, nor to another agent process, which counts its own. */
  async #confirm(batch: number, events: readonly JobEvent[]): Promise<void> {
    const outbox = this.#outbox
    for (const event of events) this.#dispatch(event)
    while (this.#performing !== undefined) await this.#performing
    if (!this.#failed) await this.#backlog.insist(async () => (this.#outbox === outbox ? outbox?.pushHint({ kind: 'written', batch }) : undefined))
  }

  #dispatch(event: JobEvent): void {
    if (this.#failed) return
    const now = this.#guard.look()
    this.#effects.push(...this.#machine.step(event, now))
    this.#cancelTick()
    const next = this.#machine.nextTickInMs(now) ?? (this.#machine.size > 0 && !now.mayAct ? limits.executor.clockLookMs : undefined)
    if (next !== undefined) this.#cancelTick = this.#deps.timers.after(Math.min(Math.max(0, next), limits.executor.clockLookMs), () => this.#dispatch({ kind: 'tick' }))
    // Not before `#performing` is set: an effect that is answered at once comes back here.
    if (this.#effects.length > 0) this.#performing ??= Promise.resolve().then(() => this.#performAll())
  }

  async #performAll(): Promise<void> {
    try {
      while (this.#effects.length > 0) {
        const effects = this.#effects
        this.#effects = []
        for (const effect of effects) await this.#perform(effect)
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#performing = undefined
  }

  #fail(error: unknown): void {
    this.#failed = true
    this.#cancelTick()
    for (const run of this.#runs.values()) run.signal('SIGKILL') // nobody will follow them any more
    this.#drained.resolve()
    this.#deps.fatal(error)
  }

  async #perform(effect: JobEffect): Promise<void> {
    const { journal, verifier, clock } = this.#deps
    switch (effect.kind) {
      case 'recall': return this.#recall(effect.order)
      case 'judge': return this.#dispatch({ kind: 'judged', indication: effect.order.id, verdict: verifier.judge(effect.order.body, clock.now()) })
      case 'announce-held': return this.#outbox?.push({ kind: 'held', indication: effect.order.bundle.indication, running: effect.running })
      // One that is not written is offered again after a restart, as after a power cut.
      case 'record-accepted': return void (await this.#backlog.attempt(() => journal.recordAccepted(effect.order)))
      case 'want-payload': return this.#machine.isFetching(effect.order.id) ? this.#intake.begin(effect.order) : undefined
      case 'prepare': return void this.#prepare(effect.order)
      case 'announce-validated': return this.#outbox?.push({ kind: 'validated', indication: effect.indication, at: effect.at })
      case 'record-started': return this.#recordStarted(effect)
      case 'spawn': return this.#unstarted.delete(effect.order.id) ? undefined : this.#spawn(effect.order)
      case 'signal': return this.#signal(effect.indication, effect.signal)
      case 'record-attempt': return this.#backlog.insist(() => journal.recordAttempt(effect.order, effect.attempt, effect.startedAt))
      case 'record-adopted': return this.#backlog.insist(() => journal.recordAdopted(effect.statement))
      case 'settle-adopted': return this.#backlog.insist(() => this.#adoption.settle())
      case 'record-outcome': return this.#backlog.insist(() => this.#statements.ended(effect))
      case 'discard':
        this.#intake.drop(effect.indication)
        return this.#launches.discard(effect.indication)
      case 'retell': return this.#backlog.insist(() => this.#adoption.retell(effect.indication))
      case 'refuse': return this.#outbox?.pushHint({ kind: 'refused', indication: effect.indication, code: effect.code, detail: effect.detail })
      case 'drained': return this.#drained.resolve()
    }
  }

  async #recordStarted(effect: Extract<JobEffect, { kind: 'record-started' }>): Promise<void> {
    if (await this.#backlog.attempt(() => this.#statements.started(effect))) return
    this.#unstarted.add(effect.order.id)
    this.#dispatch({ kind: 'not-started', indication: effect.order.id })
  }

  async #recall(order: Order): Promise<void> {
    const { journal } = this.#deps
    const history = await journal.recall(order.id).catch((error: unknown) => {
      if (!isWritError(error, 'store-write-failed')) throw error // after a full disk it is opened anew, and there was no room for that
      return { kind: 'unreadable' as const }
    })
    const isForgotten = history.kind === 'fresh' && order.body.expiresAt < journal.forgottenBefore
    this.#dispatch({ kind: 'recalled', indication: order.id, history: isForgotten ? { kind: 'forgotten' } : history })
  }

  /** Beside the other effects, since it may look at many files. */
  async #prepare(order: Order): Promise<void> {
    const isWanted = (): boolean => this.#machine.order(order.id) !== undefined // not cancelled or expired meanwhile
    const verdict = await this.#launches.prepare(order, isWanted)
    if (isWanted()) this.#dispatch({ kind: 'prepared', indication: order.id, verdict })
  }

  async #spawn(order: Order): Promise<void> {
    try {
      const run = await this.#launches.start(order)
      this.#runs.set(order.id, run)
      void run.ended.then((result) => this.#ended(order, result))
    } catch (error) {
      await this.#ended(order, { ...noRun, spawnError: describeError(error) })
    }
  }

  /** The release of an order that is to end is given up, as long as nothing was switched. */
  #signal(indication: IndicationId, signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#runs.get(indication)?.signal(signal)
    if (this.#updates?.abandon(indication) === true) this.#dispatch({ kind: 'exited', indication, report: { ...noRun, signal } })
  }

  async #ended(order: Order, result: RunResult): Promise<void> {
    this.#runs.delete(order.id)
    if (this.#updates !== null && order.body.format === 'release' && result.exitCode === 0 && !this.#machine.isEnding(order.id)) return this.#updates.staged(order)
    this.#dispatch({ kind: 'exited', indication: order.id, report: await this.#launches.report(order, result) })
  }

  #scheduleHousekeeping(): void {
    this.#cancelHousekeeping = this.#deps.timers.after(limits.executor.housekeepingMs, () => {
      this.#housekeep()
      this.#scheduleHousekeeping()
    })
  }

  /** Not right after the start, when a clock may not have been set yet. */
  #housekeep(): void {
    const { journal, log } = this.#deps
    const { wall, mayAct } = this.#guard.look()
    if (mayAct) journal.forget(wall).catch((error: unknown) => log.error('expired ids could not be forgotten', { detail: describeError(error) }))
  }
}
