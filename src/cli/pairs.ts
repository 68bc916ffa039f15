/**
 * `key=value` and `a,b,c`, as flags take them.
 */
import { WritError } from '../base/errors.ts'

/** The value may hold further `=` and may be empty. Errors: `bad-pair`, also for a key that is given twice. */
export const parsePairs = (flag: string, texts: readonly string[]): Readonly<Record<string, string>> => {
  const pairs = new Map<string, string>()
  for (const text of texts) {
    const position = text.indexOf('=')
    const key = text.slice(0, Math.max(position, 0))
    if (key === '') throw new WritError('bad-pair', `${flag}: "${text}" is not of the form key=value`, { details: { flag, value: text } })
    if (pairs.has(key)) throw new WritError('bad-pair', `${flag}: ${key} is given twice`, { details: { flag, value: text } })
    pairs.set(key, text.slice(position + 1))
  }
  return Object.fromEntries(pairs)
}

/** Errors: `bad-usage` when an item is empty. */
export const parseList = (flag: string, text: string): readonly string[] => {
  const items = text.split(',').map((item) => item.trim())
  if (items.includes('')) throw new WritError('bad-usage', `${flag}: "${text}" is no list of names; separate them by single commas, such as web1,web2`)
  return [...new Set(items)]
}

/** Errors: `bad-usage`. */
export const parseWhole = (flag: string, text: string, least: number, most: number): number => {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) throw new WritError('bad-usage', `${flag}: "${text}" is no whole number from ${least} to ${most}`)
  return value
}

/** For a flag that may be given several times. */
export const collect = (text: string, previous: readonly string[] = []): readonly string[] => [...previous, text]
