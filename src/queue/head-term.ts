/**
 * What one log adds to a digest. Terms are added by XOR: adding one twice takes it out again, so that a digest follows a
 * head without reading the others, and does not depend on their order.
 */
import { encodeCbor, sha256 } from '../base/codec.ts'
import type { RecordId } from '../base/brand.ts'
import type { LogState } from './log-plan.ts'

/** 32 bytes that stand for the log, its head, and whether it is frozen. */
export const termOf = ({ author, incarnation, head, frozenAt }: Pick<LogState, 'author' | 'incarnation' | 'head' | 'frozenAt'>): Uint8Array =>
  sha256(encodeCbor([author, incarnation, head.sequence, head.id satisfies RecordId | null, frozenAt !== null]))

export const addTerm = (sum: Uint8Array, term: Uint8Array): void => {
  for (const [index, byte] of term.entries()) sum[index] = (sum[index] ?? 0) ^ byte
}
