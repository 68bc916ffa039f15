/**
 * The answers to a question, each a frame: one byte that says what it is, then the answer's bytes or the refusal. Pure.
 */
import * as v from 'valibot'
import { concatBytes } from '../../base/bytes.ts'
import { encodeCbor } from '../../base/codec.ts'
import { accept, reject, type Rejected, type Result } from '../../base/result.ts'
import { decodeShape } from '../../base/schema.ts'
import { refusalCodeSchema, refusalDetailSchema } from './hello.ts'

const kinds = { answer: 0, refused: 1, end: 2 } as const
const refusalBytesMax = 8192
const refusalSchema = v.strictObject({ code: refusalCodeSchema, detail: refusalDetailSchema })

export type AnswerFrame =
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }
  /** No more answers follow. */
  | { readonly kind: 'end' }

/** Bytes that a frame adds to an answer. */
export const answerOverheadBytes = 1

export const encodeAnswer = (bytes: Uint8Array): Uint8Array => concatBytes([Uint8Array.of(kinds.answer), bytes])
export const encodeEnd = (): Uint8Array => Uint8Array.of(kinds.end)
export const encodeRefusal = ({ code, detail }: Pick<Rejected, 'code' | 'detail'>): Uint8Array =>
  concatBytes([Uint8Array.of(kinds.refused), encodeCbor({ code, detail: detail.slice(0, 1024) })])

/** Errors: `malformed`, `oversized`. */
export const decodeAnswerFrame = (frame: Uint8Array): Result<AnswerFrame> => {
  const bytes = frame.subarray(1)
  switch (frame[0]) {
    case kinds.answer:
      return accept({ kind: 'answer', bytes })
    case kinds.refused: {
      const refusal = decodeShape(refusalSchema, bytes, refusalBytesMax)
      return refusal.ok ? accept({ kind: 'refused', ...refusal.value }) : refusal
    }
    case kinds.end:
      return bytes.length === 0 ? accept({ kind: 'end' }) : reject('malformed', 'an end of answers with something behind it')
    default:
      return reject('malformed', 'an answer of no known kind')
  }
}
