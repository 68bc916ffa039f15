/** `writ list`: the orders, newest first, with counts by state. */
import type { Command } from 'commander'
import type { Millis } from '../base/brand.ts'
import { limits } from '../base/limits.ts'
import type { OrderRow } from '../queue/views.ts'
import { formatAge, parseDuration } from './durations.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { orderJson } from './json-rows.ts'
import { countsText } from './order-summary.ts'
import { renderTable, type Cell } from './table.ts'
import { notify } from './terminal.ts'
import { painter, printableLine, shorten, shortId } from './text.ts'
import { homeOption, printJson, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface ListOptions {
  readonly home: string
  /** How far back; everything when absent. */
  readonly sinceMs?: Millis
  readonly json: boolean
}

export const list = ({ home, sinceMs, json }: ListOptions, deps: VerbDeps): Promise<ExitCode> =>
  withAdmin(home, deps, async (admin) => {
    const { terminal, clock } = deps
    const orders = await admin.orders(sinceMs === undefined ? {} : { sinceMs })
    if (json) await printJson(terminal, { orders: orders.map(orderJson) })
    else if (orders.length === 0) await notify(terminal, 'no orders')
    else {
      const nameLengthMax = terminal.stdout.isTerminal ? limits.cli.nameColumnMax : Number.POSITIVE_INFINITY
      const rows = orders.map((order) => orderCells(order, clock.now(), nameLengthMax))
      await terminal.stdout.write(renderTable(['ID', 'AGE', 'NAME', 'FORMAT', 'NODES', 'STATES'], rows, painter(terminal.stdout.colours)))
    }
    return exitCodes.succeeded
  })

const orderCells = (order: OrderRow, now: Millis, nameLengthMax: number): readonly Cell[] => [
  { text: shortId(order.indication) },
  { text: formatAge(now - order.createdAt) },
  { text: shorten(printableLine(order.name), nameLengthMax) },
  { text: order.format },
  { text: String(order.targeted) },
  { text: `${countsText(order)}${order.cancelled && order.counts.cancelled === 0 ? ' (cancelled)' : ''}` }
]

interface ListFlags extends HomeFlag {
  readonly since?: string
  readonly json?: true
}

export const declareList = (program: Command, perform: Perform): void => {
  program
    .command('list')
    .description('list the orders, newest first, with counts by state')
    .addOption(homeOption('admin'))
    .option('--since <duration>', 'only orders of that last span, such as 1d')
    .option('--json', 'print one JSON document')
    .action((flags: ListFlags) =>
      perform((deps) => {
        const since = flags.since === undefined ? {} : { sinceMs: parseDuration('--since', flags.since) }
        return list({ home: requireHome(flags, deps), ...since, json: flags.json ?? false }, deps)
      })
    )
}
