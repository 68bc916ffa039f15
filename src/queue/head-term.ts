/**
 * What one log adds to a digest. Terms are added by XOR: adding one twice takes it out again, so that a digest follows a
 * head without reading the others, and does not depend on their order.
 */
import { fromBase32 } from '../base/bytes.ts'
import { encodeCbor, sha256 } from '../base/codec.ts'
import type { LogState } from './log-plan.ts'

type Standing = Pick<LogState, 'author' | 'incarnation' | 'head' | 'frozenAt'>

/** 32 bytes that stand for the log, its head, and whether it is frozen. */
export const termOf = (state: Standing): Uint8Array => {
  const term = terms.get(state) ?? computeTerm(state)
  terms.set(state, term)
  return term
}

/** A state that is added will be taken out again by the next one. */
const terms = new WeakMap<Standing, Uint8Array>()

/** The id of a head covers the name of its log and its number; only where that is not all there is to say, a hash of its own is made. */
const computeTerm = ({ author, incarnation, head, frozenAt }: Standing): Uint8Array =>
  head.id !== null && frozenAt === null ? fromBase32(head.id) : sha256(encodeCbor([author, incarnation, head.sequence, head.id, frozenAt !== null]))

export const addTerm = (sum: Uint8Array, term: Uint8Array): void => {
  for (let index = 0; index < sum.length; index += 1) sum[index] = (sum[index] ?? 0) ^ (term[index] ?? 0)
}
