/**
 * The root of trust. Version 1's record id is the mesh id; version n+1 is signed by the thresholds of n and of n+1.
 */
import * as v from 'valibot'
import { countSchema, keyIdSchema, millisSchema, nodeNameSchema, recordIdSchema, textSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { networks } from './isolation.ts'
import type { RecordKind } from './record.ts'

const grantedUserSchema = v.pipe(v.string(), v.regex(/^(?:\*|[A-Za-z_][A-Za-z0-9_.-]{0,31})$/, 'neither * nor the name of a user'))

const grantSchema = v.strictObject({
  /** Formats that may be ordered; `*` stands for all. */
  formats: v.pipe(v.array(textSchema(64)), v.minLength(1), v.maxLength(64)),
  /** Selector on labels; empty for every node. */
  on: textSchema(limits.indication.selectorLengthMax),
  /**
   * Whom jobs may run as: an order must name one of these. `*` stands for every user, and for the executor's own where none
   * is named. Absent: that one alone.
   */
  users: v.exactOptional(v.pipe(v.array(grantedUserSchema), v.minLength(1), v.maxLength(64))),
  /** `none`: orders may ask for no network; without `host` beside it they must. Absent: `host` alone. */
  networks: v.exactOptional(v.pipe(v.array(v.picklist(networks)), v.minLength(1), v.maxLength(2)))
})

const charterSchema = v.strictObject({
  name: nodeNameSchema,
  version: v.pipe(countSchema, v.minValue(1)),
  /** Record id of the version before; absent in version 1. */
  previous: v.nullable(recordIdSchema),
  rootKeys: v.pipe(v.array(keyIdSchema), v.minLength(1), v.maxLength(16)),
  threshold: v.pipe(countSchema, v.minValue(1), v.maxValue(16)),
  admins: v.pipe(v.array(v.strictObject({ key: keyIdSchema, name: nodeNameSchema, may: v.pipe(v.array(grantSchema), v.maxLength(16)) })), v.maxLength(100)),
  /** A key here is an endpoint's own, or that of the single-use invite which it joins with. */
  endpoints: v.pipe(v.array(v.strictObject({ key: keyIdSchema, name: nodeNameSchema })), v.maxLength(64)),
  enrollers: v.pipe(v.array(v.strictObject({ key: keyIdSchema, name: nodeNameSchema })), v.maxLength(100)),
  issuedAt: millisSchema,
  expiresAt: millisSchema
})

export type Grant = v.InferOutput<typeof grantSchema>
export type CharterBody = v.InferOutput<typeof charterSchema>

export const charterKind: RecordKind<CharterBody> = { type: 'charter', schema: charterSchema, sizeBytesMax: limits.record.charterBytesMax }
