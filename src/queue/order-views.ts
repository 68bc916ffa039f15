/**
 * What readers see of orders: rows by order and by agent, and what an agent is still to be handed. Everything here is
 * computed from the tables at the moment of reading.
 */
import { compareText } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { accept, reject, type Result } from '../base/result.ts'
import { decodeCell, viewState, type Cell } from './fold.ts'
import { collectKeys, keys, lastPart, ranges } from './queue-store.ts'
import { hasEnded, isNotAttempted, states, type NodeProfile, type NodeRow, type OrderRow, type QueueRow, type State } from './views.ts'
import type { IndicationId, KeyId, Millis } from '../base/brand.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { PayloadRef } from '../record/indication.ts'
import type { Member, NodeTable } from './node-table.ts'
import type { LoadedOrder, Order, OrderTable } from './order-table.ts'

export interface ViewDeps {
  readonly store: KeyValueStore
  readonly nodes: NodeTable
  readonly orders: OrderTable
}

/** One order as it is handed to an agent. */
export interface Handover {
  readonly indication: Uint8Array
  readonly controls: readonly Uint8Array[]
}

export const readOrders = async (deps: ViewDeps, options: { readonly sinceMs: Millis; readonly limit: number }, now: Millis): Promise<OrderRow[]> => {
  const ids = await collectKeys(deps.store, { ...ranges.ordersSince(options.sinceMs), limit: options.limit })
  const rows: OrderRow[] = []
  for (const key of ids) {
    const order = await deps.orders.get(lastPart(key) as IndicationId)
    if (order !== undefined) rows.push(await orderRowOf(deps, order, now))
  }
  return rows
}

/** Counts include rows that retention hides. */
export const orderRowOf = async ({ nodes, orders }: ViewDeps, order: Order, now: Millis): Promise<OrderRow> => {
  const { id, body } = order.indication
  const roster = await orders.rosterOf(order)
  const hasControls = orders.controlsOf(id).length > 0
  const counts: Record<State, number> = { ...noCounts }
  let targeted = 0
  let cancelled = false
  for (const member of nodes.all()) {
    const stored = roster.stateOf(member.index)
    if (stored === undefined) continue
    const isCancelled = hasControls && orders.cancelOf(order, member) !== undefined
    targeted += 1
    cancelled ||= isCancelled
    counts[viewState(stored, body, now, isCancelled)] += 1
  }
  const { name, format, admin, createdAt, expiresAt, payload } = body
  return { indication: id, name, format, admin, createdAt, expiresAt, payloadSizeBytes: payload.sizeBytes, targeted, counts, cancelled }
}

const noCounts = Object.fromEntries(states.map((state) => [state, 0])) as Record<State, number>

/** Errors: `unknown-indication`, `ambiguous-indication`. */
export const findOrder = async ({ store, orders }: ViewDeps, prefix: string): Promise<Result<Order>> => {
  const found = /^[a-z2-7]{1,52}$/.test(prefix) ? await collectKeys(store, ranges.ordersByPrefix(prefix)) : []
  if (found.length > 1) return reject('ambiguous-indication', `several orders begin with ${prefix}; give more of the id`)
  const order = found[0] === undefined ? undefined : await orders.get(lastPart(found[0]) as IndicationId)
  return order === undefined ? reject('unknown-indication', `no order begins with "${prefix}"; \`writ list\` shows those that are kept`) : accept(order)
}

/** A row for each node that is targeted, silent ones too, by name. */
export const rowsOfOrder = async ({ store, nodes, orders }: ViewDeps, order: Order, now: Millis): Promise<QueueRow[]> => {
  const roster = await orders.rosterOf(order)
  const rows: QueueRow[] = []
  const cells = new Map<KeyId, Cell>()
  for await (const [key, bytes] of store.entries(ranges.cellsOf(order.indication.id))) cells.set(lastPart(key) as KeyId, decodeCell(bytes))
  for (const member of nodes.all()) {
    if (order.isTarget(member) && !roster.isHidden(member.index)) rows.push(rowOf({ nodes, orders }, order, member, { cell: cells.get(member.key), now }))
  }
  return rows.sort((left, right) => compareText(left.agentName, right.agentName) || compareText(left.agent, right.agent))
}

/** One agent's queue, newest order first. */
export const rowsOfAgent = async (deps: ViewDeps, member: Member, options: { readonly status: State | null; readonly limit: number }, now: Millis): Promise<QueueRow[]> => {
  const ids = (await collectKeys(deps.store, ranges.ordersSince(0))).map((key) => lastPart(key) as IndicationId)
  const rows: QueueRow[] = []
  for (let start = 0; start < ids.length && rows.length < options.limit; start += ordersAtOnce) {
    const orders = (await deps.orders.getMany(ids.slice(start, start + ordersAtOnce))).filter((order) => order?.isTarget(member) === true)
    const targeting = orders.flatMap((order) => (order === undefined ? [] : [order]))
    const cells = await deps.store.getMany(targeting.map(({ indication }) => keys.cell(indication.id, member.key)))
    const hidden = await deps.store.getMany(targeting.map(({ indication }) => keys.hidden(indication.id, member.key)))
    for (const [index, order] of targeting.entries()) {
      const bytes = cells[index]
      const row = rowOf(deps, order, member, { cell: bytes === undefined ? undefined : decodeCell(bytes), now })
      if (hidden[index] === undefined && (options.status === null || options.status === row.state)) rows.push(row)
    }
  }
  return rows.slice(0, options.limit)
}

const ordersAtOnce = 256

const rowOf = ({ nodes, orders }: Pick<ViewDeps, 'nodes' | 'orders'>, order: Order, member: Member, { cell, now }: { cell: Cell | undefined; now: Millis }): QueueRow => {
  const { id, body } = order.indication
  const cancel = orders.cancelOf(order, member)
  const state = viewState(cell?.state ?? 'queued', body, now, cancel !== undefined)
  const shared = { agent: member.key, agentName: nodes.displayName(member), indication: id, name: body.name, state }
  if (cell !== undefined && cell.state === state) {
    const { at, startedAt, exitCode, signal, code, detail, stdout, stderr, files, limits: held } = cell
    return { ...shared, at, startedAt, exitCode, signal, code, detail, stdout, stderr, ...(files === undefined ? {} : { files }), ...(held === undefined ? {} : { limits: held }) }
  }
  const at = state === 'queued' ? body.createdAt : state === 'cancelled' ? (cancel?.body.at ?? body.createdAt) : body.expiresAt
  return { ...shared, at, startedAt: null, exitCode: null, signal: null, code: null, detail: null, stdout: null, stderr: null }
}

/**
 * What this agent is still to be handed: targeted, valid now, not attempted, not cancelled, and not in `have`. The more
 * urgent first, then the older.
 */
export const planHandover = (
  { orders }: Pick<ViewDeps, 'orders'>,
  member: Member,
  have: ReadonlySet<IndicationId>,
  bounds: { readonly countMax: number; readonly sizeBytesMax: number },
  now: Millis
): { readonly orders: Handover[]; readonly more: boolean } => {
  const due: LoadedOrder[] = []
  for (const order of orders.loaded()) {
    const { id, body } = order.indication
    const state = order.roster.stateOf(member.index)
    if (state === undefined || !isNotAttempted(state) || now > body.expiresAt || now < body.notBefore || have.has(id)) continue
    if (orders.cancelOf(order, member) === undefined) due.push(order)
  }
  due.sort(({ indication: left }, { indication: right }) => right.body.priority - left.body.priority || left.body.createdAt - right.body.createdAt || compareText(left.id, right.id))
  const taken: Handover[] = []
  let room = bounds.sizeBytesMax
  for (const { indication } of due) {
    const controls = orders.controlsOf(indication.id).slice(0, limits.queue.controlsPerOrderMax).map(({ bytes }) => bytes)
    room -= indication.bytes.length + controls.reduce((total, { length }) => total + length, 0)
    if (taken.length === bounds.countMax || (room < 0 && taken.length > 0)) return { orders: taken, more: true }
    taken.push({ indication: indication.bytes, controls })
  }
  return { orders: taken, more: false }
}

/** Payloads of orders that may still be started somewhere. */
export const payloadsOf = (orders: OrderTable, now: Millis): PayloadRef[] => {
  const refs = new Map<string, PayloadRef>()
  for (const { indication } of orders.loaded()) {
    const { admin, expiresAt, payload } = indication.body
    const isTakenBack = orders.controlsOf(indication.id).some(({ body }) => body.admin === admin)
    if (now <= expiresAt && !isTakenBack) refs.set(payload.cid, payload)
  }
  return [...refs.values()].sort((left, right) => compareText(left.cid, right.cid))
}

/** All nodes by name. Costs no more where there are many orders: for what is asked for often. */
export const readProfiles = (nodes: NodeTable): NodeProfile[] => {
  const profiles = [...nodes.all()].map((member): NodeProfile => {
    const presence = nodes.presenceOf(member.key)
    const { key, role, labels, enrolledAt } = member
    return {
      key,
      name: nodes.displayName(member),
      role,
      labels,
      enrolledAt,
      release: presence?.release ?? null,
      addresses: presence?.addresses ?? [],
      lastContactAt: nodes.lastContactAt(key)
    }
  })
  return profiles.sort((left, right) => compareText(left.name, right.name) || compareText(left.key, right.key))
}

/** All nodes by name, with the number of orders that have not ended on each. */
export const readNodes = ({ nodes, orders }: Pick<ViewDeps, 'nodes' | 'orders'>, now: Millis): NodeRow[] => {
  const lengths = new Map<KeyId, number>()
  for (const order of orders.loaded()) {
    const hasControls = orders.controlsOf(order.indication.id).length > 0
    for (const member of nodes.all()) {
      const stored = order.roster.stateOf(member.index)
      if (stored === undefined || hasEnded(stored)) continue
      const isCancelled = hasControls && orders.cancelOf(order, member) !== undefined
      if (!hasEnded(viewState(stored, order.indication.body, now, isCancelled))) lengths.set(member.key, (lengths.get(member.key) ?? 0) + 1)
    }
  }
  return readProfiles(nodes).map((profile) => ({ ...profile, queueLength: lengths.get(profile.key) ?? 0 }))
}
