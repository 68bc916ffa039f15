/** What an admin says about an order that was given before. */
import * as v from 'valibot'
import { indicationIdSchema, keyIdSchema, meshIdSchema, millisSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import type { RecordKind } from './record.ts'

const controlSchema = v.strictObject({
  mesh: meshIdSchema,
  admin: keyIdSchema,
  indication: indicationIdSchema,
  action: v.picklist(['cancel']),
  at: millisSchema
})

export type ControlBody = v.InferOutput<typeof controlSchema>

/** Signed by `admin`. */
export const controlKind: RecordKind<ControlBody> = { type: 'control', schema: controlSchema, sizeBytesMax: limits.record.controlBytesMax }
