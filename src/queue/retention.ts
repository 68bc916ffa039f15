/**
 * What the queues stop showing. Heads and digests stay: retention is each endpoint's own matter.
 * `label` keeps an order and its rows, labelled with their states, for `ageMs` after its expiry. `remove` takes a row away
 * once it has ended, and the order after its expiry.
 */
import { limits } from '../base/limits.ts'
import { put, remove, type KeyValueStore } from '../base/key-value-store.ts'
import { collectKeys, emptyValue, keys, lastPart, ranges, Stage } from './queue-store.ts'
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

/** After its expiry, an order is kept for so long. */
export const keptMsOf = (retention: Retention): Millis => Math.max(retention.mode === 'label' ? retention.ageMs : 0, limits.trust.clockToleranceMs)

/** A bounded number of orders; to be called again while that is `limits.queue.prunedAtOnce`. One call at a time, and none beside a merge. */
export const pruneOrders = async (store: KeyValueStore, orders: OrderTable, retention: Retention, now: Millis): Promise<PruneReport> => {
  const range = { ...ranges.expiredBefore(now - keptMsOf(retention)), limit: limits.queue.prunedAtOnce }
  const due = await collectKeys(store, range)
  for (const [index, order] of (await orders.getMany(due.map((key) => lastPart(key) as IndicationId))).entries()) {
    if (order !== undefined) await dropOrder(store, orders, order)
    else await store.write(due.slice(index, index + 1).map(remove), { durable: false }) // would be due for ever
  }
  orders.unloadClosed(now - limits.trust.clockToleranceMs)
  await forgetGone(store, now)
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
  const forgetAt = body.expiresAt + limits.indication.validityMsMax
  stage.changes.push(put(keys.gone(id), emptyValue), put(keys.forget(forgetAt, id), emptyValue))
  stage.changes.push(remove(keys.order(id)), remove(keys.age(body.createdAt, id)), remove(keys.expiry(body.expiresAt, id)))
  stage.onceWritten(() => orders.forget(id))
  await stage.write(store, { durable: false })
}

/** Nobody says anything any more of orders that ended so long ago. */
const forgetGone = async (store: KeyValueStore, now: Millis): Promise<void> => {
  const due = await collectKeys(store, { ...ranges.forgettable(now), limit: limits.queue.prunedAtOnce })
  await store.write(due.flatMap((key) => [remove(key), remove(keys.gone(lastPart(key) as IndicationId))]), { durable: false })
}
