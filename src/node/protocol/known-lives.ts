/** What an endpoint says of the lives of its asker's own log, in pull and in submit. */
import * as v from 'valibot'
import { countSchema, incarnationSchema, recordIdSchema } from '../../base/schema.ts'
import { limits } from '../../base/limits.ts'

/** All up to `sequence` is held, where `id` is that of the last of them; null with none. `frozenAt`: two entries of that number are known, and the log counts up to the one before. */
export const knownLivesSchema = v.pipe(
  v.array(v.strictObject({ incarnation: incarnationSchema, sequence: countSchema, id: v.nullable(recordIdSchema), frozenAt: v.nullable(countSchema) })),
  v.maxLength(limits.pull.livesMax)
)
