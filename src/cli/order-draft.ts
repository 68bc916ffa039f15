/**
 * From the flags of `writ run` to an order. All that can be wrong with what was typed is found here, before anybody is
 * contacted.
 */
import { WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { parseSelector } from '../trust/selector.ts'
import type { DraftTarget, OrderDraft } from '../api/types.ts'
import { formatDuration, parseDuration } from './durations.ts'
import { parseList, parsePairs, parseWhole } from './pairs.ts'
import { planPrerequisites, type RequirementFlags } from './requirements.ts'
import { planIsolation, type IsolationFlags } from './isolation-draft.ts'
import { planPayload, type PayloadFlags } from './payload-draft.ts'

export interface RunFlags extends PayloadFlags, RequirementFlags, IsolationFlags {
  readonly on?: string
  readonly nodes?: string
  readonly all?: true
  readonly name?: string
  readonly param?: readonly string[]
  readonly env?: readonly string[]
  readonly timeout?: string
  readonly expires?: string
  readonly expectExit?: string
  readonly expectOutput?: string
  readonly idempotent?: true
  readonly capture?: readonly string[]
}

export type UntargetedDraft = Omit<OrderDraft, 'target'>

/** Null when no target was given. Errors: `bad-usage`, `bad-selector`. */
export const planTarget = ({ on, nodes, all }: RunFlags): DraftTarget | null => {
  if ([on, nodes, all].filter((given) => given !== undefined).length > 1) throw new WritError('bad-usage', 'the targets contradict each other: give one of --on, --nodes and --all')
  if (nodes !== undefined) return { kind: 'nodes', names: parseList('--nodes', nodes) }
  if (on === undefined) return all === undefined ? null : { kind: 'all' }
  if (on.trim() === '') throw new WritError('bad-usage', '--on: an empty selector would mean every node; if that is what you want, say --all')
  const selector = parseSelector(on)
  if (!selector.ok) throw new WritError(selector.code, selector.detail)
  return { kind: 'select', selector: on }
}

const planExpected = ({ expectExit, expectOutput }: RunFlags): Pick<OrderDraft, 'expectedExitCode' | 'expectedOutput'> => {
  if (expectOutput !== undefined) checkPattern(expectOutput)
  return {
    ...(expectExit === undefined ? {} : { expectedExitCode: parseWhole('--expect-exit', expectExit, 0, 255) }),
    ...(expectOutput === undefined ? {} : { expectedOutput: expectOutput })
  }
}

const checkPattern = (pattern: string): void => {
  try {
    RegExp(pattern, 'mu')
  } catch (error) {
    throw new WritError('bad-pattern', `--expect-output: "${pattern}" is no regular expression`, { details: { pattern }, cause: error })
  }
}

export const planSpan = (flag: string, text: string, leastMs: number, mostMs: number): number => {
  const spanMs = parseDuration(flag, text)
  if (spanMs >= leastMs && spanMs <= mostMs) return spanMs
  throw new WritError('bad-duration', `${flag}: ${text} is out of bounds; allowed are ${formatDuration(leastMs)} to ${formatDuration(mostMs)}`, { details: { flag, value: text } })
}

const planCaptures = (names: readonly string[]): readonly string[] => {
  const { capturesMax, captureLengthMax } = limits.indication
  if (names.length > capturesMax || names.some((name) => name === '' || name.length > captureLengthMax)) throw new WritError('bad-usage', `--capture: at most ${capturesMax} files, whose names have up to ${captureLengthMax} characters`)
  return names
}

/** Errors: `bad-usage`, `bad-pair`, `bad-duration`, `bad-pattern`. */
/** What every order has: its name, how long it may take, and how long it is good. */
export const planTerms = ({ name, timeout, expires }: Pick<RunFlags, 'name' | 'timeout' | 'expires'>): Pick<OrderDraft, 'name' | 'timeoutMs' | 'expiresInMs'> => {
  const { timeoutMsMin, timeoutMsMax, validityMsMax } = limits.indication
  return {
    ...(name === undefined ? {} : { name }),
    ...(timeout === undefined ? {} : { timeoutMs: planSpan('--timeout', timeout, timeoutMsMin, timeoutMsMax) }),
    ...(expires === undefined ? {} : { expiresInMs: planSpan('--expires', expires, limits.cli.expiresMsMin, validityMsMax) })
  }
}

export const planDraft = (command: readonly string[], flags: RunFlags): UntargetedDraft => {
  const { idempotent } = flags
  const requires = planPrerequisites(flags)
  return {
    payload: planPayload(command, flags),
    parameters: parsePairs('--param', flags.param ?? []),
    environment: parsePairs('--env', flags.env ?? []),
    ...planTerms(flags),
    ...planExpected(flags),
    ...planIsolation(flags),
    ...(idempotent === undefined ? {} : { idempotent }),
    ...(requires === undefined ? {} : { requires }),
    ...(flags.capture === undefined ? {} : { captures: planCaptures(flags.capture) })
  }
}
