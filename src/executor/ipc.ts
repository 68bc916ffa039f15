/**
 * What executor and agent say to each other on the pipe between them. Neither trusts the other: each message is
 * bounded, decoded by one function and judged by its receiver. The pipe itself is reliable while it lasts; after a new
 * start of the agent, `settings` comes first, then `ready`, and everything that was not kept is said again.
 */
import * as v from 'valibot'
import { encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { bytesSchema, countSchema, decodeShape, indicationIdSchema, keyIdSchema, millisSchema, recordIdSchema, textSchema } from '../base/schema.ts'
import { bundleSchema } from '../record/bundle.ts'
import { agentSettingsSchema } from '../trust/agent-settings.ts'
import type { Result } from '../base/result.ts'

const { frameBytesMax, chunkBytesMax, rangesMax } = limits.executor

const codeSchema = v.pipe(textSchema(64), v.minLength(1))
const detailSchema = textSchema(1024)
const rangeSchema = v.strictObject({ offset: countSchema, sizeBytes: countSchema })

const toAgentSchema = v.variant('kind', [
  /** The first message of all, said while the journal is still being opened: the agent reads no `writ.json`. */
  v.strictObject({ kind: v.literal('settings'), settings: agentSettingsSchema }),
  /** The home is in order, and held. The agent answers with the charters that come after this newest one, or with all where it knows another of that version, and the orders without an outcome. */
  v.strictObject({ kind: v.literal('ready'), executor: keyIdSchema, charterVersion: countSchema, charterHead: recordIdSchema }),
  /** After each `ready`: an order that has no outcome here. An agent that has started anew may know nothing of it. */
  v.strictObject({ kind: v.literal('held'), indication: bytesSchema(limits.record.indicationBytesMax), running: v.boolean() }),
  /** These bytes of the order's payload are awaited next, in this order; what was asked of it before counts no more. */
  v.strictObject({ kind: v.literal('payload-wanted'), indication: indicationIdSchema, ranges: v.pipe(v.array(rangeSchema), v.minLength(1), v.maxLength(rangesMax)) }),
  /** Second verification passed: the order will run unless it is cancelled or expires first. */
  v.strictObject({ kind: v.literal('validated'), indication: indicationIdSchema, at: millisSchema }),
  /** A signed statement (`running` or an outcome), sent again on each `ready` until it is kept. */
  v.strictObject({ kind: v.literal('statement'), statement: bytesSchema(limits.record.statementBytesMax) }),
  /** A part of an output that the next statement names by `cid`. Comes again with that statement if it comes again. */
  v.strictObject({ kind: v.literal('output-chunk'), cid: textSchema(128), offset: countSchema, sizeBytes: countSchema, bytes: bytesSchema(chunkBytesMax) }),
  /** What that `adopt` or `retell` brought about is in the journal. */
  v.strictObject({ kind: v.literal('written'), batch: countSchema }),
  /** Say `contact` when an endpoint has answered from now on, and ask one. */
  v.strictObject({ kind: v.literal('contact-wanted') }),
  /** Nothing was decided on this order: it may be offered again (`busy` after an outcome, `charter-behind` after charters). */
  v.strictObject({ kind: v.literal('refused'), indication: v.nullable(indicationIdSchema), code: codeSchema, detail: detailSchema })
])

const toExecutorSchema = v.variant('kind', [
  /** The answer to `ready`: this process has opened its stores, listens, and is of that release. */
  v.strictObject({ kind: v.literal('up'), release: textSchema(64) }),
  /** The answer to `contact-wanted`. */
  v.strictObject({ kind: v.literal('contact') }),
  /** Newer charters, oldest first. */
  v.strictObject({ kind: v.literal('charters'), charters: v.pipe(v.array(bytesSchema(limits.record.charterBytesMax)), v.maxLength(limits.record.charterVersionsMax)) }),
  v.strictObject({ kind: v.literal('order'), bundle: bundleSchema }),
  v.strictObject({ kind: v.literal('control'), control: bytesSchema(limits.record.controlBytesMax) }),
  v.strictObject({ kind: v.literal('payload-chunk'), indication: indicationIdSchema, offset: countSchema, bytes: bytesSchema(chunkBytesMax) }),
  /** All that was wanted has been sent. */
  v.strictObject({ kind: v.literal('payload-end'), indication: indicationIdSchema }),
  /** The payload is not to be had: final for this order, so said only after every retry. */
  v.strictObject({ kind: v.literal('payload-failed'), indication: indicationIdSchema, code: codeSchema, detail: detailSchema }),
  /** Statements that this executor made before its home was restored, as endpoints remember them; others than its own are passed over. */
  v.strictObject({ kind: v.literal('adopt'), batch: countSchema, statements: v.pipe(v.array(bytesSchema(limits.record.statementBytesMax)), v.maxLength(limits.executor.adoptedStatementsMax)) }),
  /** Nothing more is to be adopted for now: orders may start. Nothing starts before the first of these. */
  v.strictObject({ kind: v.literal('caught-up') }),
  /** The agent's log is a new one, and what it held is lost: every outcome is to be kept once more. */
  v.strictObject({ kind: v.literal('retell'), batch: countSchema }),
  /** The statement is durable in the agent's log, and the outputs that it names are stored. */
  v.strictObject({ kind: v.literal('kept'), statement: recordIdSchema })
])

export type ToAgent = v.InferOutput<typeof toAgentSchema>
export type ToExecutor = v.InferOutput<typeof toExecutorSchema>

/** Errors: `malformed`, `oversized`. */
export const decodeToAgent = (bytes: Uint8Array): Result<ToAgent> => decodeShape(toAgentSchema, bytes, frameBytesMax)
/** Errors: `malformed`, `oversized`. */
export const decodeToExecutor = (bytes: Uint8Array): Result<ToExecutor> => decodeShape(toExecutorSchema, bytes, frameBytesMax)

export const encodeMessage = (message: ToAgent | ToExecutor): Uint8Array => encodeCbor(message)
