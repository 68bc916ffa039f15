/**
 * `/writ/pull/1`, agent to endpoint: the agent hands over what it has to say and learns what is new for it. The answer
 * is explicit when there is nothing. On connect, on a jittered timer, and on demand.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, incarnationSchema, indicationIdSchema, keyIdSchema, recordIdSchema, textSchema } from '../../base/schema.ts'
import { limits } from '../../base/limits.ts'
import { bundleSchema } from '../../record/bundle.ts'
import { endpointAddressSchema } from '../../trust/home-config.ts'
import { knownLivesSchema } from './known-lives.ts'

export const pullProtocol = '/writ/pull/1'

export const pullRequestSchema = v.strictObject({
  /** The newest charter that the agent knows. */
  charterVersion: countSchema,
  charterHead: recordIdSchema,
  presence: bytesSchema(limits.record.presenceBytesMax),
  /** Entries of its log that the endpoint has not acknowledged; empty when they were gossiped a moment ago. */
  entries: v.pipe(v.array(bytesSchema(limits.record.entryBytesMax)), v.maxLength(limits.sync.entriesMax)),
  /** Orders that it has and that have not ended here: not to be sent again, but their cancellation is. */
  have: v.pipe(v.array(indicationIdSchema), v.maxLength(limits.pull.haveMax)),
  /** Entries of its own log that the endpoint knows and the agent does not, as after a restore; null for none. */
  wanted: v.nullable(v.strictObject({ incarnation: incarnationSchema, from: v.pipe(countSchema, v.minValue(1)) }))
})


export const pullAnswerSchema = v.strictObject({
  charters: v.array(bytesSchema(limits.record.charterBytesMax)),
  /** How far the endpoint holds each life of the agent's log: all up to there is on its disk. */
  acknowledged: knownLivesSchema,
  /** What was wanted, in the order of the numbers, as much as fits; of a frozen log all that is known, evidence included. */
  history: v.pipe(v.array(bytesSchema(limits.record.entryBytesMax)), v.maxLength(limits.sync.entriesMax)),
  /** Endpoints of the mesh, and a few neighbours that may be dialled. */
  endpoints: v.pipe(v.array(endpointAddressSchema), v.maxLength(64)),
  neighbours: v.pipe(v.array(v.strictObject({ key: keyIdSchema, addresses: v.pipe(v.array(textSchema(256)), v.maxLength(16)) })), v.maxLength(limits.network.neighboursMax)),
  work: v.variant('kind', [
    v.strictObject({ kind: v.literal('nothing') }),
    v.strictObject({
      kind: v.literal('orders'),
      bundles: v.pipe(v.array(bundleSchema), v.maxLength(limits.pull.ordersMax)),
      /** Cancellations of orders that the agent has. */
      controls: v.pipe(v.array(bytesSchema(limits.record.controlBytesMax)), v.maxLength(limits.pull.haveMax)),
      /** There is more than fits: ask again at once. */
      more: v.boolean()
    })
  ])
})

export type PullRequest = v.InferOutput<typeof pullRequestSchema>
export type PullAnswer = v.InferOutput<typeof pullAnswerSchema>
