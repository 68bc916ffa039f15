/**
 * What an agent is told of its home by the executor, which alone reads `writ.json`: nothing that only the executor needs,
 * such as commands, which may hold secrets. Pure.
 */
import * as v from 'valibot'
import { limits } from '../base/limits.ts'
import { millisSchema } from '../base/schema.ts'
import { formatNameSchema, nodeConfigSchema, type NodeConfig } from './home-config.ts'
import type { Millis } from '../base/brand.ts'

export const agentSettingsSchema = v.strictObject({
  ...v.pick(nodeConfigSchema, ['mesh', 'name', 'role', 'endpoints', 'listen', 'gossip', 'pullIntervalMs', 'syncIntervalMs', 'retention', 'logLevel']).entries,
  /** Those of the operator's own. */
  formats: v.pipe(v.array(formatNameSchema), v.maxLength(limits.executor.ownFormatsMax)),
  /** When the home was restored from a backup; null for one that never was. */
  restoredAt: v.nullable(millisSchema)
})

export type AgentSettings = v.InferOutput<typeof agentSettingsSchema>

export const agentSettingsOf = (config: NodeConfig, restoredAt: Millis | null): AgentSettings => {
  const { mesh, name, role, endpoints, listen, gossip, pullIntervalMs, syncIntervalMs, retention, logLevel } = config
  return { mesh, name, role, endpoints, listen, gossip, pullIntervalMs, syncIntervalMs, retention, logLevel, formats: Object.keys(config.formats).sort(), restoredAt }
}
