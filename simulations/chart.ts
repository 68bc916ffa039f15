/** A line chart as SVG: two series over one logarithmic axis, each against a linear axis of its own. Pure. */

export interface Series {
  readonly label: string
  readonly color: string
  readonly values: readonly number[]
}

export interface Chart {
  readonly title: string
  readonly xLabel: string
  /** Ascending, above 0; each value of a series belongs to the one in the same place. */
  readonly xs: readonly number[]
  /** Its axis is on the left. */
  readonly left: Series
  readonly right: Series
}

const [width, height] = [760, 440]
const frame = { left: 70, right: 690, top: 60, bottom: 360 }
const ticks = 5

export const drawChart = ({ title, xLabel, xs, left, right }: Chart): string => {
  const [first, last] = [Math.log(xs[0] ?? 1), Math.log(xs.at(-1) ?? 10)]
  const xOf = (x: number): number => (last === first ? frame.left : frame.left + ((Math.log(x) - first) / (last - first)) * (frame.right - frame.left))
  const middle = (frame.left + frame.right) / 2
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(middle, 28, title, { anchor: 'middle', size: 16 }),
    line(frame.left, frame.bottom, frame.right, frame.bottom, 'black'),
    ...xs.flatMap((x) => [line(xOf(x), frame.bottom, xOf(x), frame.bottom + 5, 'black'), text(xOf(x), frame.bottom + 20, x.toLocaleString('en'), { anchor: 'middle' })]),
    text(middle, frame.bottom + 42, xLabel, { anchor: 'middle' }),
    ...drawSeries(left, xs.map(xOf), { at: frame.left, anchor: 'end', hasGrid: true, legendX: frame.left }),
    ...drawSeries(right, xs.map(xOf), { at: frame.right, anchor: 'start', hasGrid: false, legendX: middle }),
    '</svg>',
    ''
  ].join('\n')
}

interface Axis {
  readonly at: number
  readonly anchor: 'start' | 'end'
  readonly hasGrid: boolean
  readonly legendX: number
}

const drawSeries = ({ label, color, values }: Series, xs: readonly number[], { at, anchor, hasGrid, legendX }: Axis): string[] => {
  const top = roundUp(Math.max(...values))
  const yOf = (value: number): number => frame.bottom - (value / top) * (frame.bottom - frame.top)
  const points = values.map((value, index) => [xs[index] ?? 0, yOf(value)] as const)
  const steps = Array.from({ length: ticks + 1 }, (_, index) => (index * top) / ticks)
  return [
    ...steps.flatMap((value) => [
      ...(hasGrid ? [line(frame.left, yOf(value), frame.right, yOf(value), '#ddd')] : []),
      text(at + (anchor === 'end' ? -8 : 8), yOf(value) + 4, format(value), { anchor, color })
    ]),
    line(at, frame.top, at, frame.bottom, color),
    `<polyline fill="none" stroke="${color}" stroke-width="2" points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ')}"/>`,
    ...points.map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="3.5" fill="${color}"/>`),
    `<rect x="${legendX}" y="${height - 24}" width="12" height="12" fill="${color}"/>`,
    text(legendX + 18, height - 13, label, { anchor: 'start' })
  ]
}

/** To 1, 2 or 5 times a power of ten: what a scale can be divided by. */
const roundUp = (value: number): number => {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * ([1, 2, 5].find((step) => step * power >= value) ?? 10)
}

const round = (value: number): number => Math.round(value * 10) / 10
const format = (value: number): string => String(Number(value.toPrecision(3)))

const line = (x1: number, y1: number, x2: number, y2: number, color: string): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${color}"/>`

const text = (x: number, y: number, content: string, { anchor, color = 'black', size }: { readonly anchor: 'start' | 'middle' | 'end'; readonly color?: string; readonly size?: number }): string =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${color}"${size === undefined ? '' : ` font-size="${size}"`}>${escape(content)}</text>`

const escape = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
