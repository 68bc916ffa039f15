/** `writ update`: gives nodes another release of Writ, and waits until each has proved it or gone back. */
import type { Command } from 'commander'
import { planSpan, planTarget, planTerms, type RunFlags } from './order-draft.ts'
import { run } from './run.ts'
import { homeOption, requireHome, type HomeFlag, type Perform } from './verb.ts'

interface UpdateFlags extends HomeFlag, Pick<RunFlags, 'on' | 'nodes' | 'all' | 'timeout' | 'expires' | 'name'> {
  readonly release: string
  readonly trial?: string
  readonly downgrade?: true
  readonly detach?: true
  readonly json?: true
}

/** How long staging, other orders that must end first, and an endpoint that must answer before the switch may take together. */
const defaultTimeout = '10m'
const defaultExpiry = '1d'

export const declareUpdate = (program: Command, perform: Perform): void => {
  program
    .command('update')
    .description('give nodes another release of Writ: each tries it, and goes back to the one before unless it proves itself')
    .usage('(--on SELECTOR | --nodes a,b | --all) --release DIR [options]')
    .addOption(homeOption('admin'))
    .requiredOption('--release <dir>', 'the release, as npm run release makes it')
    .option('--on <selector>', "nodes by their labels, such as 'role=web,zone in (a,b)'")
    .option('--nodes <names>', 'nodes by their names, such as web1,web2')
    .option('--all', 'every node')
    .option('--trial <duration>', 'how long one attempt may take until an endpoint has answered the new release (2m)')
    .option('--downgrade', 'also where a later release runs')
    .option('--name <name>', 'name of the order, for people')
    .option('--timeout <duration>', `how long it may take until the switch, which waits for running orders and an endpoint's answer (${defaultTimeout})`)
    .option('--expires <duration>', `when nodes no longer begin it (${defaultExpiry})`)
    .option('--detach', 'print the id of the order and do not wait')
    .option('--json', 'print one JSON document')
    .action((flags: UpdateFlags) =>
      perform((deps) => {
        const payload = { kind: 'release', directory: flags.release, ...planTrial(flags), ...(flags.downgrade === undefined ? {} : { allowDowngrade: true }) } as const
        const draft = { ...planTerms({ timeout: defaultTimeout, expires: defaultExpiry, ...flags }), payload }
        return run({ home: requireHome(flags, deps), draft, target: planTarget(flags), detach: flags.detach ?? false, json: flags.json ?? false }, deps)
      })
    )
}

const planTrial = ({ trial }: UpdateFlags): { readonly trialSeconds?: number } => (trial === undefined ? {} : { trialSeconds: Math.ceil(planSpan('--trial', trial, 1000, 9_999_000) / 1000) })
