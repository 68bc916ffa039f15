/** `writ queue`: what is in the queues of one agent or of all. */
import { Option, type Command } from 'commander'
import type { Millis } from '../base/brand.ts'
import { limits } from '../base/limits.ts'
import { states, type QueueRow, type State } from '../queue/views.ts'
import { formatAge } from './durations.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { queueRowJson } from './json-rows.ts'
import { resultText, stateCell } from './order-summary.ts'
import { renderTable, type Cell } from './table.ts'
import { notify } from './terminal.ts'
import { painter, printableLine, shorten, shortId, type Paint } from './text.ts'
import { homeOption, printJson, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface QueueFilter {
  readonly agent?: string
  readonly status?: State
}

export interface QueueOptions {
  readonly home: string
  readonly filter: QueueFilter
  readonly json: boolean
}

export const queue = ({ home, filter, json }: QueueOptions, deps: VerbDeps): Promise<ExitCode> =>
  withAdmin(home, deps, async (admin) => {
    const { terminal, clock } = deps
    const rows = await admin.queue(filter)
    if (json) await printJson(terminal, { queue: rows.map(queueRowJson) })
    else if (rows.length === 0) await notify(terminal, 'nothing in the queue')
    else {
      const nameLengthMax = terminal.stdout.isTerminal ? limits.cli.nameColumnMax : Number.POSITIVE_INFINITY
      const paint = painter(terminal.stdout.colours)
      const cells = rows.map((row) => queueCells(row, clock.now(), nameLengthMax, paint))
      await terminal.stdout.write(renderTable(['NODE', 'ID', 'NAME', 'STATE', 'SINCE', 'RESULT'], cells, paint))
    }
    return exitCodes.succeeded
  })

const queueCells = (row: QueueRow, now: Millis, nameLengthMax: number, paint: Paint): readonly Cell[] => [
  { text: row.agentName },
  { text: shortId(row.indication) },
  { text: shorten(printableLine(row.name), nameLengthMax) },
  stateCell(row.state, paint),
  { text: formatAge(now - row.at) },
  { text: resultText(row) }
]

interface QueueFlags extends HomeFlag, QueueFilter {
  readonly json?: true
}

export const declareQueue = (program: Command, perform: Perform): void => {
  program
    .command('queue')
    .description('show the queues of the agents')
    .addOption(homeOption('admin'))
    .option('--agent <name>', 'only this node')
    .addOption(new Option('--status <state>', 'only what is in this state').choices(states))
    .option('--json', 'print one JSON document')
    .action(({ agent, status, ...flags }: QueueFlags) => {
      const filter = { ...(agent === undefined ? {} : { agent }), ...(status === undefined ? {} : { status }) }
      return perform((deps) => queue({ home: requireHome(flags, deps), filter, json: flags.json ?? false }, deps))
    })
}
