/**
 * `/writ/enrol/1`, guest to endpoint: a credential signed by the token, the peer and the executor, for the same one
 * countersigned, which makes it valid everywhere.
 */
import * as v from 'valibot'
import { bytesSchema } from '../../base/schema.ts'
import { limits } from '../../base/limits.ts'
import { endpointAddressSchema } from '../../trust/home-config.ts'

export const enrolProtocol = '/writ/enrol/1'

export const enrolRequestSchema = v.strictObject({ credential: bytesSchema(limits.record.credentialBytesMax) })

export const enrolAnswerSchema = v.strictObject({
  credential: bytesSchema(limits.record.credentialBytesMax),
  charters: v.array(bytesSchema(limits.record.charterBytesMax)),
  endpoints: v.pipe(v.array(endpointAddressSchema), v.maxLength(64))
})

export type EnrolAnswer = v.InferOutput<typeof enrolAnswerSchema>
