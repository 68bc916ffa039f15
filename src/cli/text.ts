/**
 * Text on its way to a terminal. What comes from other machines is made harmless: no escape sequence of a node's
 * output, name or message ever reaches the operator's terminal, except by `writ logs`, which gives raw bytes.
 */
import { stripVTControlCharacters, styleText } from 'node:util'

type Style = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold'
export type Paint = (style: Style, text: string) => string

export const painter = (colours: boolean): Paint => (colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text)

const harmful = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu

/** Keeps newlines and tabs. */
export const printable = (text: string): string => stripVTControlCharacters(text).replace(/\r\n?/g, '\n').replace(harmful, '\uFFFD')

export const printableLine = (text: string): string => printable(text).replace(/\s+/g, ' ').trim()

export const shorten = (text: string, lengthMax: number): string => (text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`)

export const shortId = (id: string): string => id.slice(0, 12)

/** Cuts ids to prefixes that are unique among these, of 12 characters at least. */
export const shortenIds = (ids: readonly string[]): ((id: string) => string) => {
  const sorted = [...new Set(ids)].sort()
  const shared = sorted.map((id, index) => (index === 0 ? 0 : [...id].findIndex((letter, position) => letter !== sorted[index - 1]?.[position])))
  const length = Math.max(12, ...shared.map((count) => count + 1))
  return (id) => id.slice(0, length)
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** A word as a POSIX shell reads it back. */
export const shellWord = (word: string): string => (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
