/** Whole views of an order, from pages that hold what is new. A view that says nothing new is not one. */
import { compareText } from '../base/bytes.ts'
import type { KeyId } from '../base/brand.ts'
import type { OrderRow, QueueRow } from '../queue/views.ts'
import type { OrderView } from './types.ts'
import type { QueryPage } from '../node/protocol/query.ts'

export async function* assembleViews(pages: AsyncIterable<QueryPage>): AsyncIterable<OrderView> {
  const rows = new Map<KeyId, QueueRow>()
  let shown = ''
  let isNews = false
  for await (const page of pages) {
    if (page.kind !== 'order') continue
    for (const row of page.rows) {
      const known = rows.get(row.agent)
      isNews ||= known?.state !== row.state || known.at !== row.at
      rows.set(row.agent, row)
    }
    const mark = JSON.stringify(page.order)
    if (!page.last || (!isNews && mark === shown)) continue
    shown = mark
    isNews = false
    yield { order: page.order as OrderRow, rows: [...rows.values()].sort((left, right) => compareText(left.agentName, right.agentName)) }
  }
}
