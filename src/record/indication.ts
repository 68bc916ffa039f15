/**
 * The small signed notice that an instruction is to be executed. It names its payload by content hash; the payload
 * itself travels beside it or is fetched.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, keyIdSchema, meshIdSchema, millisSchema, nonceSchema, sha256Schema, textMapSchema, textSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import type { RecordKind } from './record.ts'

const { indication: bounds } = limits

const variableNameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'a name is a letter or _ followed by letters, digits or _'))

const payloadSchema = v.strictObject({
  /** CIDv1; `raw` for a payload of one block, `dag-pb` (UnixFS) for more. Not parsed here: first verification does. */
  cid: textSchema(128),
  sizeBytes: v.pipe(countSchema, v.maxValue(limits.payload.sizeBytesMax)),
  /** Of the flat bytes, in hexadecimal: what the executor checks over what it is about to run. */
  sha256: sha256Schema
})

const targetSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('nodes'), nodes: v.pipe(v.array(keyIdSchema), v.minLength(1), v.maxLength(bounds.targetNodesMax)) }),
  /** Every agent whose labels match and that was enrolled by then; the empty selector matches all. */
  v.strictObject({ kind: v.literal('select'), selector: textSchema(bounds.selectorLengthMax), enrolledUntil: millisSchema })
])

const expectedSchema = v.strictObject({
  exitCode: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
  /** ECMAScript regular expression (flags `mu`) that stdout must match; null for any output. */
  output: v.nullable(textSchema(bounds.patternLengthMax))
})

const indicationSchema = v.strictObject({
  mesh: meshIdSchema,
  admin: keyIdSchema,
  /** Makes the same order given twice two orders. */
  nonce: nonceSchema,
  name: v.pipe(textSchema(bounds.nameLengthMax), v.minLength(1)),
  format: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}$/)),
  payload: payloadSchema,
  /** Where the payload is to be had. */
  repository: v.strictObject({ kind: v.literal('mesh') }),
  parameters: textMapSchema(bounds.parametersMax, variableNameSchema, textSchema(bounds.valueBytesMax)),
  environment: textMapSchema(bounds.environmentMax, variableNameSchema, textSchema(bounds.valueBytesMax)),
  target: targetSchema,
  prerequisites: v.strictObject({ executables: v.pipe(v.array(textSchema(256)), v.maxLength(bounds.executablesMax)) }),
  expected: expectedSchema,
  createdAt: millisSchema,
  notBefore: millisSchema,
  expiresAt: millisSchema,
  timeoutMs: v.pipe(countSchema, v.minValue(bounds.timeoutMsMin), v.maxValue(bounds.timeoutMsMax)),
  idempotent: v.boolean(),
  /** 0 to 9; the higher is run first among those that wait. */
  priority: v.pipe(countSchema, v.maxValue(9)),
  /** The executor must know at least this version of the charter. */
  charterVersion: v.pipe(countSchema, v.minValue(1))
})

export type PayloadRef = v.InferOutput<typeof payloadSchema>
export type Target = v.InferOutput<typeof targetSchema>
export type Expected = v.InferOutput<typeof expectedSchema>
export type IndicationBody = v.InferOutput<typeof indicationSchema>

/** Signed by `admin`. Its record id is the `IndicationId`. */
export const indicationKind: RecordKind<IndicationBody> = { type: 'indication', schema: indicationSchema, sizeBytesMax: limits.record.indicationBytesMax }

/** The payload of format `command`: what is run, without a shell. */
export const commandPayloadSchema = v.strictObject({ argv: v.pipe(v.array(textSchema(bounds.valueBytesMax)), v.minLength(1), v.maxLength(1024)) })

export const inlinePayloadSchema = v.nullable(bytesSchema(limits.payload.inlineBytesMax))
