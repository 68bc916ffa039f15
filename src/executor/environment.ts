/** The environment of a job: nothing of the executor's own but where to find programs and a home. Pure. */
import type { IndicationId, KeyId } from '../base/brand.ts'
import { accountVariables, type Account } from './isolation.ts'
import type { IndicationBody } from '../record/indication.ts'

/** What a job inherits, and who runs it. */
export interface BaseEnvironment {
  readonly executor: KeyId
  readonly path: string
  readonly home: string
  readonly lang: string
}

/** Of programs that no order starts. */
export const inheritedEnvironment = ({ path, home, lang }: BaseEnvironment): Readonly<Record<string, string>> => ({ PATH: path, HOME: home, LANG: lang })

export interface JobStanding {
  readonly body: IndicationBody
  /** Null for the executor's own user. */
  readonly account: Account | null
  readonly temporaryDirectory: string
}

/** The order's own variables win over the inherited ones, and Writ's own over both. */
export const computeEnvironment = (base: BaseEnvironment, id: IndicationId, { body, account, temporaryDirectory }: JobStanding): Record<string, string> => {
  const environment: Record<string, string> = { ...inheritedEnvironment(base), ...(account === null ? {} : accountVariables(account)), TMPDIR: temporaryDirectory, ...body.environment }
  for (const [name, value] of Object.entries(body.parameters)) environment[`WRIT_PARAM_${name.toUpperCase()}`] = value
  environment['WRIT_INDICATION'] = id
  environment['WRIT_EXECUTOR'] = base.executor
  return environment
}

/** Where a job's programs are looked for. */
export const searchPathOf = (base: BaseEnvironment, body: IndicationBody): string => body.environment['PATH'] ?? base.path
