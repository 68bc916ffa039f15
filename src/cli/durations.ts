/**
 * Spans of time as operators type and read them: `500ms`, `60s`, `5m`, `1h`, `1d`.
 */
import type { Millis } from '../base/brand.ts'
import { WritError } from '../base/errors.ts'

const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const duration = /^(?<count>[0-9]{1,12})(?<unit>ms|s|m|h|d)$/

const isUnit = (text: string | undefined): text is keyof typeof unitsMs => text !== undefined && Object.hasOwn(unitsMs, text)

/** `flag` is named in the message. Errors: `bad-duration`. */
export const parseDuration = (flag: string, text: string): Millis => {
  const groups = duration.exec(text)?.groups
  const unit = groups?.['unit']
  const spanMs = isUnit(unit) ? Number(groups?.['count']) * unitsMs[unit] : Number.NaN
  if (!Number.isSafeInteger(spanMs)) {
    throw new WritError('bad-duration', `${flag}: "${text}" is no duration; write a whole number and a unit, such as 500ms, 60s, 5m, 1h or 1d`, { details: { flag, value: text } })
  }
  return spanMs
}

/** The largest unit that fits, rounded down: `3s`, `5m`, `2h`, `4d`. Below zero, as clocks may differ, it is `0s`. */
export const formatAge = (spanMs: Millis): string => {
  if (spanMs < unitsMs.m) return `${Math.floor(Math.max(spanMs, 0) / unitsMs.s)}s`
  if (spanMs < unitsMs.h) return `${Math.floor(spanMs / unitsMs.m)}m`
  if (spanMs < 2 * unitsMs.d) return `${Math.floor(spanMs / unitsMs.h)}h`
  return `${Math.floor(spanMs / unitsMs.d)}d`
}

/** How long something took: `0.31s`, `12.4s`, then as an age. */
export const formatSpan = (spanMs: Millis): string => {
  const span = Math.max(spanMs, 0)
  if (span < 10 * unitsMs.s) return `${(span / unitsMs.s).toFixed(2)}s`
  return span < unitsMs.m ? `${(span / unitsMs.s).toFixed(1)}s` : formatAge(span)
}

/** As one would type it: the largest unit that divides it. */
export const formatDuration = (spanMs: Millis): string => {
  const unit = (['d', 'h', 'm', 's'] as const).find((candidate) => spanMs >= unitsMs[candidate] && spanMs % unitsMs[candidate] === 0) ?? 'ms'
  return `${spanMs / unitsMs[unit]}${unit}`
}

const sizes = ['KiB', 'MiB', 'GiB'] as const

export const formatBytes = (sizeBytes: number): string => {
  if (sizeBytes < 1024) return `${sizeBytes} B`
  const power = Math.min(Math.floor(Math.log2(sizeBytes) / 10), sizes.length)
  return `${(sizeBytes / 1024 ** power).toFixed(1)} ${sizes[power - 1]}`
}
