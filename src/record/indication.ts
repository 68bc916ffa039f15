/**
 * The small signed notice that an instruction is to be executed. It names its payload by content hash; the payload
 * itself travels beside it or is fetched.
 */
import * as v from 'valibot'
import { bytesSchema, countSchema, keyIdSchema, meshIdSchema, millisSchema, nonceSchema, sha256Schema, textMapSchema, textSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { jobLimitsSchema, userNameSchema } from './isolation.ts'
import type { RecordKind } from './record.ts'

const { indication: bounds } = limits

const variableNameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'a name is a letter or _ followed by letters, digits or _'))

/** A name for PATH, or an absolute path. It is run with `--version`, so it must not be an option or a path within the working directory. */
export const executableSchema = v.pipe(textSchema(256), v.regex(/^(?:\/[^\0]*|[^\0/-][^\0/]*)$/, 'neither a name nor an absolute path'))
export const versionSchema = v.pipe(textSchema(64), v.regex(/^[0-9]+(?:\.[0-9]+)*$/, 'a version is numbers with dots between them'))
export const absolutePathSchema = v.pipe(textSchema(1024), v.regex(/^\/[^\0]*$/, 'no absolute path'))
const captureSchema = v.pipe(textSchema(bounds.captureLengthMax), v.minLength(1), v.regex(/^[^\0]*$/, 'a path holds no zero byte'))

const factDemandSchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z][A-Za-z0-9]{0,63}$/, 'no name of a fact')),
  /** `>=` compares as versions and numbers are compared. */
  relation: v.picklist(['=', '!=', '>=']),
  value: textSchema(256)
})

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

export const prerequisitesSchema = v.strictObject({
  /** Names looked up in PATH, or absolute paths. */
  executables: v.pipe(v.array(textSchema(256)), v.maxLength(bounds.executablesMax)),
  /** The least version that each of these says of itself. */
  versions: v.exactOptional(textMapSchema(bounds.executablesMax, executableSchema, versionSchema)),
  /** Room that must be left when the order's own payload is in its place; at the node's home where no path is given. */
  freeDisk: v.exactOptional(v.pipe(v.array(v.strictObject({ path: v.nullable(absolutePathSchema), sizeBytes: countSchema })), v.minLength(1), v.maxLength(bounds.freeDiskMax))),
  /** What the executor must have found out about its machine. */
  facts: v.exactOptional(v.pipe(v.array(factDemandSchema), v.minLength(1), v.maxLength(bounds.factsMax)))
})

// Later additions are absent where an order does not use them, so that nodes of an earlier release still take it.
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
  /** What the format itself is told; each format says what it knows. */
  options: v.exactOptional(textMapSchema(bounds.optionsMax, variableNameSchema, textSchema(bounds.valueBytesMax))),
  /** Files that the run must leave, which are kept as its output is; relative to its working directory. */
  captures: v.exactOptional(v.pipe(v.array(captureSchema), v.minLength(1), v.maxLength(bounds.capturesMax))),
  /** What its job may take; what is not named here the node decides. */
  limits: v.exactOptional(jobLimitsSchema),
  /** Whom its job runs as, instead of the executor's own user. */
  user: v.exactOptional(userNameSchema),
  /** Its job reaches no network. */
  network: v.exactOptional(v.literal('none')),
  target: targetSchema,
  prerequisites: prerequisitesSchema,
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
export type Prerequisites = v.InferOutput<typeof prerequisitesSchema>
export type FactDemand = v.InferOutput<typeof factDemandSchema>
export type IndicationBody = v.InferOutput<typeof indicationSchema>

/** Signed by `admin`. Its record id is the `IndicationId`. */
export const indicationKind: RecordKind<IndicationBody> = { type: 'indication', schema: indicationSchema, sizeBytesMax: limits.record.indicationBytesMax }

/** The payload of format `command`: what is run, without a shell. */
export const commandPayloadSchema = v.strictObject({ argv: v.pipe(v.array(textSchema(bounds.valueBytesMax)), v.minLength(1), v.maxLength(1024)) })

export const inlinePayloadSchema = v.nullable(bytesSchema(limits.payload.inlineBytesMax))
