/**
 * What the queues stop showing. Entries, heads and digests stay: retention is each endpoint's own matter.
 * `label` keeps an order and its rows, labelled with their states, for `ageMs` after its expiry. `remove` takes a row away
 * once it has ended, and the order after its expiry.
 */
import { limits } from '../base/limits.ts'
import { remove, type KeyValueStore } from '../base/key-value-store.ts'
import { collectKeys, keys, lastPart, ranges, Stage } from './queue-store.ts'
import type { IndicationId, Millis } from '../base/brand.ts'
import type { Order, OrderTable } from './order-table.ts'

export interface Retention {
  readonly mode: 'label' | 'remove'
  readonly ageMs: Millis
}

export interface PruneReport {
  readonly orders: number
  readonly rows: number
}

/** One call at a time, and none beside a merge. */
export const pruneOrders = async (store: KeyValueStore, orders: OrderTable, retention: Retention, now: Millis): Promise<PruneReport> => {
  const keptMs = Math.max(retention.mode === 'label' ? retention.ageMs : 0, limits.trust.clockToleranceMs)
  const due = (await collectKeys(store, ranges.expiredBefore(now - keptMs))).map((key) => lastPart(key) as IndicationId)
  for (const order of await orders.getMany(due)) if (order !== undefined) await dropOrder(store, orders, order)
  orders.unloadClosed(now - limits.trust.clockToleranceMs)
  const stage = new Stage()
  const rows = retention.mode === 'remove' ? orders.stageHiding(stage) : 0
  await stage.write(store, { durable: false })
  return { orders: due.length, rows }
}

const dropOrder = async (store: KeyValueStore, orders: OrderTable, { indication }: Order): Promise<void> => {
  const { id, body } = indication
  const stage = new Stage()
  for (const range of [ranges.cellsOf(id), ranges.hiddenOf(id), ranges.controlsOf(id)]) {
    for (const key of await collectKeys(store, range)) stage.changes.push(remove(key))
  }
  stage.changes.push(remove(keys.order(id)), remove(keys.age(body.createdAt, id)), remove(keys.expiry(body.expiresAt, id)))
  stage.onceWritten(() => orders.forget(id))
  await stage.write(store, { durable: false })
}
