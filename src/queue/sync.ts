/**
 * The asking side of sync: two endpoints' queues become equal, over one `SyncMachine` for each peer. Heads are compared
 * with one peer at a time. Who carries the bytes, and when, is the caller's matter: one question at a time to each peer.
 */
import { encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { put, type KeyValueStore } from '../base/key-value-store.ts'
import { isForged } from './misconduct.ts'
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
}

export interface Taken {
  /** Of the entries that the answer held; null for one that holds none. */
  readonly report: MergeReport | null
  /** Ask once more at once. */
  readonly again: boolean
}

const nothing: Brought = { news: 0, isForged: false }

export class SyncClient {
  readonly #deps: SyncClientDeps
  readonly #machines = new Map<KeyId, SyncMachine>()
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

  /** Merges the answer to the last question, then moves on past it. An answer of another kind ends a comparison. */
  async take(peer: KeyId, answer: SyncAnswer): Promise<Taken> {
    const machine = await this.#machineOf(peer)
    const before = machine.state
    const taken = await this.#take(peer, machine, answer)
    if (machine.comparison === undefined) this.#release(peer)
    if (!isSameState(before, machine.state)) await this.#deps.store.write([put(keys.cursor(peer), encodeCbor(machine.state))], { durable: false })
    return taken
  }

  /** There was no answer, or the peer is gone: a comparison begins anew another time. */
  giveUp(peer: KeyId): void {
    this.#machines.get(peer)?.giveUp()
    this.#release(peer)
  }

  async #take(peer: KeyId, machine: SyncMachine, answer: SyncAnswer): Promise<Taken> {
    const expected = machine.comparison?.next ?? 'cursor'
    if (answer.kind === 'cursor' && expected === 'cursor') return this.#takeCursor(peer, machine, answer)
    if (answer.kind === 'ranges' && expected === 'ranges') return { report: null, ...(await this.#takeRanges(machine, answer)) }
    if (answer.kind === 'logs' && expected === 'logs') return this.#takeLogs(peer, machine, answer)
    return { report: null, ...machine.continue(nothing, true) }
  }

  async #takeCursor(peer: KeyId, machine: SyncMachine, answer: CursorAnswer): Promise<Taken> {
    const { queue, learnCharters } = this.#deps
    if (answer.charters.length > 0) await learnCharters(answer.charters, peer)
    const report = await queue.merge(answer.entries, peer, { mayBeginAtCheckpoint: answer.isTrimmed })
    const noted = await Promise.all(answer.presences.map(({ record, contactAt }) => queue.notePresence(record, contactAt)))
    const news = report.accepted.length + noted.filter((result) => result.ok && result.value).length
    const { again, isDue } = machine.takeCursor(answer, { news, isForged: report.rejections.some(isForged) }, queue.digest())
    if (!isDue || !this.#takeTurn(peer)) return { report, again }
    machine.begin(new Reconciliation(await queue.history.marks('', lastName)), answer)
    return { report, again: true }
  }

  async #takeRanges(machine: SyncMachine, answer: RangesAnswer): Promise<SyncOutcome> {
    const heads = machine.comparison?.takeRanges(answer)
    if (heads?.ok !== true) return machine.continue(nothing, true)
    machine.comparison?.want(await this.#planFetches(heads.value))
    return machine.continue(nothing, false)
  }

  async #takeLogs(peer: KeyId, machine: SyncMachine, answer: LogsAnswer): Promise<Taken> {
    const report = await this.#deps.queue.merge(answer.entries, peer, { mayBeginAtCheckpoint: answer.isTrimmed })
    const taken = machine.comparison?.takeLogs(answer, { accepted: report.accepted.length, logs: report.logs })
    return { report, ...machine.continue({ news: report.accepted.length, isForged: report.rejections.some(isForged) }, taken?.ok !== true) }
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
