/** Columns of text, aligned by spaces, with a head. Paint comes after the padding, so that codes never count as width. */
import type { Paint } from './text.ts'

export interface Cell {
  readonly text: string
  readonly paint?: (text: string) => string
}

export const renderRows = (rows: readonly (readonly Cell[])[]): readonly string[] => {
  const widths: number[] = []
  for (const row of rows) for (const [column, { text }] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length)
  return rows.map((row) => {
    const last = row.findLastIndex(({ text }) => text !== '')
    return row
      .slice(0, last + 1)
      .map(({ text, paint }, column) => `${paint === undefined ? text : paint(text)}${column === last ? '' : ' '.repeat((widths[column] ?? 0) - text.length)}`)
      .join('  ')
  })
}

export const renderTable = (head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string =>
  renderRows([head.map((text) => ({ text, paint: (padded: string) => paint('bold', padded) })), ...rows])
    .map((line) => `${line}\n`)
    .join('')
