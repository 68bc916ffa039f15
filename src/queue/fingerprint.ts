/**
 * Ranges of sorted heads, and the fingerprints by which two stores compare them. Pure. A range is cut by rank, not by
 * prefix: so an author who chooses names that lie close together makes no range larger than the others.
 */
import { compareText, isEqualBytes, utf8 } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { sha256 } from '../base/codec.ts'
import { addTerm } from './head-term.ts'
import type { HeadMark } from './head-index.ts'

/** The heads from `from` on, up to `to`, which no longer belongs to it. */
export interface Part {
  readonly from: string
  readonly to: string
  /** All marks of the range, ascending. */
  readonly marks: readonly HeadMark[]
}

/** Parts that touch each other: n fingerprints between n + 1 bounds, as they travel. */
export interface Span {
  readonly bounds: readonly string[]
  readonly prints: Uint8Array
}

export const printBytes = 12

/** The sum of the terms and their number, hashed: two stores come to the same bytes only where they hold the same. */
export const printOf = (marks: readonly HeadMark[]): Uint8Array => {
  const sum = new Uint8Array(32)
  for (const { term } of marks) addTerm(sum, term)
  return sha256(sum, utf8(String(marks.length))).slice(0, printBytes)
}

export const emptyPrint = printOf([])

export const isEmptyPrint = (print: Uint8Array): boolean => isEqualBytes(print, emptyPrint)

export const printAt = ({ prints }: Pick<Span, 'prints'>, index: number): Uint8Array => prints.subarray(index * printBytes, (index + 1) * printBytes)

export const cutMarks = (marks: readonly HeadMark[], from: string, to: string): readonly HeadMark[] => {
  const start = rankOf(marks, from)
  return marks.slice(start, Math.max(start, rankOf(marks, to)))
}

/** How many marks lie below `name`. */
const rankOf = (marks: readonly HeadMark[], name: string): number => {
  let low = 0
  let high = marks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareText(marks[middle]?.name ?? '', name) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Into how many parts a range of `count` heads is cut, so that few equal steps lead to a handful of heads. */
export const computePartCount = (count: number): number => {
  const leaves = count / limits.sync.leafLogs
  if (leaves <= 1) return 1
  const steps = Math.ceil(Math.log(leaves) / Math.log(limits.sync.partsMax))
  return Math.ceil(leaves ** (1 / steps))
}

/** The first cut is paid once, however much differs: a fine one. */
export const computeFirstPartCount = (count: number): number => Math.max(1, Math.min(limits.sync.firstPartsMax, Math.ceil(count / limits.sync.leafLogs)))

/** Cuts a part into up to `count` of equal size; the bounds between them are as short as can be. */
export const splitPart = ({ from, to, marks }: Part, count: number): Part[] => {
  const size = Math.max(1, Math.ceil(marks.length / count))
  const parts: Part[] = []
  let start = 0
  let lower = from
  while (start + size < marks.length) {
    const upper = separatorOf(marks[start + size - 1]?.name ?? '', marks[start + size]?.name ?? '')
    parts.push({ from: lower, to: upper, marks: marks.slice(start, start + size) })
    start += size
    lower = upper
  }
  return [...parts, { from: lower, to, marks: marks.slice(start) }]
}

/** The shortest text above `left` and not above `right`. */
const separatorOf = (left: string, right: string): string => {
  let length = 0
  while (length < right.length && left[length] === right[length]) length += 1
  return right.slice(0, length + 1)
}

export const spanOf = (parts: readonly Part[]): Span => {
  const prints = new Uint8Array(parts.length * printBytes)
  for (const [index, { marks }] of parts.entries()) prints.set(printOf(marks), index * printBytes)
  return { bounds: [...parts.slice(0, 1).map(({ from }) => from), ...parts.map(({ to }) => to)], prints }
}

/** Bounds ascend, from `from` on and up to `to`, and each two have a fingerprint between them. */
export const isSpanWithin = ({ bounds, prints }: Span, from: string, to: string): boolean =>
  bounds.length >= 2 &&
  prints.length === (bounds.length - 1) * printBytes &&
  bounds.every((bound, index) => (index === 0 ? bound >= from : bound > (bounds[index - 1] ?? ''))) &&
  (bounds.at(-1) ?? '') <= to
