/** How many of the receipts that wait go into one entry. */
import { limits } from '../base/limits.ts'
import type { Receipt } from '../record/entry.ts'

/** Leaves room for the entry's own fields. */
const receiptsBytesMax = limits.record.entryBytesMax - 4096

/** The first ones, in order; at least one where there is one. */
export const takeBatch = (receipts: readonly Receipt[]): Receipt[] => {
  const batch: Receipt[] = []
  let sizeBytes = 0
  for (const receipt of receipts) {
    sizeBytes += receipt.kind === 'executor' ? receipt.statement.length + 64 : 256 + 4 * (receipt.detail?.length ?? 0)
    if (batch.length > 0 && (sizeBytes > receiptsBytesMax || batch.length >= limits.record.receiptsPerEntryMax)) break
    batch.push(receipt)
  }
  return batch
}
