/** What an admin says about an order that was given before, or about a log that has forked. */
import * as v from 'valibot'
import { countSchema, incarnationSchema, indicationIdSchema, keyIdSchema, meshIdSchema, millisSchema, recordIdSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import type { RecordKind } from './record.ts'

const cancelSchema = v.strictObject({
  mesh: meshIdSchema,
  admin: keyIdSchema,
  action: v.literal('cancel'),
  indication: indicationIdSchema,
  at: millisSchema
})

/** Of the entries with this sequence number in that log, `keep` and what links to it counts; no other does. */
const thawSchema = v.strictObject({
  mesh: meshIdSchema,
  admin: keyIdSchema,
  action: v.literal('thaw'),
  author: keyIdSchema,
  incarnation: incarnationSchema,
  sequence: v.pipe(countSchema, v.minValue(1)),
  keep: recordIdSchema,
  at: millisSchema
})

const controlSchema = v.variant('action', [cancelSchema, thawSchema])

export type CancelBody = v.InferOutput<typeof cancelSchema>
export type ThawBody = v.InferOutput<typeof thawSchema>
export type ControlBody = v.InferOutput<typeof controlSchema>

/** Signed by `admin`. */
export const controlKind: RecordKind<ControlBody> = { type: 'control', schema: controlSchema, sizeBytesMax: limits.record.controlBytesMax }
