/** What an endpoint says of the lives of its asker's own log, in pull and in submit. */
import * as v from 'valibot'
import { countSchema, incarnationSchema } from '../../base/schema.ts'
import { limits } from '../../base/limits.ts'

/** All up to `sequence` is held. `frozenAt`: two entries of that number are known, and the log counts up to the one before. */
export const knownLivesSchema = v.pipe(
  v.array(v.strictObject({ incarnation: incarnationSchema, sequence: countSchema, frozenAt: v.nullable(countSchema) })),
  v.maxLength(limits.pull.livesMax)
)
