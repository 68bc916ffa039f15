/**
 * `writ.json`: what an operator may set, with its defaults in one place. Pure; `file-home.ts` reads and writes it.
 */
import * as v from 'valibot'
import { keyIdSchema, meshIdSchema, millisSchema, nodeNameSchema, textSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { builtInFormats } from '../record/format-options.ts'
import { roleSchema } from '../record/invite.ts'
import { jobLimitsSchema, limitNames, userNameSchema } from '../record/isolation.ts'

export const addressSchema = v.pipe(
  textSchema(256),
  v.regex(/^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/[0-9]{1,5}$/, 'expected a multiaddr such as /ip4/192.0.2.7/tcp/4400'),
  v.check((address) => Number(address.slice(address.lastIndexOf('/') + 1)) <= 65_535, 'ports end at 65535')
)

export const endpointAddressSchema = v.strictObject({
  key: keyIdSchema,
  name: nodeNameSchema,
  addresses: v.pipe(v.array(addressSchema), v.maxLength(16))
})

const common = { version: v.literal(1), mesh: meshIdSchema, meshName: nodeNameSchema, name: nodeNameSchema, endpoints: v.pipe(v.array(endpointAddressSchema), v.maxLength(64)) }

const adminConfigSchema = v.strictObject({ kind: v.literal('admin'), ...common })

/** A program and its arguments; `{payload}` stands for the payload's path. */
const commandSchema = v.pipe(v.array(v.pipe(textSchema(4096), v.regex(/^[^\0]*$/, 'no zero bytes'))), v.minLength(1), v.maxLength(64))

export const formatNameSchema = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}$/, 'a format is named by 1 to 32 of a-z 0-9 -, a letter first'), v.check((name) => !builtInFormats.includes(name), 'this format is built in'))

const scannerSchema = v.strictObject({
  command: commandSchema,
  infectedExitCodes: v.optional(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255))), v.minLength(1)), [1])
})

const nodeLimitsSchema = v.pipe(
  v.strictObject({ default: v.exactOptional(jobLimitsSchema), max: v.exactOptional(jobLimitsSchema) }),
  v.check(({ default: usual, max }) => limitNames.every((name) => (usual?.[name] ?? 0) <= (max?.[name] ?? Infinity)), 'a default is above its max')
)

export const nodeConfigSchema = v.strictObject({
  kind: v.literal('node'),
  ...common,
  role: roleSchema,
  listen: v.pipe(v.array(addressSchema), v.maxLength(16)),
  /** Off: everything still completes, by pull and sync alone. */
  gossip: v.optional(v.boolean(), true),
  pullIntervalMs: v.optional(v.pipe(millisSchema, v.minValue(100)), limits.pull.intervalMs),
  syncIntervalMs: v.optional(v.pipe(millisSchema, v.minValue(100)), limits.sync.intervalMs),
  concurrentJobs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.executor.concurrentJobsMax)), limits.executor.concurrentJobs),
  stopGraceMs: v.optional(millisSchema, limits.executor.stopGraceMs),
  /** What endpoints do with a queue entry that has ended: keep it, labelled with its status, for `ageMs`; or remove it. */
  retention: v.optional(v.strictObject({ mode: v.picklist(['label', 'remove']), ageMs: millisSchema }), { mode: 'label', ageMs: limits.queue.labelRetentionMs }),
  /** Formats of the operator's own, or of a third party. */
  formats: v.optional(v.pipe(v.record(formatNameSchema, v.strictObject({ command: commandSchema })), v.maxEntries(limits.executor.ownFormatsMax)), {}),
  /** Asked about each payload before anything of it runs; null for none. */
  scanner: v.optional(v.nullable(scannerSchema), null),
  /** What each job may take where its order says nothing, and what orders may ask for at most. */
  jobLimits: v.optional(nodeLimitsSchema, {}),
  /** Whom the agent runs as, instead of the executor's own user. */
  agentUser: v.exactOptional(userNameSchema),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info')
})

export const homeConfigSchema = v.variant('kind', [adminConfigSchema, nodeConfigSchema])

export type Scanner = v.InferOutput<typeof scannerSchema>
export type NodeLimits = v.InferOutput<typeof nodeLimitsSchema>
export type EndpointAddress = v.InferOutput<typeof endpointAddressSchema>
export type AdminConfig = v.InferOutput<typeof adminConfigSchema>
export type NodeConfig = v.InferOutput<typeof nodeConfigSchema>
export type HomeConfig = v.InferOutput<typeof homeConfigSchema>
/** As an operator writes it: what has a default may be left out. */
export type HomeConfigDraft = v.InferInput<typeof homeConfigSchema>
