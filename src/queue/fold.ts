/**
 * The state of one indication on one agent, as a fold over what entries say. Facts are totally ordered, by rank and
 * then by bytes, and a cell is the greatest fact it was told: so the fold is commutative, associative and idempotent,
 * and whoever holds the same entries holds the same bytes. What depends on the time of reading is a view of it.
 */
import { compareBytes } from '../base/bytes.ts'
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { isNotAttempted, type State } from './views.ts'
import type { IndicationId, KeyId, Millis, RecordId } from '../base/brand.ts'
import type { Receipt } from '../record/entry.ts'
import type { HeldLimits } from '../record/isolation.ts'
import type { CapturedFile, Output, StatementBody } from '../record/statement.ts'

export interface Fact {
  readonly by: 'agent' | 'executor'
  readonly state: Exclude<State, 'queued'>
  readonly at: Millis
  readonly startedAt: Millis | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly code: string | null
  readonly detail: string | null
  readonly stdout: Output | null
  readonly stderr: Output | null
  /** Absent where no files were captured. */
  readonly files?: CapturedFile[]
  /** Absent where nothing ran, or without limits. */
  readonly limits?: HeldLimits
  /** The entry that says so. */
  readonly entry: RecordId
}

export type Cell = Fact

export const factOfAgent = (receipt: Extract<Receipt, { kind: 'agent' }>, entry: RecordId): Fact => ({
  by: 'agent',
  state: receipt.state,
  at: receipt.at,
  startedAt: null,
  exitCode: null,
  signal: null,
  code: receipt.code,
  detail: receipt.detail,
  stdout: null,
  stderr: null,
  entry
})

export const factOfExecutor = (statement: StatementBody, entry: RecordId): Fact => ({
  by: 'executor',
  state: statement.state,
  at: statement.at,
  startedAt: statement.startedAt,
  exitCode: statement.exitCode,
  signal: statement.signal,
  code: statement.code,
  detail: statement.detail,
  stdout: statement.stdout,
  stderr: statement.stderr,
  ...(statement.files === undefined ? {} : { files: statement.files }),
  ...(statement.limits === undefined ? {} : { limits: statement.limits }),
  entry
})

/** Whatever an executor says outranks its agent; what ran outranks what did not; trouble is never hidden by success. */
const ranks: Readonly<Record<Fact['by'], Partial<Record<State, number>>>> = {
  agent: { received: 1, retrieving: 2, validated: 3, rejected: 4, expired: 4, cancelled: 4 },
  executor: { running: 5, rejected: 6, expired: 6, cancelled: 6, skipped: 6, interrupted: 7, succeeded: 8, failed: 9 }
}

const rankOf = (fact: Fact): number => ranks[fact.by][fact.state] ?? 0

export const mergeFacts = (left: Cell | undefined, right: Fact): Cell => {
  if (left === undefined) return right
  const difference = rankOf(left) - rankOf(right)
  if (difference !== 0) return difference > 0 ? left : right
  return compareBytes(encodeCell(left), encodeCell(right)) >= 0 ? left : right
}

export const encodeCell = (cell: Cell): Uint8Array => encodeCbor(cell)
export const decodeCell = (bytes: Uint8Array): Cell => decodeOwn(bytes) as Cell

export interface Told {
  readonly agent: KeyId
  readonly indication: IndicationId
  readonly fact: Fact
}

/**
 * The state as it reads at `now`: what was not attempted ends when it is cancelled or its order expires, although
 * nobody need have said so. What has been attempted stays what its executor says.
 */
export const viewState = (stored: State, order: { readonly expiresAt: Millis }, now: Millis, isCancelled: boolean): State => {
  if (!isNotAttempted(stored)) return stored
  if (isCancelled) return 'cancelled'
  return now > order.expiresAt ? 'expired' : stored
}
