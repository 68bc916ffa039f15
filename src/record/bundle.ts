/**
 * All that is needed to judge one order on its own: the same type in the pull answer, in gossip's hands, and on the
 * pipe to the executor.
 */
import * as v from 'valibot'
import { bytesSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { inlinePayloadSchema } from './indication.ts'

export const bundleSchema = v.strictObject({
  indication: bytesSchema(limits.record.indicationBytesMax),
  /** Controls on this order, so that a cancelled one is never started. */
  controls: v.pipe(v.array(bytesSchema(limits.record.controlBytesMax)), v.maxLength(16)),
  /** The payload itself when it is small enough to travel along. */
  payload: inlinePayloadSchema
})

export type Bundle = v.InferOutput<typeof bundleSchema>
