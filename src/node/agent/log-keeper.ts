/**
 * What a node and the endpoints say to each other about the node's own log: what they lack of it, what they know of it
 * that is not here, and when it may be written. One answer at a time.
 *
 * Promises: nothing is released before enough endpoints agree (`own-head.ts`). What an endpoint knows and the node does
 * not is handed to the executor before it is kept here, so that a crash in between only means that it is asked for again.
 */
import { enoughEndpoints } from '../../base/enough-endpoints.ts'
import { limits } from '../../base/limits.ts'
import { Mutex } from '../../base/mutex.ts'
import { findBranch, openHistory, statementsOf, takeRun } from '../../queue/own-history.ts'
import { claimOf, findLife, isAtEnd, lastOf, planWanted, type KnownLife, type Wanted } from '../../queue/own-lives.ts'
import { OwnHead, type OwnHeadDecision, type OwnHeadEvent } from './own-head.ts'
import type { Background } from '../../base/background.ts'
import type { Incarnation, KeyId } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { OwnLog } from '../../queue/own-log.ts'
import type { PullAnswer } from '../protocol/pull.ts'
import type { EntryBody } from '../../record/entry.ts'
import type { Timers } from '../../base/clock.ts'
import type { Verified } from '../../record/record.ts'

export interface LogKeeperDeps {
  readonly ownLog: OwnLog
  readonly timers: Timers
  readonly log: Log
  readonly background: Background
  /** What the log says was started and not what came of it. */
  readonly openStarts: () => Promise<readonly Uint8Array[]>
  /** Resolves when the executor will say every outcome again. */
  readonly retell: () => Promise<void>
  /** Resolves when the executor has written them down. */
  readonly adopt: (statements: readonly Uint8Array[]) => Promise<void>
  /** The log may be written, and orders may start. Again after each adoption. */
  readonly release: () => void
}

export interface LogKeeperOptions {
  readonly self: KeyId
  readonly isEndpoint: boolean
  /** Of the charter in force, this node not counted. */
  readonly others: number
}

/** What one question said, to judge its answer by. */
export interface AskedLog {
  readonly wanted: Wanted | null
  /** How far each life reached when it was asked. */
  readonly ends: ReadonlyMap<Incarnation, number>
}

/** What came of the claims of one endpoint. */
interface Inquiry {
  /** Those of its last answer that came to nothing, or were followed to their end. */
  readonly examined: ReadonlySet<string>
  /** How many did so since it last claimed nothing new. */
  readonly barren: number
}

export class LogKeeper {
  readonly #deps: LogKeeperDeps
  readonly #options: LogKeeperOptions
  readonly #mutex = new Mutex()
  readonly #head: OwnHead
  readonly #wanted = new Map<KeyId, Wanted>()
  readonly #inquiries = new Map<KeyId, Inquiry>()
  /** Endpoints that said they lack entries: what gossip brought is not sent twice. */
  readonly #lacking = new Set<KeyId>()
  /** Endpoints that answered under the charter in force: theirs are the acknowledgements that count. */
  readonly #answered = new Set<KeyId>()
  #others: number
  #isReleased = false
  /** Nothing was learned that is not told again, and that the executor may still wait for. */
  #isCaughtUp = false
  #cancelWait: (() => void) | undefined
  #waitsFor: 'second' | 'any' | null = null
  #cancelStranded: (() => void) | undefined
  #isStopped = false

  constructor(deps: LogKeeperDeps, options: LogKeeperOptions) {
    this.#deps = deps
    this.#options = options
    this.#others = options.others
    this.#head = new OwnHead(options)
  }

  start(): void {
    const { ownLog, retell, openStarts, adopt } = this.#deps
    this.#later(async () => {
      // Before anything is said in it: whoever ends in between finds it unused again.
      if (ownLog.isUnused) await retell()
      // An executor that has lost its journal knows of none of them, and nobody else can say what came of them.
      await adopt(await openStarts())
      await this.#follow(this.#head.decide())
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelWait?.()
    this.#cancelStranded?.()
  }

  /** The charter has changed. */
  recount(others: number): void {
    this.#answered.clear()
    this.#others = others
    this.#decide({ kind: 'others', count: others })
  }

  /** What the next question to this endpoint says of the log. */
  async ask(endpoint: KeyId): Promise<{ readonly entries: Uint8Array[]; readonly asked: AskedLog }> {
    const { ownLog } = this.#deps
    const ends = new Map(ownLog.lives().map((life) => [life.incarnation, lastOf(life)]))
    // A node that has said nothing yet introduces itself: an endpoint that knows it already gets one entry in vain.
    const isNew = ownLog.isUnused && !this.#answered.has(endpoint)
    const entries = isNew || this.#lacking.has(endpoint) ? await ownLog.unacknowledgedFor(endpoint, limits.pull.entriesBytesMax) : []
    return { entries, asked: { wanted: this.#wanted.get(endpoint) ?? null, ends } }
  }

  /** Takes in the answer; true when this endpoint is to be asked again at once. Errors: those of the store, `too-many-lives`. */
  async hear(endpoint: KeyId, asked: AskedLog, answer: Pick<PullAnswer, 'acknowledged' | 'history'>): Promise<boolean> {
    return this.#mutex.run(async () => {
      const before = this.#deps.ownLog.lives().length
      const next = asked.wanted === null ? 'taken' : await this.#takeHistory(endpoint, asked.wanted, answer.history)
      const again = await this.#acknowledge(endpoint, asked, answer.acknowledged)
      const inquiry = this.#review(endpoint, answer.acknowledged, next === 'nothing' ? asked.wanted : null)
      const wanted = typeof next === 'object' ? next : planWanted(this.#deps.ownLog.lives(), answer.acknowledged, inquiry.examined, await this.#deps.ownLog.othersAmong(answer.acknowledged))
      if (wanted !== null) {
        this.#wanted.set(endpoint, wanted)
        return inquiry.barren < limits.ownLog.barrenClaimsMax
      }
      this.#inquiries.set(endpoint, { ...inquiry, barren: 0 })
      this.#wanted.delete(endpoint)
      this.#answered.add(endpoint)
      // The own queue says nothing that counts, but what failed before, as on a full disk, is tried again.
      if (!this.#isReleased) await this.#follow(endpoint === this.#options.self ? this.#head.decide() : this.#head.step({ kind: 'agrees', endpoint }))
      if (this.#isReleased) await this.#catchUp()
      await this.#deps.ownLog.trim(this.#answered, enoughEndpoints(this.#total()))
      this.#watchStranded()
      return again || this.#deps.ownLog.lives().length > before
    })
  }

  /** What is still wanted of the same life; `nothing` when this claim was followed to its end. */
  async #takeHistory(endpoint: KeyId, wanted: Wanted, history: readonly Uint8Array[]): Promise<Wanted | 'taken' | 'nothing'> {
    const { ownLog } = this.#deps
    const { incarnation, mode } = wanted
    const entries = openHistory({ mesh: ownLog.mesh, author: ownLog.author, incarnation }, history)
    return mode.kind === 'run' ? this.#takeRun(endpoint, wanted, mode.upTo, entries) : this.#takeBranch(endpoint, wanted, mode.frozenAt, entries)
  }

  /** What is known of the claims that this endpoint makes now; those on the life of `ended` have come to their end. */
  #review(endpoint: KeyId, claims: readonly KnownLife[], ended: Wanted | null): Inquiry {
    const { examined, barren } = this.#inquiries.get(endpoint) ?? { examined: new Set(), barren: 0 }
    const isExamined = (claim: KnownLife): boolean => claim.incarnation === ended?.incarnation || examined.has(claimOf(claim))
    const inquiry = { examined: new Set(claims.filter(isExamined).map(claimOf)), barren: barren + (ended === null ? 0 : 1) }
    this.#inquiries.set(endpoint, inquiry)
    return inquiry
  }

  async #takeRun(endpoint: KeyId, { incarnation, from }: Wanted, upTo: number, entries: readonly Verified<EntryBody>[]): Promise<Wanted | 'taken' | 'nothing'> {
    const { ownLog, log } = this.#deps
    const life = findLife(ownLog.lives(), incarnation)
    if (from !== (life?.head.sequence ?? 0) + 1) return 'taken' // another endpoint gave them meanwhile
    const run = takeRun(life?.head, entries, upTo)
    if (run.length > 0) {
      log.warn('an endpoint knows entries of the own log that are not here, as after a restore: they are taken over', { endpoint, incarnation, count: run.length })
      this.#isCaughtUp = false
      await this.#deps.adopt(statementsOf(run))
      await ownLog.adopt(incarnation, run)
      return 'taken'
    }
    // They go on from another entry than the one that is here: somewhere below, the two logs part.
    return life === undefined || entries.length === 0 ? 'nothing' : { incarnation, from: life.first, mode: { kind: 'branch', frozenAt: life.head.sequence } }
  }

  async #takeBranch(endpoint: KeyId, wanted: Wanted, frozenAt: number, entries: readonly Verified<EntryBody>[]): Promise<Wanted | 'nothing'> {
    const { ownLog, log } = this.#deps
    const { incarnation, from } = wanted
    const branch = findBranch(entries, await ownLog.idsFrom(incarnation, from - 1), frozenAt)
    if (branch !== undefined) {
      log.warn('the own log was forked, as when a home was copied: what was said from there on is said again in a new life', { endpoint, incarnation, at: branch.at })
      this.#isCaughtUp = false
      await this.#deps.adopt(statementsOf(branch.foreign))
      await ownLog.close(incarnation, branch.at, branch.foreign)
    }
    const next = (entries.at(-1)?.body.sequence ?? 0) + 1
    return next > from ? { ...wanted, from: next } : 'nothing'
  }

  /** Whether the endpoint is to be given more at once. */
  async #acknowledge(endpoint: KeyId, { ends }: AskedLog, acknowledged: readonly KnownLife[]): Promise<boolean> {
    const { ownLog } = this.#deps
    const held = new Map(acknowledged.map((known) => [known.incarnation, known.sequence]))
    let isLacking = false
    let hasGrown = false
    for (const { incarnation } of ownLog.lives()) {
      const before = ownLog.acknowledgedBy(endpoint, incarnation)
      // A life that is not spoken of is one that the endpoint does not hold, or no longer.
      await ownLog.acknowledge(endpoint, incarnation, held.get(incarnation) ?? 0)
      const after = ownLog.acknowledgedBy(endpoint, incarnation)
      hasGrown ||= after > before
      isLacking ||= after < (ends.get(incarnation) ?? 0)
    }
    // At once only where that gets on: one that does not take the log is asked again by the timer.
    const again = isLacking && (!this.#lacking.has(endpoint) || hasGrown)
    if (isLacking) this.#lacking.add(endpoint)
    else this.#lacking.delete(endpoint)
    return again
  }

  async #follow(decision: OwnHeadDecision): Promise<void> {
    if (this.#isReleased || this.#isStopped) return
    if (decision.kind === 'release') {
      if (decision.inNewLife) await this.#beginPrecaution()
      this.#cancelWait?.()
      this.#isReleased = true
      return this.#catchUp()
    }
    const { for: reason } = decision
    if (reason === this.#waitsFor) return
    this.#waitsFor = reason
    this.#cancelWait?.()
    if (reason === null) return
    this.#cancelWait = this.#deps.timers.after(reason === 'second' ? limits.ownLog.secondAnswerMs : limits.ownLog.noAnswerMs, () => this.#decide({ kind: 'waited', for: reason }))
  }

  /** Nobody could be asked, so somebody may know more of this life than is here. */
  async #beginPrecaution(): Promise<void> {
    const { ownLog, log } = this.#deps
    if (ownLog.isFresh || isAtEnd(ownLog.head())) return
    if (ownLog.lives().length < limits.ownLog.precautionLivesMax) await ownLog.startIncarnation()
    else log.warn('the own log goes on although no other endpoint could be asked about it: it has begun anew as often as it may for that', { lives: ownLog.lives().length })
  }

  async #catchUp(): Promise<void> {
    if (this.#isCaughtUp) return
    const { ownLog, log, release } = this.#deps
    const count = await ownLog.retell()
    if (count > 0) log.warn('receipts that counted nowhere were said again', { count })
    this.#isCaughtUp = true
    release()
  }

  #watchStranded(): void {
    const { ownLog, timers } = this.#deps
    const isStranded = this.#isReleased && ownLog.stranded(this.#answered).length > 0
    if (!isStranded) {
      this.#cancelStranded?.()
      this.#cancelStranded = undefined
    } else {
      this.#cancelStranded ??= timers.after(limits.ownLog.strandedMs, () => this.#later(() => this.#leaveStranded()))
    }
  }

  /** Every endpoint lost what is not kept here any more: what is kept is said again where they can take it. */
  async #leaveStranded(): Promise<void> {
    const { ownLog, log } = this.#deps
    this.#cancelStranded = undefined
    for (const { incarnation, first } of ownLog.stranded(this.#answered)) {
      log.warn('no endpoint holds the beginning of the own log any more: what is kept is said again in a new life', { incarnation, from: first })
      this.#isCaughtUp = false
      await ownLog.close(incarnation, first, [])
    }
    await this.#catchUp()
  }

  #decide(event: OwnHeadEvent): void {
    this.#later(() => this.#follow(this.#head.step(event)))
  }

  #later(work: () => Promise<void>): void {
    this.#deps.background.run('the own log could not be looked after', this.#mutex.run(async () => (this.#isStopped ? undefined : work())))
  }

  #total(): number {
    return this.#others + (this.#options.isEndpoint ? 1 : 0)
  }
}
