/** `writ nodes`: every node that was enrolled, whether or not it is there. */
import type { Command } from 'commander'
import type { Millis } from '../base/brand.ts'
import type { NodeRow } from '../queue/views.ts'
import { formatAge } from './durations.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { nodeJson } from './json-rows.ts'
import { labelsText } from './status.ts'
import { renderTable, type Cell } from './table.ts'
import { notify } from './terminal.ts'
import { painter, printableLine } from './text.ts'
import { homeOption, printJson, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface NodesOptions {
  readonly home: string
  readonly json: boolean
}

export const nodes = ({ home, json }: NodesOptions, deps: VerbDeps): Promise<ExitCode> =>
  withAdmin(home, deps, async (admin) => {
    const { terminal, clock } = deps
    const rows = await admin.nodes()
    if (json) await printJson(terminal, { nodes: rows.map(nodeJson) })
    else if (rows.length === 0) await notify(terminal, 'no nodes')
    else {
      const cells = rows.map((row) => nodeCells(row, clock.now()))
      await terminal.stdout.write(renderTable(['NAME', 'ROLE', 'LABELS', 'RELEASE', 'LAST CONTACT', 'QUEUE'], cells, painter(terminal.stdout.colours)))
    }
    return exitCodes.succeeded
  })

const nodeCells = (row: NodeRow, now: Millis): readonly Cell[] => [
  { text: row.name },
  { text: row.role },
  { text: labelsText(row.labels) || '-' },
  { text: printableLine(row.release ?? '-') },
  { text: row.lastContactAt === null ? 'never' : formatAge(now - row.lastContactAt) },
  { text: String(row.queueLength) }
]

export const declareNodes = (program: Command, perform: Perform): void => {
  program
    .command('nodes')
    .description('list the nodes: role, labels, release, last contact, queue length')
    .addOption(homeOption('admin'))
    .option('--json', 'print one JSON document')
    .action((flags: HomeFlag & { json?: true }) => perform((deps) => nodes({ home: requireHome(flags, deps), json: flags.json ?? false }, deps)))
}
