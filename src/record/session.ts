/**
 * An admin's delegation to the short-lived peer key of one command: any number of commands run side by side, and the
 * admin key signs once for each instead of living in a network process.
 */
import * as v from 'valibot'
import { keyIdSchema, meshIdSchema, millisSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import type { RecordKind } from './record.ts'

const sessionSchema = v.strictObject({
  mesh: meshIdSchema,
  admin: keyIdSchema,
  peer: keyIdSchema,
  issuedAt: millisSchema,
  expiresAt: millisSchema
})

export type SessionBody = v.InferOutput<typeof sessionSchema>

/** Signed by `admin`. */
export const sessionKind: RecordKind<SessionBody> = { type: 'session', schema: sessionSchema, sizeBytesMax: limits.record.sessionBytesMax }
