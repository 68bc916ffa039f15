/**
 * The queues of an endpoint over one store: merges entries, answers what is in them, and tells listeners what changed.
 * Two endpoints that hold the same entries answer alike, whatever order these came in.
 */
import { limits } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { accept, type Result } from '../base/result.ts'
import { verifySignature, type CheckSignature } from '../record/keys.ts'
import { listForks, type Fork } from './fork-list.ts'
import { emptyHead, type Head } from './log.ts'
import { ArrivalSources, type EntryBounds } from './arrivals.ts'
import { History } from './history.ts'
import { dropBelowCheckpoint, logsWithCheckpoints } from './log-retention.ts'
import { LogTable } from './log-table.ts'
import { applyMerge, prepareMerge, type MergeReport } from './merge.ts'
import { NodeTable, type Member, type PresenceNote } from './node-table.ts'
import { OrderTable, type Control } from './order-table.ts'
import { findOrder, orderRowOf, payloadsOf, planHandover, readNodes, readOrders, readProfiles, rowsOfAgent, rowsOfOrder, type Handover } from './order-views.ts'
import { PendingEntries } from './pending-entries.ts'
import { RecentEntries } from './recent-entries.ts'
import { keptMsOf, pruneOrders, type PruneReport, type Retention } from './retention.ts'
import { ThawTable } from './thaw-table.ts'
import type { Clock } from '../base/clock.ts'
import type { Incarnation, IndicationId, KeyId, Millis } from '../base/brand.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { PayloadRef } from '../record/indication.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import type { Indication } from '../trust/order.ts'
import type { LogState } from './log-plan.ts'
import type { NodeProfile, NodeRow, OrderRow, QueueRow, State } from './views.ts'

export interface QueueDeps {
  readonly store: KeyValueStore
  /** The newest charters that this node knows. */
  readonly chain: () => CharterChain
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The thread pool when absent. */
  readonly checkSignature?: CheckSignature
}

export interface QueueOptions {
  readonly retention: Retention
}

export interface MergeOptions {
  /** All that was accepted is on disk when the promise resolves. */
  readonly durable?: boolean
  /** Whoever gave the entries no longer holds what lies below some of them: a log may begin at a checkpoint. */
  readonly mayBeginAtCheckpoint?: boolean
}

export type MergeListener = (report: MergeReport) => void

interface Tables {
  readonly store: KeyValueStore
  readonly logs: LogTable
  readonly nodes: NodeTable
  readonly orders: OrderTable
  readonly thaws: ThawTable
  readonly pending: PendingEntries
  readonly recent: RecentEntries
  readonly checkSignature: CheckSignature
}

export class Queue {
  readonly #deps: QueueDeps
  readonly #options: QueueOptions
  readonly #tables: Tables
  /** What other endpoints may be told. */
  readonly history: History
  readonly #sources = new ArrivalSources()
  readonly #mutex = new Mutex()
  readonly #listeners = new Set<MergeListener>()
  /** Merges that were not synced, and how many of these are known to be on disk. */
  #unsynced = 0
  #synced = 0
  #flushing: Promise<unknown> | undefined
  /** Arrivals up to here were looked at for entries that are gone. */
  #swept = 0

  private constructor(deps: QueueDeps, options: QueueOptions, tables: Tables) {
    this.#deps = deps
    this.#options = options
    this.#tables = tables
    this.history = new History({ ...tables, sources: this.#sources })
  }

  static async open(deps: QueueDeps, options: QueueOptions): Promise<Queue> {
    const { store, checkSignature = verifySignature } = deps
    const logs = await LogTable.open(store, deps.random)
    const nodes = await NodeTable.open(store, checkSignature)
    const orders = await OrderTable.open({ ...deps, nodes })
    const thaws = await ThawTable.open(store)
    return new Queue(deps, options, { store, logs, nodes, orders, thaws, pending: new PendingEntries(), recent: new RecentEntries(), checkSignature })
  }

  /**
   * Takes in entries of any logs, in any order. What is wrong with them is in the report; throws `store-write-failed`
   * alone, and then nothing has changed.
   */
  async merge(entries: readonly Uint8Array[], source: string, options: MergeOptions = {}): Promise<MergeReport> {
    const chain = this.#deps.chain()
    const preparing = prepareMerge(this.#tables, chain, entries)
    // Its failure is met where it is awaited, which may be after other merges.
    preparing.catch(() => undefined)
    const durable = options.durable ?? false
    const report = await this.#mutex.run(async () => {
      const prepared = await preparing
      // Counted before anybody can see what it brings, so that it is never acknowledged before it is on disk.
      if (!durable && prepared.opened.length > 0) this.#unsynced += 1
      const after = this.#tables.logs.arrival
      const applied = await applyMerge(this.#tables, chain, prepared, { source, durable, mayBeginAtCheckpoint: options.mayBeginAtCheckpoint ?? false })
      this.#sources.note(source, { after, to: this.#tables.logs.arrival })
      return applied
    })
    if (report.rejections.length > 0) this.#deps.log.warn('records were refused', { source, count: report.rejections.length, first: report.rejections[0] })
    if (report.accepted.length > 0) for (const listener of this.#listeners) listener(report)
    return report
  }

  /** All that was merged so far is on disk when it resolves: one write for however many ask meanwhile. Errors: `store-write-failed`. */
  async makeDurable(): Promise<void> {
    const wanted = this.#unsynced
    while (this.#synced < wanted) {
      const covered = this.#unsynced
      this.#flushing ??= this.merge([], 'flush', { durable: true })
        .then(() => {
          this.#synced = Math.max(this.#synced, covered)
        })
        .finally(() => {
          this.#flushing = undefined
        })
      await this.#flushing
    }
  }

  /** Called after each merge that accepted something; returns a function that ends it. */
  onChange(listener: MergeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async head(author: KeyId, incarnation: Incarnation): Promise<Head> {
    const [state] = await this.#tables.logs.states([{ author, incarnation }])
    return state?.head ?? emptyHead
  }

  /** All lives of an author's log. */
  async headsOf(author: KeyId): Promise<LogState[]> {
    return this.#tables.logs.statesOf(author)
  }

  /** Forks that are known, whether an admin has thawed them or not. */
  async forks(): Promise<Fork[]> {
    return listForks(this.#tables)
  }

  /** 32 bytes over all heads: equal where the same logs are held. */
  digest(): Uint8Array {
    return this.#tables.logs.digest
  }

  async entriesOfLog(author: KeyId, incarnation: Incarnation, fromSequence: number, bounds: EntryBounds): Promise<Uint8Array[]> {
    return this.#tables.logs.entriesOf({ author, incarnation }, fromSequence, bounds)
  }

  /** By name, without what depends on orders. */
  profiles(): NodeProfile[] {
    return readProfiles(this.#tables.nodes)
  }

  /** By name. */
  nodes(): NodeRow[] {
    return readNodes(this.#tables, this.#deps.clock.now())
  }

  /** What the newest credential of a node says. */
  node(key: KeyId): Member | undefined {
    return this.#tables.nodes.get(key)
  }

  /** Nodes whose newest credential came by the invite with this key. */
  enrolledBy(token: KeyId): KeyId[] {
    return [...this.#tables.nodes.all()].filter((member) => member.token === token).map(({ key }) => key)
  }

  /** The newest presence counts, whoever hands it on; true when it was news. `contactAt` in the future counts as now. Errors: those of the record, `wrong-mesh`, `unknown-node`. */
  async notePresence(record: Uint8Array, contactAt: Millis): Promise<Result<boolean>> {
    return this.#tables.nodes.notePresence(this.#deps.chain().mesh, { record, contactAt: Math.min(contactAt, this.#deps.clock.now()) })
  }

  noteContact(node: KeyId, contactAt: Millis): void {
    this.#tables.nodes.noteContact(node, contactAt)
  }

  /** In the order in which this store took them in; `next` is the cursor after them. */
  presencesAfter(stamp: number, bounds: EntryBounds): { readonly presences: readonly PresenceNote[]; readonly next: number; readonly more: boolean } {
    return this.#tables.nodes.presencesAfter(stamp, bounds)
  }

  /** Newest first; `sinceMs` is the earliest creation time, since the epoch. */
  async orders(options: { readonly sinceMs?: Millis; readonly limit?: number } = {}): Promise<OrderRow[]> {
    return readOrders(this.#tables, { sinceMs: options.sinceMs ?? 0, limit: options.limit ?? limits.query.rowsMax }, this.#deps.clock.now())
  }

  async order(id: IndicationId): Promise<OrderRow | undefined> {
    const order = await this.#tables.orders.get(id)
    return order === undefined ? undefined : orderRowOf(this.#tables, order, this.#deps.clock.now())
  }

  async indication(id: IndicationId): Promise<Indication | undefined> {
    return (await this.#tables.orders.get(id))?.indication
  }

  /** By a unique prefix of its id. Errors: `unknown-indication`, `ambiguous-indication`. */
  async findOrder(prefix: string): Promise<Result<OrderRow>> {
    const found = await findOrder(this.#tables, prefix)
    return found.ok ? accept(await orderRowOf(this.#tables, found.value, this.#deps.clock.now())) : found
  }

  /** A row for each targeted node, by name; empty for an order that is not known. */
  async rowsOf(id: IndicationId): Promise<QueueRow[]> {
    const order = await this.#tables.orders.get(id)
    return order === undefined ? [] : rowsOfOrder(this.#tables, order, this.#deps.clock.now())
  }

  /** One agent's queue, newest order first; empty for an agent that is not known. */
  async queueOf(agent: KeyId, options: { readonly status?: State; readonly limit?: number } = {}): Promise<QueueRow[]> {
    const member = this.#tables.nodes.get(agent)
    if (member === undefined) return []
    return rowsOfAgent(this.#tables, member, { status: options.status ?? null, limit: options.limit ?? limits.query.rowsMax }, this.#deps.clock.now())
  }

  /** What `agent` is still to be handed; `more` when it did not fit. */
  notAttempted(
    agent: KeyId,
    now: Millis,
    have: ReadonlySet<IndicationId>,
    bounds: { readonly countMax: number; readonly sizeBytesMax: number }
  ): { readonly orders: readonly Handover[]; readonly more: boolean } {
    const member = this.#tables.nodes.get(agent)
    return member === undefined ? { orders: [], more: false } : planHandover(this.#tables, member, have, bounds, now)
  }

  controlsFor(id: IndicationId): readonly Control[] {
    return this.#tables.orders.controlsOf(id)
  }

  /** Controls on orders that an agent has. */
  controlsForHave(have: Iterable<IndicationId>): Uint8Array[] {
    const found: Uint8Array[] = []
    for (const id of have) for (const { bytes } of this.controlsFor(id).slice(0, limits.queue.controlsPerOrderMax)) found.push(bytes)
    return found.slice(0, limits.pull.haveMax)
  }

  payloadsNeeded(now: Millis): PayloadRef[] {
    return payloadsOf(this.#tables.orders, now)
  }

  /** Takes up orders again that a clock which was ahead took for expired; nothing to do while the clock goes on. */
  async lookAtClock(): Promise<void> {
    if (!this.#tables.orders.isComplete) await this.#mutex.run(async () => this.#tables.orders.takeUp())
  }

  /** Drops what retention lets go, in parts between which merges get their turn. */
  async prune(now: Millis): Promise<PruneReport> {
    const { retention } = this.#options
    const total = { orders: 0, rows: 0 }
    let more = true
    while (more) {
      const { orders, rows } = await this.#mutex.run(async () => pruneOrders(this.#tables.store, this.#tables.orders, retention, now))
      total.orders += orders
      total.rows += rows
      more = orders === limits.queue.prunedAtOnce
    }
    for (const name of await logsWithCheckpoints(this.#tables.store)) {
      let again = true
      while (again) ({ again } = await this.#mutex.run(async () => dropBelowCheckpoint(this.#tables, name, keptMsOf(retention), now)))
    }
    this.#swept = (await this.#mutex.run(async () => this.#tables.logs.sweepArrivals(this.#swept, limits.queue.sweptAtOnce))) ?? 0
    return total
  }
}
