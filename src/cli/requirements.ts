/** What nodes must have, as operators type it: `git>=2.30`, `/var=2G`, `osId=debian`. */
import { WritError } from '../base/errors.ts'
import { checkShape } from '../base/schema.ts'
import { prerequisitesSchema, type FactDemand, type Prerequisites } from '../record/indication.ts'

export interface RequirementFlags {
  readonly requires?: readonly string[]
  readonly requiresFree?: readonly string[]
  readonly requiresFact?: readonly string[]
}

const units = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const
const isUnit = (text: string | undefined): text is keyof typeof units => text !== undefined && Object.hasOwn(units, text)

/** Undefined when nothing is asked for. Errors: `bad-usage`. */
export const planPrerequisites = ({ requires = [], requiresFree = [], requiresFact = [] }: RequirementFlags): Prerequisites | undefined => {
  const programs = requires.map(planProgram)
  const versions = programs.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version] as const]))
  const planned: Prerequisites = {
    executables: programs.flatMap(({ name, version }) => (version === undefined ? [name] : [])),
    ...(versions.length === 0 ? {} : { versions: Object.fromEntries(versions) }),
    ...(requiresFree.length === 0 ? {} : { freeDisk: requiresFree.map(planFree) }),
    ...(requiresFact.length === 0 ? {} : { facts: requiresFact.map(planFact) })
  }
  const checked = checkShape(prerequisitesSchema, planned)
  if (!checked.ok) throw new WritError('bad-usage', `what is required is not valid: ${checked.detail}`)
  return programs.length + requiresFree.length + requiresFact.length === 0 ? undefined : planned
}

const planProgram = (text: string): { readonly name: string; readonly version?: string } => {
  const { name = '', version } = /^(?<name>[^<>=!\s]+)(?:>=(?<version>[0-9]+(?:\.[0-9]+)*))?$/.exec(text)?.groups ?? {}
  if (name === '') throw new WritError('bad-usage', `--requires: "${text}" is neither a program, such as git, nor one with its least version, such as 'git>=2.30'`)
  return version === undefined ? { name } : { name, version }
}

const planFree = (text: string): { readonly path: string | null; readonly sizeBytes: number } => {
  const { path, size = '' } = /^(?:(?<path>\/.*)=)?(?<size>[^=]*)$/.exec(text)?.groups ?? {}
  return { path: path ?? null, sizeBytes: parseSize('--requires-free', size) }
}

const planFact = (text: string): FactDemand => {
  const { name = '', relation, value = '' } = /^(?<name>[A-Za-z0-9]+)(?<relation>!=|>=|=)(?<value>.*)$/.exec(text)?.groups ?? {}
  if (relation !== '=' && relation !== '!=' && relation !== '>=') throw new WritError('bad-usage', `--requires-fact: "${text}" is not of the form NAME=VALUE, NAME!=VALUE or NAME>=VALUE`)
  return { name, relation, value: name.endsWith('Bytes') ? String(parseSize('--requires-fact', value)) : value }
}

/** Bytes, or units of 1024: `500M`, `2G`. Errors: `bad-usage`. */
export const parseSize = (flag: string, text: string): number => {
  const { count, unit } = /^(?<count>[0-9]{1,12})(?<unit>[KMGT]?)$/.exec(text)?.groups ?? {}
  const sizeBytes = isUnit(unit) ? Number(count) * units[unit] : Number.NaN
  if (!Number.isSafeInteger(sizeBytes)) throw new WritError('bad-usage', `${flag}: "${text}" is no size; write a whole number of bytes, or with K, M, G or T, such as 500M or 2G`)
  return sizeBytes
}
