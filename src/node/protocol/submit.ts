/**
 * `/writ/submit/1`, admin to endpoint: entries of the admin's own log, and newer charters. An order is accepted only
 * when the endpoint holds its payload, so that the admin may leave.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema } from '../../base/schema.ts'
import { limits } from '../../base/limits.ts'
import { inlinePayloadSchema } from '../../record/indication.ts'
import { knownLivesSchema } from './known-lives.ts'

export const submitProtocol = '/writ/submit/1'

export const submitRequestSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('entries'),
    /** A run of one log, oldest first. */
    entries: v.pipe(v.array(bytesSchema(limits.record.entryBytesMax)), v.minLength(1), v.maxLength(limits.sync.entriesMax)),
    /** The payload of the last entry's order, when it is small; otherwise the endpoint fetches it from the admin. */
    payload: inlinePayloadSchema
  }),
  v.strictObject({ kind: v.literal('charters'), charters: v.pipe(v.array(bytesSchema(limits.record.charterBytesMax)), v.minLength(1), v.maxLength(limits.record.charterVersionsMax)) }),
  /** How far the endpoint knows each life of the asking admin's log. */
  v.strictObject({ kind: v.literal('lives') })
])

export const submitAnswerSchema = v.variant('kind', [
  /** All up to `sequence` is held durably. Lower than what was sent: an earlier entry is missing, send from there. */
  v.strictObject({ kind: v.literal('head'), sequence: countSchema }),
  v.strictObject({ kind: v.literal('lives'), lives: knownLivesSchema }),
  v.strictObject({ kind: v.literal('charter'), version: countSchema })
])

export type SubmitRequest = v.InferOutput<typeof submitRequestSchema>
export type SubmitAnswer = v.InferOutput<typeof submitAnswerSchema>
