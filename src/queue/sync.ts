/**
 * The asking side of sync: two endpoints' queues become equal, over one `SyncMachine` for each peer. Heads are compared
 * with one peer at a time. Who carries the bytes, and when, is the caller's matter: one question at a time to each peer.
 * While logs are fetched, one answer is merged while the next is asked for.
 */
import { encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { put, type KeyValueStore } from '../base/key-value-store.ts'
import { faultOfEndpoint } from './misconduct.ts'
import { keys, readRow } from './queue-store.ts'
import { lastName, type LogHead } from './head-index.ts'
import { planFetch, Reconciliation, type RangesAnswer } from './reconciliation.ts'
import { freshSyncState, SyncMachine, type Brought, type SyncOutcome, type SyncState } from './sync-machine.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import type { SteadyClock } from '../base/clock.ts'
import type { KeyId, Millis } from '../base/brand.ts'
import type { MergeReport } from './merge.ts'
import type { Queue } from './queue.ts'
import type { CursorAnswer, LogsAnswer, SyncAnswer, SyncQuestion } from './sync-message.ts'
import type { WantedLog } from './log-pages.ts'

export interface SyncClientDeps {
  readonly store: KeyValueStore
  readonly queue: Queue
  readonly clock: SteadyClock
  readonly chain: () => CharterChain
  /** Takes newer charters in before entries are judged by them. */
  readonly learnCharters: (charters: readonly Uint8Array[], peer: KeyId) => Promise<void>
  /** Told of each merge, with the peer as its source. */
  readonly merged: (report: MergeReport, peer: KeyId) => void
}

const nothing: Brought = { news: 0, isForged: false }

export class SyncClient {
  readonly #deps: SyncClientDeps
  readonly #machines = new Map<KeyId, SyncMachine>()
  /** What was fetched by log and is still being merged. */
  #merging: Promise<Brought> = Promise.resolve(nothing)
  /** With whom heads are compared, and since when. */
  #turn: { readonly peer: KeyId; readonly since: Millis } | undefined

  constructor(deps: SyncClientDeps) {
    this.#deps = deps
  }

  /** What to ask `peer` now; undefined where this round is left out. */
  async question(peer: KeyId): Promise<SyncQuestion | undefined> {
    const { queue, chain } = this.#deps
    const plan = (await this.#machineOf(peer)).plan()
    switch (plan?.kind) {
      case undefined:
        return undefined
      case 'cursor':
        return { kind: 'cursor', ...plan.state, digest: queue.digest(), charterVersion: chain().current.version }
      case 'ranges':
        return { kind: 'ranges', spans: plan.spans.map(({ bounds, prints }) => ({ bounds: [...bounds], prints })) }
      case 'logs':
        return { kind: 'logs', wanted: [...plan.wanted] }
    }
  }

  /** Merges the answer to the last question, then moves on past it; true when the next is to be asked at once. An answer of another kind ends a comparison. */
  async take(peer: KeyId, answer: SyncAnswer): Promise<boolean> {
    const machine = await this.#machineOf(peer)
    const before = machine.state
    const { again } = await this.#take(peer, machine, answer).catch((error: unknown) => {
      // What was not merged lies behind what was asked next.
      this.giveUp(peer)
      throw error
    })
    if (machine.comparison === undefined) this.#release(peer)
    if (!isSameState(before, machine.state)) await this.#deps.store.write([put(keys.cursor(peer), encodeCbor(machine.state))], { durable: false })
    return again
  }

  /** There was no answer, or the peer is gone: a comparison begins anew another time. */
  giveUp(peer: KeyId): void {
    this.#machines.get(peer)?.giveUp()
    this.#release(peer)
  }

  async #take(peer: KeyId, machine: SyncMachine, answer: SyncAnswer): Promise<Pick<SyncOutcome, 'again'>> {
    const expected = machine.comparison?.next ?? 'cursor'
    if (answer.kind === 'cursor' && expected === 'cursor') return this.#takeCursor(peer, machine, answer)
    if (answer.kind === 'ranges' && expected === 'ranges') return this.#takeRanges(machine, answer)
    if (answer.kind === 'logs' && expected === 'logs') return this.#takeLogs(peer, machine, answer)
    return machine.continue(nothing, true)
  }

  async #takeCursor(peer: KeyId, machine: SyncMachine, answer: CursorAnswer): Promise<Pick<SyncOutcome, 'again'>> {
    const { queue, learnCharters } = this.#deps
    if (answer.charters.length > 0) await learnCharters(answer.charters, peer)
    const report = await this.#merge(peer, answer)
    const noted = await Promise.all(answer.presences.map(({ record, contactAt }) => queue.notePresence(record, contactAt)))
    const news = report.accepted.length + noted.filter((result) => result.ok && result.value).length
    const { again, isDue } = machine.takeCursor(answer, { news, isForged: faultOfEndpoint(report) !== undefined }, queue.digest())
    if (!isDue || !this.#takeTurn(peer)) return { again }
    this.#merging = Promise.resolve(nothing)
    machine.begin(new Reconciliation(await queue.history.marks('', lastName)), answer)
    return { again: true }
  }

  async #takeRanges(machine: SyncMachine, answer: RangesAnswer): Promise<SyncOutcome> {
    const heads = machine.comparison?.takeRanges(answer)
    if (heads?.ok !== true) return machine.continue(nothing, true)
    machine.comparison?.want(await this.#planFetches(heads.value))
    return machine.continue(nothing, false)
  }

  async #takeLogs(peer: KeyId, machine: SyncMachine, answer: LogsAnswer): Promise<SyncOutcome> {
    const { comparison } = machine
    const served = comparison?.takeLogs(answer)
    // Of the answer before: merges keep their order, and no more than one waits.
    const before = await this.#merging
    this.#merging = Promise.resolve(nothing)
    if (comparison === undefined || served?.ok !== true) return machine.continue(before, true)
    this.#merging = this.#merge(peer, answer).then((report) => {
      comparison.noteMerged(served.value, { accepted: report.accepted.length, logs: report.logs })
      return { news: report.accepted.length, isForged: faultOfEndpoint(report) !== undefined }
    })
    // Its failure is met by whoever awaits it, which may be after the next answer.
    this.#merging.catch(() => undefined)
    return machine.continue(comparison.next === 'logs' ? before : await this.#merging, false)
  }

  async #merge(peer: KeyId, { entries, isTrimmed }: CursorAnswer | LogsAnswer): Promise<MergeReport> {
    const report = await this.#deps.queue.merge(entries, peer, { mayBeginAtCheckpoint: isTrimmed })
    this.#deps.merged(report, peer)
    return report
  }

  async #planFetches(heads: readonly LogHead[]): Promise<WantedLog[]> {
    const { history } = this.#deps.queue
    const states = await history.states(heads)
    const shorter = heads.filter(({ sequence }, index) => sequence > 0 && sequence < (states[index]?.head.sequence ?? 0))
    const ids = await history.idsAt(shorter.map((head) => ({ name: head, sequence: head.sequence })))
    const held = new Map(shorter.map((head, index) => [head, ids[index]]))
    return heads.flatMap((head, index) => {
      const after = planFetch(states[index], head, held.get(head))
      return after === null ? [] : [{ author: head.author, incarnation: head.incarnation, after }]
    })
  }

  #takeTurn(peer: KeyId): boolean {
    const now = this.#deps.clock.monotonic()
    if (this.#turn !== undefined && this.#turn.peer !== peer) {
      if (now - this.#turn.since < limits.sync.turnMsMax) return false
      this.giveUp(this.#turn.peer)
    }
    this.#turn = { peer, since: now }
    return true
  }

  #release(peer: KeyId): void {
    if (this.#turn?.peer === peer) this.#turn = undefined
  }

  async #machineOf(peer: KeyId): Promise<SyncMachine> {
    const known = this.#machines.get(peer)
    if (known !== undefined) return known
    const stored = await this.#deps.store.get(keys.cursor(peer))
    const machine = this.#machines.get(peer) ?? new SyncMachine(stored === undefined ? freshSyncState : readRow<SyncState>(stored))
    this.#machines.set(peer, machine)
    return machine
  }
}

const isSameState = (left: SyncState, right: SyncState): boolean =>
  left.storeId === right.storeId && left.cursor === right.cursor && left.presenceCursor === right.presenceCursor
