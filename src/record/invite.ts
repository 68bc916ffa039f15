/**
 * A delegation from an enroller to the key inside a token: whoever holds it may enrol nodes of this role and these
 * labels, so many times, until it expires. `counter` countersigns each credential and so counts the uses.
 */
import * as v from 'valibot'
import { countSchema, keyIdSchema, labelKeySchema, labelValueSchema, meshIdSchema, millisSchema, textMapSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import type { RecordKind } from './record.ts'

export const roleSchema = v.picklist(['agent', 'endpoint'])
export type Role = v.InferOutput<typeof roleSchema>

export const labelsSchema = textMapSchema(limits.indication.labelsMax, labelKeySchema, labelValueSchema)
export type Labels = v.InferOutput<typeof labelsSchema>

const inviteSchema = v.strictObject({
  mesh: meshIdSchema,
  enroller: keyIdSchema,
  token: keyIdSchema,
  /** The endpoint that counts the uses, or the enroller itself for the mesh's first endpoint. */
  counter: keyIdSchema,
  role: roleSchema,
  labels: labelsSchema,
  uses: v.pipe(countSchema, v.minValue(1), v.maxValue(limits.trust.inviteUsesMax)),
  issuedAt: millisSchema,
  expiresAt: millisSchema
})

export type InviteBody = v.InferOutput<typeof inviteSchema>

/** Signed by `enroller`. */
export const inviteKind: RecordKind<InviteBody> = { type: 'invite', schema: inviteSchema, sizeBytesMax: limits.record.inviteBytesMax }
