/** A node's word about itself; only the newest counts, and it is no part of any log. */
import * as v from 'valibot'
import { keyIdSchema, meshIdSchema, millisSchema, textSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import type { RecordKind } from './record.ts'

const presenceSchema = v.strictObject({
  mesh: meshIdSchema,
  node: keyIdSchema,
  at: millisSchema,
  release: textSchema(64),
  /** Multiaddrs without the peer part, where it listens; empty for an outbound-only agent. */
  addresses: v.pipe(v.array(textSchema(256)), v.maxLength(16))
})

export type PresenceBody = v.InferOutput<typeof presenceSchema>

/** Signed by `node`. */
export const presenceKind: RecordKind<PresenceBody> = { type: 'presence', schema: presenceSchema, sizeBytesMax: limits.record.presenceBytesMax }
