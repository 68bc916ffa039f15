/**
 * What a node shows to be admitted: the chain enroller → invite → node, with the keys that the node acts by.
 * Signed by the token (the delegation), by peer and executor (possession), and by the invite's counter.
 */
import * as v from 'valibot'
import { bytesSchema, keyIdSchema, meshIdSchema, millisSchema, nodeNameSchema, sealingKeySchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { labelsSchema, roleSchema } from './invite.ts'
import type { RecordKind } from './record.ts'

const credentialSchema = v.strictObject({
  mesh: meshIdSchema,
  /** The invite record, as it travels. */
  invite: bytesSchema(limits.record.inviteBytesMax),
  /** The node's identity: author of its log, and its libp2p key. */
  peer: keyIdSchema,
  /** Signs `running` and every outcome. */
  executor: keyIdSchema,
  /** Raw X25519 public key in base32: what is sealed to it, the executor alone can open. */
  sealing: sealingKeySchema,
  name: nodeNameSchema,
  role: roleSchema,
  labels: labelsSchema,
  enrolledAt: millisSchema,
  expiresAt: millisSchema
})

export type CredentialBody = v.InferOutput<typeof credentialSchema>

export const credentialKind: RecordKind<CredentialBody> = { type: 'credential', schema: credentialSchema, sizeBytesMax: limits.record.credentialBytesMax }
