/**
 * The orders of a store. Those that have not expired are kept in memory with their rosters, so that a pull reads nothing
 * but the orders it is answered with; closed ones stay there for a while, and are read from the store afterwards.
 */
import { compareText } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { put, remove, type KeyValueStore } from '../base/key-value-store.ts'
import { controlKind, type CancelBody } from '../record/control.ts'
import { indicationKind } from '../record/indication.ts'
import { decodeRecord, type Verified } from '../record/record.ts'
import { compileTarget, isAuthorisedControl, type Indication, type Targetable } from '../trust/order.ts'
import { decodeCell, encodeCell, mergeFacts, type Cell, type Told } from './fold.ts'
import { collectKeys, emptyValue, keys, lastPart, ranges, type MemberRow, type Stage } from './queue-store.ts'
import { Roster } from './roster.ts'
import { hasEnded, type State } from './views.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import type { Clock } from '../base/clock.ts'
import type { IndicationId, KeyId, Millis, RecordId } from '../base/brand.ts'
import type { Member, NodeTable } from './node-table.ts'

export interface Order {
  readonly indication: Indication
  readonly isTarget: (node: Targetable) => boolean
}

export interface LoadedOrder extends Order {
  readonly roster: Roster
}

export type Control = Verified<CancelBody>

/** A cell as it is after a change; undefined when nothing is said of it any more. */
export interface RefoldedCell {
  readonly agent: KeyId
  readonly indication: IndicationId
  readonly cell: Cell | undefined
}

/** What a store already says of one order: states of agents, and whose rows are hidden. */
interface StoredStates {
  readonly states: ReadonlyMap<KeyId, State>
  readonly hidden: readonly KeyId[]
}

export interface OrderTableDeps {
  readonly store: KeyValueStore
  readonly nodes: NodeTable
  readonly chain: () => CharterChain
  readonly clock: Clock
}

export class OrderTable {
  readonly #store: KeyValueStore
  readonly #nodes: NodeTable
  readonly #chain: () => CharterChain
  readonly #clock: Clock
  readonly #loaded = new Map<IndicationId, LoadedOrder>()
  /** All orders that expire from then on are in memory. */
  #completeFrom: Millis = Number.POSITIVE_INFINITY
  readonly #controls = new Map<IndicationId, readonly Control[]>()

  private constructor({ store, nodes, chain, clock }: OrderTableDeps) {
    this.#store = store
    this.#nodes = nodes
    this.#chain = chain
    this.#clock = clock
  }

  static async open(deps: OrderTableDeps): Promise<OrderTable> {
    const { store } = deps
    const table = new OrderTable(deps)
    for await (const [, bytes] of store.entries(ranges.controls)) {
      const decoded = decodeRecord(controlKind, bytes)
      if (decoded.ok && decoded.value.body.action === 'cancel') table.#addControl(decoded.value as Control)
    }
    await table.takeUp()
    return table
  }

  /** Whether all orders are in memory that have not expired. */
  get isComplete(): boolean {
    return this.#openFrom() >= this.#completeFrom
  }

  /** Into memory with what is missing there: when it is opened, and when a clock was set back that took orders for expired. No call beside a merge. */
  async takeUp(): Promise<void> {
    const from = this.#openFrom()
    for (const key of await collectKeys(this.#store, ranges.expiringFrom(from))) {
      const id = lastPart(key) as IndicationId
      const order = this.#loaded.has(id) ? undefined : await this.get(id)
      if (order !== undefined) this.#loaded.set(id, { ...order, roster: await this.rosterOf(order) })
    }
    this.#completeFrom = from
  }

  /** Orders that expire earlier are over for everybody. */
  #openFrom(): Millis {
    return Math.max(0, this.#clock.now() - limits.trust.clockToleranceMs)
  }

  /** Orders in memory: all that have not expired, and some that have. */
  loaded(): IterableIterator<LoadedOrder> {
    return this.#loaded.values()
  }

  async get(id: IndicationId): Promise<Order | undefined> {
    const [order] = await this.getMany([id])
    return order
  }

  async getMany(ids: readonly IndicationId[]): Promise<(Order | undefined)[]> {
    const missing = ids.filter((id) => !this.#loaded.has(id))
    const read = await this.#store.getMany(missing.map(keys.order))
    const found = new Map(missing.map((id, index) => [id, orderOf(read[index])]))
    return ids.map((id) => this.#loaded.get(id) ?? found.get(id))
  }

  /** Orders that retention dropped: what comes of them late is nobody's row. */
  async goneAmong(ids: readonly IndicationId[]): Promise<ReadonlySet<IndicationId>> {
    const asked = [...new Set(ids)].filter((id) => !this.#loaded.has(id))
    const found = await this.#store.getMany(asked.map(keys.gone))
    return new Set(asked.filter((_, index) => found[index] !== undefined))
  }

  async rosterOf(order: Order): Promise<Roster> {
    const loaded = this.#loaded.get(order.indication.id)
    return loaded?.roster ?? this.#buildRoster(order, await this.#readStates(order.indication.id))
  }

  controlsOf(id: IndicationId): readonly Control[] {
    return this.#controls.get(id) ?? []
  }

  /** The control that takes the order from this node, by the charter that is in force now. */
  cancelOf(order: Order, member: Targetable): Control | undefined {
    return this.controlsOf(order.indication.id).find(({ body }) => isAuthorisedControl(this.#chain(), body, order.indication.body, member))
  }

  /** The orders among `indications` that are new; those that come twice count once. */
  async stageIndications(indications: readonly Indication[], stage: Stage): Promise<Indication[]> {
    const unique = [...new Map(indications.map((indication) => [indication.id, indication])).values()]
    const known = await this.getMany(unique.map(({ id }) => id))
    const gone = await this.goneAmong(unique.map(({ id }) => id))
    const fresh = unique.filter(({ id }, index) => known[index] === undefined && !gone.has(id))
    for (const indication of fresh) {
      const { id, body, bytes } = indication
      stage.changes.push(put(keys.order(id), bytes), put(keys.age(body.createdAt, id), emptyValue), put(keys.expiry(body.expiresAt, id), emptyValue))
      // History that a new endpoint catches up on is not kept in memory.
      const openFrom = this.#openFrom()
      if (body.expiresAt < openFrom) {
        stage.onceWritten(() => this.#forgetBelow(openFrom))
        continue
      }
      const order = { indication, isTarget: compileTarget(body.target) }
      const stored = await this.#readStates(id)
      stage.onceWritten(() => this.#loaded.set(id, { ...order, roster: this.#buildRoster(order, stored) }))
    }
    return fresh
  }

  async stageControls(controls: readonly Control[], stage: Stage): Promise<Control[]> {
    const unique = [...new Map(controls.map((control) => [control.id, control])).values()]
    const gone = await this.goneAmong(unique.map(({ body }) => body.indication))
    const fresh = unique.filter(({ id, body }) => !gone.has(body.indication) && !this.controlsOf(body.indication).some((known) => known.id === id))
    for (const control of fresh) {
      stage.changes.push(put(keys.control(control.body.indication, control.id), control.bytes))
      stage.onceWritten(() => this.#addControl(control))
    }
    return fresh
  }

  /** Nodes that are new or whose credential is; to be staged after the node table and before the cells. */
  async stageMembers(rows: readonly MemberRow[], stage: Stage): Promise<void> {
    const orders = [...this.#loaded.values()]
    for (const row of rows) {
      // A new node has said nothing yet: its log begins with the credential.
      const cells = this.#nodes.get(row.key) === undefined ? [] : await this.#store.getMany(orders.map(({ indication }) => keys.cell(indication.id, row.key)))
      stage.onceWritten(() => {
        const member = this.#nodes.get(row.key)
        if (member === undefined) return
        for (const [index, order] of orders.entries()) {
          const cell = cells[index]
          order.roster.set(member.index, order.isTarget(member) ? (cell === undefined ? 'queued' : decodeCell(cell).state) : undefined)
        }
      })
    }
  }

  /** Cells that change by what was told. Those of `refolded` start from what is given there instead of what is stored. */
  async stageCells(told: readonly Told[], stage: Stage, refolded: ReadonlyMap<string, RefoldedCell>): Promise<RefoldedCell[]> {
    const toldKeys = told.map(({ agent, indication }) => keys.cell(indication, agent))
    const cells = new Map<string, RefoldedCell>(refolded)
    const stored: string[] = []
    let next = 0
    for (const { agent, indication } of told) {
      const key = toldKeys[next++] ?? ''
      if (cells.has(key)) continue
      cells.set(key, { agent, indication, cell: undefined })
      if (!this.#isUnheard(agent, indication)) stored.push(key)
    }
    for (const [index, bytes] of (await this.#store.getMany(stored)).entries()) {
      const cell = cells.get(stored[index] ?? '')
      if (cell !== undefined && bytes !== undefined) cells.set(stored[index] ?? '', { ...cell, cell: decodeCell(bytes) })
    }
    const changed = new Set(refolded.keys())
    const gone = await this.goneAmong([...cells.values()].map(({ indication }) => indication))
    if (gone.size > 0) for (const [key, cell] of cells) if (gone.has(cell.indication)) cells.set(key, { ...cell, cell: undefined })
    next = 0
    for (const { agent, indication, fact } of told) {
      const key = toldKeys[next++] ?? ''
      if (gone.has(indication)) continue
      const known = cells.get(key)?.cell
      const merged = mergeFacts(known, fact)
      if (merged === known) continue
      cells.set(key, { agent, indication, cell: merged })
      changed.add(key)
    }
    const result: RefoldedCell[] = []
    for (const [key, cell] of cells) {
      if (!changed.has(key)) continue
      stage.changes.push(cell.cell === undefined ? remove(key) : put(key, encodeCell(cell.cell)))
      result.push(cell)
    }
    stage.onceWritten(() => this.#showCells(result))
    return result
  }

  /** Orders and controls that a fork took back; to be staged before those that the same merge adds. */
  async stageWithdrawal(withdrawn: { readonly indications: Iterable<RecordId>; readonly controls: readonly { readonly id: RecordId; readonly indication: IndicationId }[] }, stage: Stage): Promise<void> {
    for (const order of await this.getMany([...withdrawn.indications] as IndicationId[])) {
      if (order === undefined) continue
      const { id, body } = order.indication
      stage.changes.push(remove(keys.order(id)), remove(keys.age(body.createdAt, id)), remove(keys.expiry(body.expiresAt, id)))
      stage.onceWritten(() => this.#loaded.delete(id))
    }
    for (const { id, indication } of withdrawn.controls) {
      stage.changes.push(remove(keys.control(indication, id)))
      stage.onceWritten(() => this.#controls.set(indication, this.controlsOf(indication).filter((control) => control.id !== id)))
    }
  }

  /** Rows that retention takes out of the views at once: those that have ended. */
  stageHiding(stage: Stage): number {
    let count = 0
    for (const { indication, roster } of this.#loaded.values()) {
      for (const { key, index } of this.#nodes.all()) {
        const state = roster.stateOf(index)
        if (state === undefined || !hasEnded(state) || roster.isHidden(index)) continue
        stage.changes.push(put(keys.hidden(indication.id, key), emptyValue))
        stage.onceWritten(() => roster.hide(index))
        count += 1
      }
    }
    return count
  }

  /** Drops an order from memory. */
  forget(id: IndicationId): void {
    this.#loaded.delete(id)
    this.#controls.delete(id)
  }

  /** Keeps of the orders that expired before `expiresAt` the newest in memory. */
  unloadClosed(expiresAt: Millis): void {
    const closed = [...this.#loaded.values()].map(({ indication }) => indication).filter(({ body }) => body.expiresAt < expiresAt)
    closed.sort((left, right) => right.body.expiresAt - left.body.expiresAt || compareText(left.id, right.id))
    for (const { id } of closed.slice(limits.queue.closedOrdersMax)) this.#loaded.delete(id)
    if (closed.length > limits.queue.closedOrdersMax) this.#forgetBelow(expiresAt)
  }

  /** Some order that expires before then is not in memory. */
  #forgetBelow(expiresAt: Millis): void {
    this.#completeFrom = Math.max(this.#completeFrom, expiresAt)
  }

  async #readStates(id: IndicationId): Promise<StoredStates> {
    const states = new Map<KeyId, State>()
    for await (const [key, bytes] of this.#store.entries(ranges.cellsOf(id))) states.set(lastPart(key) as KeyId, decodeCell(bytes).state)
    return { states, hidden: (await collectKeys(this.#store, ranges.hiddenOf(id))).map((key) => lastPart(key) as KeyId) }
  }

  #buildRoster(order: Order, stored: StoredStates): Roster {
    const roster = new Roster()
    for (const member of this.#nodes.all()) if (order.isTarget(member)) roster.set(member.index, stored.states.get(member.key) ?? 'queued')
    for (const key of stored.hidden) {
      const member = this.#nodes.get(key)
      if (member !== undefined) roster.hide(member.index)
    }
    return roster
  }

  /** Whether the roster says that the store holds no cell of them. */
  #isUnheard(agent: KeyId, indication: IndicationId): boolean {
    const member = this.#nodes.get(agent)
    return member !== undefined && this.#loaded.get(indication)?.roster.stateOf(member.index) === 'queued'
  }

  #showCells(changed: readonly RefoldedCell[]): void {
    for (const { agent, indication, cell } of changed) {
      const member: Member | undefined = this.#nodes.get(agent)
      const order = this.#loaded.get(indication)
      if (member !== undefined && order?.isTarget(member) === true) order.roster.set(member.index, cell?.state ?? 'queued')
    }
  }

  #addControl(control: Control): void {
    const { indication } = control.body
    this.#controls.set(indication, [...this.controlsOf(indication), control].sort((left, right) => compareText(left.id, right.id)))
  }
}

const orderOf = (bytes: Uint8Array | undefined): Order | undefined => {
  if (bytes === undefined) return undefined
  const decoded = decodeRecord(indicationKind, bytes)
  return decoded.ok ? { indication: decoded.value as Indication, isTarget: compileTarget(decoded.value.body.target) } : undefined
}
