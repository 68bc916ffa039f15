/**
 * One element of an author's log, hash-linked to the one before: a log cannot lose an entry unnoticed. Sequence
 * numbers start at 1. A node's log starts with its credential, so a log can be judged by itself.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, incarnationSchema, indicationIdSchema, keyIdSchema, meshIdSchema, millisSchema, recordIdSchema, textSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import type { RecordKind } from './record.ts'

export const agentStates = ['received', 'retrieving', 'validated', 'rejected', 'expired', 'cancelled'] as const

const receiptSchema = v.variant('kind', [
  /** Said by the agent: how far an order came before it was handed over, or why it never was. */
  v.strictObject({
    kind: v.literal('agent'),
    indication: indicationIdSchema,
    state: v.picklist(agentStates),
    at: millisSchema,
    code: v.nullable(textSchema(64)),
    detail: v.nullable(textSchema(1024))
  }),
  /** Said by the executor: its signed statement, as it travels. */
  v.strictObject({ kind: v.literal('executor'), statement: bytesSchema(limits.record.statementBytesMax) })
])

const contentSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('credential'), credential: bytesSchema(limits.record.credentialBytesMax) }),
  v.strictObject({ kind: v.literal('indication'), indication: bytesSchema(limits.record.indicationBytesMax) }),
  v.strictObject({ kind: v.literal('control'), control: bytesSchema(limits.record.controlBytesMax) }),
  v.strictObject({ kind: v.literal('receipts'), receipts: v.pipe(v.array(receiptSchema), v.minLength(1), v.maxLength(limits.record.receiptsPerEntryMax)) }),
  /**
   * The author no longer keeps what lies below this entry, and endpoints may drop it once it is older than their retention:
   * a log may begin here. `credential` is the one in force, null in an admin's log.
   */
  v.strictObject({ kind: v.literal('checkpoint'), credential: v.nullable(bytesSchema(limits.record.credentialBytesMax)) }),
  v.strictObject({ kind: v.literal('fault'), fault: v.strictObject({ kind: textSchema(64), subject: textSchema(256), detail: textSchema(1024) }) })
])

const entrySchema = v.strictObject({
  mesh: meshIdSchema,
  author: keyIdSchema,
  incarnation: incarnationSchema,
  sequence: v.pipe(countSchema, v.minValue(1)),
  /** Record id of the entry before; null for sequence 1. */
  previous: v.nullable(recordIdSchema),
  at: millisSchema,
  content: contentSchema
})

export type AgentState = (typeof agentStates)[number]
export type Receipt = v.InferOutput<typeof receiptSchema>
export type EntryContent = v.InferOutput<typeof contentSchema>
export type EntryBody = v.InferOutput<typeof entrySchema>

/** Signed by `author`. */
export const entryKind: RecordKind<EntryBody> = { type: 'entry', schema: entrySchema, sizeBytesMax: limits.record.entryBytesMax }

/**
 * Whether the signature of an entry may speak for the one that it names as its predecessor: within a span of the log, entries
 * 1 to 16, 17 to 32 and so on. So whether an entry is authentic follows from a few entries of its log.
 */
export const mayVouch = (entry: EntryBody, previous: EntryBody): boolean =>
  entry.author === previous.author &&
  entry.incarnation === previous.incarnation &&
  entry.sequence === previous.sequence + 1 &&
  previous.sequence % limits.record.spanEntries !== 0
