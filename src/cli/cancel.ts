/** `writ cancel`: agents that have not begun will not, and those that run it stop. */
import type { Command } from 'commander'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { countsText } from './order-summary.ts'
import { printableLine, shortId } from './text.ts'
import { homeOption, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface CancelOptions {
  readonly home: string
  readonly indication: string
}

export const cancel = ({ home, indication }: CancelOptions, deps: VerbDeps): Promise<ExitCode> =>
  withAdmin(home, deps, async (admin) => {
    const order = await admin.cancel(indication)
    await deps.terminal.stdout.write(`cancelled ${shortId(order.indication)}  ${printableLine(order.name)}  (so far: ${countsText(order)})\n`)
    return exitCodes.succeeded
  })

export const declareCancel = (program: Command, perform: Perform): void => {
  program
    .command('cancel')
    .description('cancel an order wherever it has not ended')
    .argument('<indication>', 'id of the order, or the beginning of it')
    .addOption(homeOption('admin'))
    .action((indication: string, flags: HomeFlag) => perform((deps) => cancel({ home: requireHome(flags, deps), indication }, deps)))
}
