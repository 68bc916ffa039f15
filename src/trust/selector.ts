/**
 * Selectors on signed labels, in the syntax of Kubernetes' label selectors: terms joined by commas, all of which must
 * hold. `role=web`, `env!=prod`, `zone in (a,b)`, `zone notin (a,b)`, `gpu` (has the label), `!gpu` (has it not).
 * `name` selects on the node's name. The empty selector matches every node.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
import { accept, reject, type Result } from '../base/result.ts'
import type { Labels } from '../record/invite.ts'

interface Term {
  readonly label: string
  /** The values of which one must, or none may, be had; null where only presence counts. */
  readonly values: readonly string[] | null
  readonly negated: boolean
}

export type Selector = readonly Term[]

export interface Selectable {
  readonly name: string
  readonly labels: Labels
}

const label = '[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?'
const value = '(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?'
const term = new RegExp(
  `\\s*(?:(?<bang>!)\\s*(?<absent>${label})|(?<set>${label})\\s+(?<word>in|notin)\\s*\\((?<list>[^()]*)\\)|(?<key>${label})(?:\\s*(?<operator>==|=|!=)\\s*(?<single>${value}))?)\\s*(?:,|$)`,
  'y'
)
const wholeValue = new RegExp(`^${value}$`)

/** Errors: `bad-selector`, with the position and the rest that could not be read. */
export const parseSelector = (text: string): Result<Selector> => {
  if (text.trim() === '') return accept([])
  const terms: Term[] = []
  let position = 0
  while (position < text.length) {
    term.lastIndex = position
    const groups = term.exec(text)?.groups
    const parsed = groups === undefined ? undefined : readTerm(groups)
    if (parsed === undefined) return reject('bad-selector', `cannot read the selector "${text}" at character ${position + 1}: "${text.slice(position)}"; expected terms like role=web, env!=prod, zone in (a,b), gpu or !gpu`)
    terms.push(parsed)
    position = term.lastIndex
  }
  if (/,\s*$/.test(text)) return reject('bad-selector', `the selector "${text}" ends with a comma`)
  return accept(terms)
}

export const matchesSelector = (selector: Selector, node: Selectable): boolean =>
  selector.every((wanted) => {
    const actual = wanted.label === 'name' ? node.name : Object.hasOwn(node.labels, wanted.label) ? node.labels[wanted.label] : undefined
    const holds = actual !== undefined && (wanted.values === null || wanted.values.includes(actual))
    return holds !== wanted.negated
  })

const readTerm = (groups: Readonly<Record<string, string | undefined>>): Term | undefined => {
  if (groups['absent'] !== undefined) return { label: groups['absent'], values: null, negated: true }
  if (groups['set'] !== undefined) {
    const values = (groups['list'] ?? '').split(',').map((item) => item.trim())
    if (values.some((item) => item === '' || !wholeValue.test(item))) return undefined
    return { label: groups['set'], values, negated: groups['word'] === 'notin' }
  }
  if (groups['key'] === undefined) return undefined
  if (groups['operator'] === undefined) return { label: groups['key'], values: null, negated: false }
  return { label: groups['key'], values: [groups['single'] ?? ''], negated: groups['operator'] === '!=' }
}
