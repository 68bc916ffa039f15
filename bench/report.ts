/** What a bench hands over: figures for programs, a table for people, and whether its goals were met. */

export interface Goal {
  readonly name: string
  /** The bound, in words with its unit. */
  readonly goal: string
  readonly measured: number | string
  readonly met: boolean
}

/** `measurements` are plain values for `--json`; `lines` are what a person reads. */
export interface Report {
  readonly measurements: Readonly<Record<string, unknown>>
  readonly lines: readonly string[]
  readonly goals: readonly Goal[]
}

/** Says on stderr what is under way, since a bench takes a while. */
export type Tell = (message: string) => void

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits))

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((left, right) => left - right)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  return (upper + lower) / 2
}

/** Of one series of measurements, in their own unit. */
export interface Spread {
  readonly median: number
  readonly worst: number
  readonly first: number
  readonly all: readonly number[]
}

export const spreadOf = (values: readonly number[]): Spread => ({
  median: round(median(values)),
  worst: round(Math.max(...values)),
  first: round(values[0] ?? Number.NaN),
  all: values.map((value) => round(value))
})

/** A goal that a figure must not exceed. */
export const atMost = (name: string, measured: number, bound: number, unit: string): Goal => ({ name, goal: `at most ${bound} ${unit}`, measured, met: measured <= bound })

/** Columns padded to their widest cell; the first is left-aligned, the others right-aligned. */
export const tabulate = (rows: readonly (readonly (string | number)[])[]): string[] => {
  const cells = rows.map((row) => row.map(String))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd())
}

export const renderReport = (report: Report): string =>
  [...report.lines, '', ...tabulate([['goal', 'bound', 'measured', ''], ...report.goals.map(({ name, goal, measured, met }) => [name, goal, measured, met ? 'met' : 'MISSED'])]), ''].join('\n')
