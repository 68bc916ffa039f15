/**
 * `/writ/query/1`, admin to endpoint: one question, and its answer in pages, so that no fleet is too large for a
 * message. With `follow` the order is sent again, changed rows only, until it has ended on every target.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, incarnationSchema, indicationIdSchema, keyIdSchema, millisSchema, recordIdSchema, textSchema } from '../../base/schema.ts'
import { limits } from '../../base/limits.ts'
import { states } from '../../queue/views.ts'
import { labelsSchema, roleSchema } from '../../record/invite.ts'
import { heldLimitsSchema } from '../../record/isolation.ts'
import { capturedFilesSchema, outputSchema } from '../../record/statement.ts'
import { endpointAddressSchema } from '../../trust/home-config.ts'

export const queryProtocol = '/writ/query/1'

export const queryRequestSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('nodes') }),
  v.strictObject({ kind: v.literal('endpoints') }),
  v.strictObject({ kind: v.literal('orders'), since: millisSchema }),
  v.strictObject({ kind: v.literal('queue'), agent: v.nullable(keyIdSchema), status: v.nullable(v.picklist(states)) }),
  v.strictObject({ kind: v.literal('forks') }),
  v.strictObject({ kind: v.literal('order'), prefix: textSchema(52), follow: v.boolean() })
])

const stateSchema = v.picklist(states)

const orderRowSchema = v.strictObject({
  indication: indicationIdSchema,
  name: v.string(),
  format: v.string(),
  admin: keyIdSchema,
  createdAt: millisSchema,
  expiresAt: millisSchema,
  payloadSizeBytes: countSchema,
  targeted: countSchema,
  counts: v.record(stateSchema, countSchema),
  cancelled: v.boolean()
})

const nullableText = v.nullable(v.string())

const queueRowSchema = v.strictObject({
  agent: keyIdSchema,
  agentName: v.string(),
  indication: indicationIdSchema,
  name: v.string(),
  state: stateSchema,
  at: millisSchema,
  startedAt: v.nullable(millisSchema),
  exitCode: v.nullable(v.number()),
  signal: nullableText,
  code: nullableText,
  detail: nullableText,
  stdout: v.nullable(outputSchema),
  stderr: v.nullable(outputSchema),
  files: v.exactOptional(capturedFilesSchema),
  limits: v.exactOptional(heldLimitsSchema)
})

const nodeRowSchema = v.strictObject({
  key: keyIdSchema,
  name: v.string(),
  role: roleSchema,
  labels: labelsSchema,
  enrolledAt: millisSchema,
  release: nullableText,
  addresses: v.array(v.string()),
  lastContactAt: v.nullable(millisSchema),
  queueLength: countSchema
})

/** A log that has two entries of one number. */
const forkRowSchema = v.strictObject({
  author: keyIdSchema,
  authorName: v.string(),
  incarnation: incarnationSchema,
  sequence: countSchema,
  branches: v.array(recordIdSchema),
  thaw: v.nullable(v.strictObject({ keep: recordIdSchema, admin: keyIdSchema, adminName: v.string(), at: millisSchema }))
})

export const queryPageSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('nodes'), nodes: v.array(nodeRowSchema) }),
  v.strictObject({ kind: v.literal('endpoints'), endpoints: v.array(endpointAddressSchema), charters: v.array(bytesSchema(limits.record.charterBytesMax)) }),
  v.strictObject({ kind: v.literal('orders'), orders: v.array(orderRowSchema) }),
  v.strictObject({ kind: v.literal('queue'), rows: v.array(queueRowSchema) }),
  v.strictObject({ kind: v.literal('forks'), forks: v.array(forkRowSchema) }),
  /** `last` closes one whole view of the order; rows come without repetition. */
  v.strictObject({ kind: v.literal('order'), order: orderRowSchema, rows: v.array(queueRowSchema), last: v.boolean() })
])

export type QueryRequest = v.InferOutput<typeof queryRequestSchema>
export type ForkRow = v.InferOutput<typeof forkRowSchema>
export type QueryPage = v.InferOutput<typeof queryPageSchema>
