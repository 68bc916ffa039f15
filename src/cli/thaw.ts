/** `writ thaw`: the logs that have forked, and which branch of them counts; with the id of an entry, that one is to count. */
import type { Command } from 'commander'
import type { ForkRow } from '../node/protocol/query.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { forkJson } from './json-rows.ts'
import { renderTable, type Cell } from './table.ts'
import { notify } from './terminal.ts'
import { painter, printableLine, shortenIds, type Paint } from './text.ts'
import { homeOption, printJson, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface ThawOptions {
  readonly home: string
  /** The forks are listed when absent. */
  readonly entry?: string
  readonly json: boolean
}

export const thaw = ({ home, entry, json }: ThawOptions, deps: VerbDeps): Promise<ExitCode> =>
  withAdmin(home, deps, async (admin) => {
    const { terminal } = deps
    if (entry === undefined) {
      const forks = await admin.forks()
      if (json) await printJson(terminal, { forks: forks.map(forkJson) })
      else if (forks.length === 0) await notify(terminal, 'no log has forked')
      else await terminal.stdout.write(forksText(forks, painter(terminal.stdout.colours)))
      return exitCodes.succeeded
    }
    const fork = await admin.thaw(entry)
    if (json) await printJson(terminal, { fork: forkJson(fork) })
    else await terminal.stdout.write(`thawed ${printableLine(fork.authorName)} (life ${lifeText(fork)}) at entry ${fork.sequence}: ${fork.thaw?.keep ?? ''} counts\n`)
    return exitCodes.succeeded
  })

const forksText = (forks: readonly ForkRow[], paint: Paint): string => {
  const shorten = shortenIds(forks.flatMap(({ branches, thaw: chosen }) => [...branches, ...(chosen === null ? [] : [chosen.keep])]))
  const rows = forks.map((fork): readonly Cell[] => [
    { text: printableLine(fork.authorName) },
    { text: lifeText(fork) },
    { text: String(fork.sequence) },
    { text: fork.branches.map(shorten).join(' ') },
    fork.thaw === null ? { text: 'frozen', paint: (text) => paint('yellow', text) } : { text: `${shorten(fork.thaw.keep)} counts, by ${printableLine(fork.thaw.adminName)}` }
  ])
  return renderTable(['AUTHOR', 'LIFE', 'ENTRY', 'BRANCHES', 'STATE'], rows, paint)
}

const lifeText = ({ incarnation }: ForkRow): string => incarnation.slice(0, 6)

interface ThawFlags extends HomeFlag {
  readonly json?: true
}

export const declareThaw = (program: Command, perform: Perform): void => {
  program
    .command('thaw')
    .description('list the logs that have forked; with an entry, let that branch count')
    .argument('[entry]', "id of a branch's entry, or the beginning of it")
    .addOption(homeOption('admin'))
    .option('--json', 'print one JSON document')
    .action((entry: string | undefined, flags: ThawFlags) => perform((deps) => thaw({ home: requireHome(flags, deps), ...(entry === undefined ? {} : { entry }), json: flags.json ?? false }, deps)))
}
