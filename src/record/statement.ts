/**
 * The executor's own word on an order: `running`, or what came of it. No endpoint believes these states from anyone
 * else, so an agent process that an attacker owns cannot claim that something ran. Each names the executor's statement
 * before it, so that one signature vouches for those below it in the same entry.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, indicationIdSchema, keyIdSchema, meshIdSchema, millisSchema, recordIdSchema, textSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { accept, type Result } from '../base/result.ts'
import { heldLimitsSchema } from './isolation.ts'
import type { CheckSignature } from './keys.ts'
import type { RecordKind, Sealed, Verified } from './record.ts'
import { verifyLinked } from './vouching.ts'

export const executorStates = ['running', 'succeeded', 'failed', 'rejected', 'expired', 'cancelled', 'interrupted', 'skipped'] as const

export const outputSchema = v.strictObject({
  /** The first bytes; the whole output when `sizeBytes` is no larger. */
  head: bytesSchema(limits.output.headBytesMax),
  /** All that the process wrote, dropped bytes included. */
  sizeBytes: countSchema,
  /** `raw` CIDv1 of what was kept, when that is more than the head. */
  cid: v.nullable(textSchema(128)),
  keptBytes: countSchema
})

const capturedFileSchema = v.strictObject({
  /** As the order names it. */
  name: textSchema(limits.indication.captureLengthMax),
  output: v.pipe(outputSchema, v.check(({ head }) => head.length <= limits.output.fileHeadBytesMax, 'the head of a captured file is too long'))
})
export const capturedFilesSchema = v.pipe(v.array(capturedFileSchema), v.minLength(1), v.maxLength(limits.indication.capturesMax))

const statementSchema = v.strictObject({
  mesh: meshIdSchema,
  executor: keyIdSchema,
  /** Record id of this executor's statement before, whatever order that was about; null for its first. */
  previous: v.nullable(recordIdSchema),
  indication: indicationIdSchema,
  state: v.picklist(executorStates),
  at: millisSchema,
  startedAt: v.nullable(millisSchema),
  exitCode: v.nullable(v.pipe(v.number(), v.integer())),
  signal: v.nullable(textSchema(32)),
  /** Why, where the state alone does not tell: `timed-out`, `unexpected-result`, `prerequisite-missing`… */
  code: v.nullable(textSchema(64)),
  detail: v.nullable(textSchema(1024)),
  stdout: v.nullable(outputSchema),
  stderr: v.nullable(outputSchema),
  /** The files that the order names and its run has left; absent where there are none. */
  files: v.exactOptional(capturedFilesSchema),
  /** What the run was held to; absent where it had no limits. */
  limits: v.exactOptional(heldLimitsSchema)
})

export type ExecutorState = (typeof executorStates)[number]
export type Output = v.InferOutput<typeof outputSchema>
export type CapturedFile = v.InferOutput<typeof capturedFileSchema>
export type StatementBody = v.InferOutput<typeof statementSchema>

/** Signed by `executor`. */
export const statementKind: RecordKind<StatementBody> = { type: 'statement', schema: statementSchema, sizeBytesMax: limits.record.statementBytesMax }

/** The statements of one entry: a result for each, in their order. Errors: `bad-signature`. */
export const verifyStatements = async (statements: readonly Sealed<StatementBody>[], checkSignature: CheckSignature): Promise<Result<Verified<StatementBody>>[]> => {
  const proven = await verifyLinked(statements, { checkSignature, signerOf: ({ executor }) => executor })
  return proven.map((result) => (result.ok ? accept(result.value.record) : result))
}

/** CIDs of what lies beside it: of its outputs and captured files that are more than a head. */
export const outputsOf = ({ stdout, stderr, files = [] }: StatementBody): string[] =>
  [stdout, stderr, ...files.map(({ output }) => output)].flatMap((output) => (typeof output?.cid === 'string' ? [output.cid] : []))
