/**
 * Keeps the logs that are held proving themselves: an entry that another one vouches for is held together with that one,
 * although this may count for nothing. So whoever is handed a log judges every entry of it alike.
 */
import { mayVouch } from '../record/entry.ts'
import { verifyRecord } from '../record/record.ts'
import { planLog, type LogContext, type LogPlan, type LogState } from './log-plan.ts'
import type { RecordId } from '../base/brand.ts'
import type { CheckSignature } from '../record/keys.ts'
import type { OpenedEntry, Rejection } from './intake.ts'
import type { LogName } from './log.ts'

export interface Candidates {
  /** Sorted by sequence, then id. */
  readonly entries: readonly OpenedEntry[]
  /** Who vouches for those that are not signed, by their ids. */
  readonly vouchers: ReadonlyMap<RecordId, OpenedEntry>
  /** `bad-signature` */
  readonly rejections: readonly Rejection[]
}

const noVouchers: Candidates['vouchers'] = new Map()

/** `sorted` by sequence, then id. What vouched for an entry may have been refused or forgotten since: then its own signature decides. */
export const proveCandidates = async (sorted: readonly OpenedEntry[], checkSignature: CheckSignature): Promise<Candidates> => {
  if (sorted.every(({ isSigned }) => isSigned)) return { entries: sorted, vouchers: noVouchers, rejections: [] }
  const entries: OpenedEntry[] = []
  const vouchers = new Map<RecordId, OpenedEntry>()
  const rejections: Rejection[] = []
  for (const candidate of sorted.toReversed()) {
    const { id, body } = candidate.record
    // Those with higher numbers came before: of several that name this entry the last is the one that comes next to it.
    const voucher = vouchers.get(id)
    const isVouched = voucher !== undefined && mayVouch(voucher.record.body, body)
    const judged = candidate.isSigned || isVouched ? undefined : await verifyRecord(candidate.record, [body.author], checkSignature)
    if (judged?.ok === false) {
      rejections.push({ code: judged.code, detail: judged.detail, author: body.author, entry: id })
      continue
    }
    const proven = judged === undefined ? candidate : { ...candidate, isSigned: true }
    entries.push(proven)
    if (body.previous !== null) vouchers.set(body.previous, proven)
  }
  return { entries: entries.reverse(), vouchers, rejections }
}

/** As `planLog`; what vouches for entries that it keeps is kept as evidence, where it is not kept anyway. Pure. */
export const planProven = (name: LogName, before: LogState | undefined, { entries, vouchers, rejections }: Candidates, context: LogContext): LogPlan => {
  const plan = planLog(name, before, entries, context)
  if (vouchers.size === 0) return plan
  return { ...plan, conflicts: [...plan.conflicts, ...missingVouchers(plan, vouchers)], rejections: [...rejections, ...plan.rejections] }
}

const missingVouchers = ({ accepted, conflicts }: LogPlan, vouchers: Candidates['vouchers']): OpenedEntry[] => {
  const kept = [...accepted.map(({ opened }) => opened), ...conflicts]
  const ids = new Set(kept.map(({ record }) => record.id))
  const missing: OpenedEntry[] = []
  for (const entry of kept) {
    for (let current = entry; !current.isSigned; ) {
      const voucher = vouchers.get(current.record.id)
      if (voucher === undefined || ids.has(voucher.record.id)) break
      ids.add(voucher.record.id)
      missing.push(voucher)
      current = voucher
    }
  }
  return missing
}
