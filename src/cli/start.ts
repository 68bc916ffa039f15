/** `writ start`: from here on this process is the node, in the foreground, until SIGTERM or SIGINT; it logs to stderr. */
import type { Command } from 'commander'
import type { ExitCode } from './exit-codes.ts'
import { homeOption, requireHome, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export const start = ({ home }: { readonly home: string }, { startNode }: VerbDeps): Promise<ExitCode> => startNode(home)

export const declareStart = (program: Command, perform: Perform): void => {
  program
    .command('start')
    .description('run this node in the foreground until SIGTERM or SIGINT; logs to stderr')
    .addOption(homeOption('node'))
    .action((flags: HomeFlag) => perform((deps) => start({ home: requireHome(flags, deps) }, deps)))
}
