/**
 * `/writ/sync/1`, endpoint to endpoint; each side asks for itself. By cursor: what arrived there since. By ranges: which
 * logs differ. By log: their entries. Where both hold the same, a question and its answer are some hundred bytes,
 * however long the history.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, incarnationSchema, keyIdSchema, millisSchema, nonceSchema, recordIdSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { areSpansOrdered } from './reconciliation.ts'
import { printBytes } from './fingerprint.ts'
import type { LogHead } from './head-index.ts'
import type { WantedLog } from './log-pages.ts'

export const syncProtocol = '/writ/sync/1'

const digestSchema = v.pipe(bytesSchema(32), v.check((bytes) => bytes.length === 32, 'expected 32 bytes'))

const cursorQuestionSchema = v.strictObject({
  kind: v.literal('cursor'),
  /** The store that the cursors belong to; null when none is known. */
  storeId: v.nullable(nonceSchema),
  cursor: countSchema,
  presenceCursor: countSchema,
  /** Of the asker's own heads. */
  digest: digestSchema,
  /** The newest charter that the asker knows. */
  charterVersion: countSchema,
  charterHead: recordIdSchema
})

/** A log's name, or the beginning of one; a tilde lies above all of them. */
const boundSchema = v.pipe(v.string(), v.regex(/^[a-z2-7/]{0,79}~?$/, 'expected the beginning of a name of a log'))

const spanEntries = (printsMax: number) => ({
  bounds: v.pipe(v.array(boundSchema), v.minLength(2), v.maxLength(printsMax + 1)),
  prints: bytesSchema(printsMax * printBytes)
})

const rangesQuestionSchema = v.strictObject({
  kind: v.literal('ranges'),
  spans: v.pipe(
    v.array(v.strictObject(spanEntries(limits.sync.askedPrintsMax))),
    v.minLength(1),
    v.maxLength(limits.sync.askedPrintsMax),
    v.check((spans) => areSpansOrdered(spans), 'expected ranges that ascend, with a fingerprint for each')
  )
})

const wantedSchema = v.pipe(
  v.strictTuple([keyIdSchema, incarnationSchema, countSchema]),
  v.transform(([author, incarnation, after]): WantedLog => ({ author, incarnation, after }))
)

const logsQuestionSchema = v.strictObject({ kind: v.literal('logs'), wanted: v.pipe(v.array(wantedSchema), v.minLength(1), v.maxLength(limits.sync.wantedMax)) })

export const syncQuestionSchema = v.variant('kind', [cursorQuestionSchema, rangesQuestionSchema, logsQuestionSchema])

const entriesSchema = v.pipe(v.array(bytesSchema(limits.record.entryBytesMax)), v.maxLength(limits.sync.entriesMax))

const cursorAnswerSchema = v.strictObject({
  kind: v.literal('cursor'),
  storeId: nonceSchema,
  /** The cursor does not belong to this store: nothing is sent, the logs are to be compared. */
  isLost: v.boolean(),
  entries: entriesSchema,
  next: countSchema,
  presences: v.pipe(
    v.array(v.strictObject({ record: bytesSchema(limits.record.presenceBytesMax), contactAt: millisSchema })),
    v.maxLength(limits.sync.presencesMax)
  ),
  presenceNext: countSchema,
  /** There is more than fits: ask again at once. */
  more: v.boolean(),
  /** Entries are no longer held: what is left of their logs may begin at a checkpoint. */
  isTrimmed: v.boolean(),
  /** Of the answerer's heads. */
  digest: digestSchema,
  charters: v.pipe(v.array(bytesSchema(limits.record.charterBytesMax)), v.maxLength(limits.record.charterVersionsMax))
})

const headSchema = v.pipe(
  v.strictTuple([keyIdSchema, incarnationSchema, countSchema, v.nullable(recordIdSchema), v.boolean()]),
  v.transform(([author, incarnation, sequence, id, isFrozen]): LogHead => ({ author, incarnation, sequence, id, isFrozen }))
)

const partAnswerSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('split'), part: countSchema, ...spanEntries(limits.sync.answerPrintsMax) }),
  v.strictObject({ kind: v.literal('heads'), part: countSchema, heads: v.pipe(v.array(headSchema), v.maxLength(limits.sync.headsMax)), rest: v.nullable(boundSchema) })
])

const rangesAnswerSchema = v.strictObject({
  kind: v.literal('ranges'),
  parts: v.pipe(v.array(partAnswerSchema), v.maxLength(limits.sync.askedPrintsMax)),
  covered: countSchema
})

const logsAnswerSchema = v.strictObject({ kind: v.literal('logs'), entries: entriesSchema, served: countSchema, after: countSchema, isTrimmed: v.boolean() })

export const syncAnswerSchema = v.variant('kind', [cursorAnswerSchema, rangesAnswerSchema, logsAnswerSchema])

export type SyncQuestion = v.InferOutput<typeof syncQuestionSchema>
export type SyncAnswer = v.InferOutput<typeof syncAnswerSchema>
export type CursorQuestion = v.InferOutput<typeof cursorQuestionSchema>
export type CursorAnswer = v.InferOutput<typeof cursorAnswerSchema>
export type LogsAnswer = v.InferOutput<typeof logsAnswerSchema>

/** As they travel: what comes in numbers is written without the names of its fields. */
export const encodableQuestion = (question: SyncQuestion): v.InferInput<typeof syncQuestionSchema> =>
  question.kind === 'logs' ? { kind: 'logs', wanted: question.wanted.map(({ author, incarnation, after }) => [author, incarnation, after]) } : question

export const encodableAnswer = (answer: SyncAnswer): v.InferInput<typeof syncAnswerSchema> =>
  answer.kind !== 'ranges'
    ? answer
    : {
        ...answer,
        parts: answer.parts.map((part) =>
          part.kind === 'split' ? part : { ...part, heads: part.heads.map(({ author, incarnation, sequence, id, isFrozen }) => [author, incarnation, sequence, id, isFrozen]) }
        )
      }
