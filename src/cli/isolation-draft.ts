/** How a job is to be held apart, as operators type it: `512M`, `64`, `50%`, `www-data`. */
import { WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { checkShape } from '../base/schema.ts'
import { userNameSchema } from '../record/isolation.ts'
import type { OrderDraft } from '../api/types.ts'
import { formatBytes } from './durations.ts'
import { parseWhole } from './pairs.ts'
import { parseSize } from './requirements.ts'

export interface IsolationFlags {
  readonly memory?: string
  readonly processes?: string
  readonly cpu?: string
  readonly user?: string
  /** False with `--no-network`. */
  readonly network?: boolean
}

const { memoryBytesMin, processesMax, cpuPercentMax } = limits.job

/** Errors: `bad-usage`. */
export const planIsolation = ({ memory, processes, cpu, user, network }: IsolationFlags): Pick<OrderDraft, 'limits' | 'user' | 'network'> => {
  const wanted = {
    ...(memory === undefined ? {} : { memoryBytes: planMemory(memory) }),
    ...(processes === undefined ? {} : { processes: parseWhole('--processes', processes, 1, processesMax) }),
    ...(cpu === undefined ? {} : { cpuPercent: planShare(cpu) })
  }
  if (user !== undefined && !checkShape(userNameSchema, user).ok) throw new WritError('bad-usage', `--user: "${user}" is no name of a user`)
  return { ...(Object.keys(wanted).length === 0 ? {} : { limits: wanted }), ...(user === undefined ? {} : { user }), ...(network === false ? { network: 'none' } : {}) }
}

const planMemory = (text: string): number => {
  const sizeBytes = parseSize('--memory', text)
  if (sizeBytes < memoryBytesMin) throw new WritError('bad-usage', `--memory: ${text} is too little for any program; at least ${formatBytes(memoryBytesMin)} are allowed`)
  return sizeBytes
}

const planShare = (text: string): number => {
  const { share } = /^(?<share>[0-9]+)%$/.exec(text)?.groups ?? {}
  if (share === undefined) throw new WritError('bad-usage', `--cpu: "${text}" is no share of a processor; write it with a percent sign, such as 50% or, for two processors, 200%`)
  return parseWhole('--cpu', share, 1, cpuPercentMax)
}
