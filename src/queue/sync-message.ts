/**
 * `/writ/sync/1`, endpoint to endpoint: what arrived there since the cursor. Each side asks for itself. Where both hold
 * the same, question and answer are some hundred bytes, however long the history.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, millisSchema, nonceSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'

export const syncProtocol = '/writ/sync/1'

const digestSchema = v.pipe(bytesSchema(32), v.check((bytes) => bytes.length === 32, 'expected 32 bytes'))

export const syncRequestSchema = v.strictObject({
  /** The store that the cursors belong to; null when none is known. Cursors into another store count as 0. */
  storeId: v.nullable(nonceSchema),
  cursor: countSchema,
  presenceCursor: countSchema,
  /** Of the asker's own heads. */
  digest: digestSchema,
  /** The newest charter version that the asker knows. */
  charterVersion: countSchema
})

export const syncAnswerSchema = v.strictObject({
  storeId: nonceSchema,
  entries: v.pipe(v.array(bytesSchema(limits.record.entryBytesMax)), v.maxLength(limits.sync.entriesMax)),
  next: countSchema,
  presences: v.pipe(
    v.array(v.strictObject({ record: bytesSchema(limits.record.presenceBytesMax), contactAt: millisSchema })),
    v.maxLength(limits.sync.presencesMax)
  ),
  presenceNext: countSchema,
  /** There is more than fits: ask again at once. */
  more: v.boolean(),
  /** Of the answerer's heads. */
  digest: digestSchema,
  charters: v.pipe(v.array(bytesSchema(limits.record.charterBytesMax)), v.maxLength(limits.record.charterVersionsMax))
})

export type SyncRequest = v.InferOutput<typeof syncRequestSchema>
export type SyncAnswer = v.InferOutput<typeof syncAnswerSchema>
