/**
 * An order as people read it: a head line, a line for each agent, the counts. Pure text; what nodes wrote is made harmless.
 */
import { toText } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import type { Millis } from '../base/brand.ts'
import { hasEnded, states, type OrderRow, type QueueRow, type State } from '../queue/views.ts'
import type { Output } from '../record/statement.ts'
import type { OrderView } from '../api/types.ts'
import { formatAge, formatBytes, formatSpan } from './durations.ts'
import { renderRows, type Cell } from './table.ts'
import { plural, printable, printableLine, shellWord, shortId, type Paint } from './text.ts'

const stateStyles = {
  queued: 'dim',
  received: 'dim',
  retrieving: 'dim',
  validated: 'dim',
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  rejected: 'red',
  expired: 'yellow',
  cancelled: 'yellow',
  interrupted: 'red',
  skipped: 'yellow'
} as const

/** What has ended comes first. */
const countOrder = [...states.filter(hasEnded), ...states.filter((state) => !hasEnded(state)).toReversed()]

/** `3 succeeded, 1 failed, 2 running`; states that no agent is in are left out. */
export const countsText = ({ counts }: Pick<OrderRow, 'counts'>): string =>
  countOrder
    .filter((state) => counts[state] > 0)
    .map((state) => `${counts[state]} ${state}`)
    .join(', ')

export const countEnded = ({ counts }: Pick<OrderRow, 'counts'>): number => states.filter(hasEnded).reduce((total, state) => total + counts[state], 0)

export const hasSucceeded = ({ order }: OrderView): boolean => order.counts.succeeded === order.targeted

export const stateCell = (state: State, paint: Paint): Cell => ({ text: state, paint: (text) => paint(stateStyles[state], text) })

/** Exit code or signal, and why, in one line; empty when there is nothing to add to the state. */
export const resultText = ({ exitCode, signal, code, detail }: QueueRow): string => {
  const end = signal !== null ? `signal ${signal}` : exitCode === null ? '' : `exit ${exitCode}`
  const why = [code, detail].filter((part) => part !== null && part !== '').join(': ')
  return printableLine([end, why].filter((part) => part !== '').join(', '))
}

export const spanText = ({ state, at, startedAt }: QueueRow): string => (startedAt === null || !hasEnded(state) ? '' : formatSpan(at - startedAt))

const agentCells = (row: QueueRow, paint: Paint): readonly Cell[] => [{ text: row.agentName }, stateCell(row.state, paint), { text: spanText(row) }, { text: resultText(row) }]

/** One line for each agent, without output. */
export const agentLines = (rows: readonly QueueRow[], paint: Paint): readonly string[] => renderRows(rows.map((row) => agentCells(row, paint)))

export const headLine = ({ order }: OrderView, paint: Paint): string =>
  `${paint('bold', shortId(order.indication))}  ${printableLine(order.name)}  (${order.format}, ${plural(order.targeted, 'node')}${order.cancelled ? ', cancelled' : ''})`

export const countsLine = ({ order }: OrderView): string => `${countEnded(order)} of ${plural(order.targeted, 'node')} ended: ${countsText(order)}`

const outputLines = (row: QueueRow, stream: 'stdout' | 'stderr', linesMax: number, paint: Paint): readonly string[] => {
  const output: Output | null = row[stream]
  if (output === null || output.sizeBytes === 0) return []
  const lines = printable(toText(output.head)).replace(/\n$/, '').split('\n')
  const shown = lines.slice(0, linesMax).map((line) => `    ${stream === 'stderr' ? paint('dim', `stderr: ${line}`) : line}`)
  const isCut = output.sizeBytes > output.head.length
  if (!isCut && lines.length <= linesMax) return shown
  const rest = isCut ? `of ${formatBytes(output.sizeBytes)}` : `${plural(lines.length - linesMax, 'more line')}`
  return [...shown, paint('dim', `    … ${rest}; all of it: writ logs ${shortId(row.indication)} --agent ${row.agentName}`)]
}

/** One for each captured file: how to get it. */
const fileLines = ({ files = [], indication, agentName }: QueueRow, paint: Paint): readonly string[] =>
  files.map(({ name, output }) => paint('dim', `    ${printableLine(name)}, ${formatBytes(output.sizeBytes)}: writ logs ${shortId(indication)} --agent ${agentName} --file ${shellWord(printableLine(name))}`))

/** For those that ran within limits: which, and by what they were held to them. */
const limitLines = ({ agentName, limits: held }: QueueRow, paint: Paint): readonly string[] => {
  if (held === undefined) return []
  const { by, memoryBytes, processes, cpuPercent } = held
  const parts = [
    ...(memoryBytes === undefined ? [] : [`${formatBytes(memoryBytes)} of memory`]),
    ...(processes === undefined ? [] : [`${processes} ${processes === 1 ? 'process' : 'processes'}`]),
    ...(cpuPercent === undefined ? [] : [`${cpuPercent}% of a processor`])
  ]
  return [paint('dim', `    ${agentName} ran within ${parts.join(', ')}, by ${by}`)]
}

/**
 * What is shown when an order has ended: every agent with the beginning of its output, or, when there are too many for a
 * screen, those that did not succeed.
 */
export const renderSummary = (view: OrderView, paint: Paint): string => {
  const { summaryAgentsMax, summaryLinesMax, summaryLinesOfOneMax } = limits.cli
  const areAllShown = view.rows.length <= summaryAgentsMax
  const shown = areAllShown ? view.rows : view.rows.filter(({ state }) => state !== 'succeeded')
  const linesMax = shown.length === 1 ? summaryLinesOfOneMax : summaryLinesMax
  const agents = agentLines(shown, paint)
  const lines: string[] = []
  for (const [index, row] of shown.entries()) {
    lines.push(agents[index] ?? '', ...outputLines(row, 'stdout', linesMax, paint))
    if (row.state !== 'succeeded') lines.push(...outputLines(row, 'stderr', linesMax, paint))
    lines.push(...fileLines(row, paint))
  }
  return [...lines, countsLine(view), ''].join('\n')
}

const validityLine = ({ order }: OrderView, now: Millis): string => {
  const validity = now > order.expiresAt ? `expired ${formatAge(now - order.expiresAt)} ago` : `expires in ${formatAge(order.expiresAt - now)}`
  return `given ${formatAge(now - order.createdAt)} ago by admin ${shortId(order.admin)}, ${validity}`
}

/** What `writ show` prints. */
export const renderOrder = (view: OrderView, paint: Paint, now: Millis): string => [headLine(view, paint), validityLine(view, now), ...agentLines(view.rows, paint), ...view.rows.flatMap((row) => [...limitLines(row, paint), ...fileLines(row, paint)]), countsLine(view), ''].join('\n')
