/** `writ invite`: a token that lets new nodes join. Prints the token and nothing else. */
import { Option, type Command } from 'commander'
import { limits } from '../base/limits.ts'
import type { InviteDraft } from '../api/types.ts'
import { parseDuration } from './durations.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { collect, parsePairs, parseWhole } from './pairs.ts'
import { homeOption, requireHome, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export const invite = async (options: { readonly home: string } & InviteDraft, { terminal, library }: VerbDeps): Promise<ExitCode> => {
  await terminal.stdout.write(`${await library.createInvite(options)}\n`)
  return exitCodes.succeeded
}

interface InviteFlags extends HomeFlag {
  readonly role: 'agent' | 'endpoint'
  readonly label?: readonly string[]
  readonly expires?: string
  readonly uses?: string
}

/** Errors: `bad-pair`, `bad-duration`, `bad-usage`. */
export const planInvite = ({ role, label = [], expires, uses }: InviteFlags): InviteDraft => ({
  role,
  labels: parsePairs('--label', label),
  ...(expires === undefined ? {} : { expiresInMs: parseDuration('--expires', expires) }),
  ...(uses === undefined ? {} : { uses: parseWhole('--uses', uses, 1, limits.trust.inviteUsesMax) })
})

export const declareInvite = (program: Command, perform: Perform): void => {
  program
    .command('invite')
    .description('print a token for new nodes')
    .addOption(homeOption('admin'))
    .addOption(new Option('--role <role>', 'what the new node will be').choices(['agent', 'endpoint']).makeOptionMandatory())
    .option('--label <key=value>', 'label of the new node, signed; may be repeated', collect)
    .option('--expires <duration>', 'how long the token is good (1h)')
    .option('--uses <count>', 'how many nodes may join with it (1); an endpoint takes a token of its own')
    .action((flags: InviteFlags) => perform((deps) => invite({ home: requireHome(flags, deps), ...planInvite(flags) }, deps)))
}
