/**
 * `/writ/output/1`: whole outputs, which stay out of bitswap. An agent puts what a receipt names by CID to an endpoint;
 * admins and other endpoints get it.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, keyIdSchema, textSchema } from '../../base/schema.ts'
import { limits } from '../../base/limits.ts'

export const outputProtocol = '/writ/output/1'

export const outputRequestSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('put'), cid: textSchema(128), offset: countSchema, sizeBytes: v.pipe(countSchema, v.maxValue(limits.output.streamBytesMax)), bytes: bytesSchema(limits.executor.chunkBytesMax) }),
  /** `agent` is who made the output; with `local` only the asked peer looks, so that endpoints do not ask in a circle. */
  v.strictObject({ kind: v.literal('get'), cid: textSchema(128), agent: keyIdSchema, local: v.boolean() })
])

/** To `put`: `held` when all is there. To `get`: pages until `last`. */
export const outputAnswerSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('put'), held: v.boolean() }),
  v.strictObject({ kind: v.literal('get'), bytes: bytesSchema(limits.executor.chunkBytesMax), last: v.boolean() })
])

export type OutputRequest = v.InferOutput<typeof outputRequestSchema>
export type OutputAnswer = v.InferOutput<typeof outputAnswerSchema>
