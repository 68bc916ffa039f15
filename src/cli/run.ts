/**
 * `writ run`: gives an order and waits for it. Ctrl-C stops the waiting, never the order.
 */
import { enoughEndpoints } from '../base/enough-endpoints.ts'
import type { Command } from 'commander'
import { WritError } from '../base/errors.ts'
import type { Admin, DraftPayload, DraftTarget, OrderDraft, OrderView, SubmittedOrder } from '../api/types.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { followOrder, untilInterrupt } from './interrupt.ts'
import { orderViewJson, submittedJson } from './json-rows.ts'
import { planDraft, planTarget, type RunFlags, type UntargetedDraft } from './order-draft.ts'
import { hasSucceeded, renderSummary } from './order-summary.ts'
import { collect } from './pairs.ts'
import { createPlainProgress, type Progress } from './progress.ts'
import { notify, type Terminal } from './terminal.ts'
import { painter, plural, printableLine, shellWord, shortId } from './text.ts'
import { homeOption, printJson, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface RunOptions {
  readonly home: string
  readonly draft: UntargetedDraft
  /** Null: ask, when somebody is there to answer. */
  readonly target: DraftTarget | null
  readonly detach: boolean
  readonly json: boolean
}

export const run = async (options: RunOptions, deps: VerbDeps): Promise<ExitCode> => {
  const { home, draft, detach, json } = options
  const { terminal } = deps
  await checkSource(draft.payload, deps)
  if (options.target === null && !(terminal.isInteractive && !json)) throw noTarget()
  return withAdmin(home, deps, async (admin) => {
    const target = options.target ?? (await askForAll(admin, deps))
    const progress = terminal.stderr.isTerminal ? await deps.openBar() : createPlainProgress(terminal, deps.clock)
    try {
      const order = await submit(admin, { ...draft, target }, home, deps, progress)
      await warnFewHolders(order, terminal)
      if (detach) {
        await (json ? printJson(terminal, submittedJson(order)) : terminal.stdout.write(`${order.indication}\n`))
        return exitCodes.succeeded
      }
      await notify(terminal, `${shortId(order.indication)}  ${printableLine(order.name)}  for ${plural(order.targets.length, 'node')}, held by ${order.heldBy.join(', ')}`)
      const view = await waitForEnd(admin, order, home, deps, progress)
      await (json ? printJson(terminal, { ...submittedJson(order), ...orderViewJson(view) }) : terminal.stdout.write(renderSummary(view, painter(terminal.stdout.colours))))
      return hasSucceeded(view) ? exitCodes.succeeded : exitCodes.notSucceeded
    } finally {
      progress.stop()
    }
  })
}

/** Told before anybody is contacted. */
const checkSource = async (payload: DraftPayload, deps: VerbDeps): Promise<void> => {
  if (payload.kind === 'script') deps.checkScript(payload.file)
  if (payload.kind === 'other') deps.checkFile(payload.file)
  if (payload.kind === 'packages') for (const file of payload.files) deps.checkFile(file)
  if (payload.kind === 'files') deps.checkDirectory(payload.directory)
  if (payload.kind === 'release') await deps.checkRelease(payload.directory)
}

const noTarget = (): WritError => new WritError('bad-usage', 'no target: say where to run it, with --on SELECTOR, --nodes a,b or --all')

const askForAll = async (admin: Admin, { terminal }: VerbDeps): Promise<DraftTarget> => {
  const { length } = await admin.nodes()
  const answer = await terminal.ask(`Run on all ${plural(length, 'node')}? [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim())) throw noTarget()
  return { kind: 'all' }
}

const submit = async (admin: Admin, draft: OrderDraft, home: string, { terminal }: VerbDeps, progress: Progress): Promise<SubmittedOrder> => {
  const { value: order, isInterrupted } = await untilInterrupt(terminal, (signal) => admin.submit(draft, { signal, onProgress: (change) => progress.submitting(change) }))
  progress.stop()
  if (order === null) throw new WritError('interrupted', `interrupted before an endpoint confirmed the order; whether one took it, see: writ list --home ${shellWord(home)}`)
  if (isInterrupted) throw interrupted(order, home)
  return order
}

const warnFewHolders = async ({ heldBy, endpoints }: SubmittedOrder, terminal: Terminal): Promise<void> => {
  if (heldBy.length >= enoughEndpoints(endpoints)) return
  await notify(terminal, `warning: only ${heldBy.length} of ${plural(endpoints, 'endpoint')} holds the order; if it is lost before it is copied, so is the order`)
}

const followHint = (order: SubmittedOrder, home: string): string => `writ show ${shortId(order.indication)} --follow --home ${shellWord(home)}`

const interrupted = (order: SubmittedOrder, home: string): WritError =>
  new WritError('interrupted', `no longer waiting; the order goes on. Follow it with: ${followHint(order, home)}`, { details: { indication: order.indication } })

const waitForEnd = async (admin: Admin, order: SubmittedOrder, home: string, { terminal }: VerbDeps, progress: Progress): Promise<OrderView> => {
  const followed = await followOrder(admin, order.indication, terminal, (view) => progress.update(view)).catch(async (error: unknown) => {
    progress.stop()
    await notify(terminal, `the order was given and goes on; follow it with: ${followHint(order, home)}`)
    throw error
  })
  progress.stop()
  if (followed.isInterrupted) throw interrupted(order, home)
  return followed.value ?? (await admin.show(order.indication))
}

type AllRunFlags = RunFlags & HomeFlag & { readonly detach?: true; readonly json?: true }

export const declareRun = (program: Command, perform: Perform): void => {
  program
    .command('run')
    .description('run a command or a script on nodes, place files there or install packages, and wait for it')
    .usage('(--on SELECTOR | --nodes a,b | --all) [options] (--script FILE | --files DIR --to PATH | --package NAME | ... | -- COMMAND ARG...)')
    .argument('[command...]', 'what to run, without a shell; put -- before it')
    .addOption(homeOption('admin'))
    .option('--on <selector>', "nodes by their labels, such as 'role=web,zone in (a,b)'")
    .option('--nodes <names>', 'nodes by their names, such as web1,web2')
    .option('--all', 'every node')
    .option('--script <file>', 'run this script instead of a command')
    .option('--interpreter <program>', 'for --script: run it by this instead of what its first line names')
    .option('--files <dir>', 'put what this directory holds in the place of --to, as a whole')
    .option('--to <path>', 'for --files: the directory that it becomes; the one before is kept beside it')
    .option('--owner <user[:group]>', 'for --files: whose the files are there')
    .option('--post-check <command>', 'for --files: for /bin/sh, once they are in place; if it fails, what was before comes back')
    .option('--package <name[=version]>', 'install this Debian package; may be repeated', collect)
    .option('--deb <file>', 'install the package in this .deb file; may be repeated', collect)
    .option('--collect-logs <path>', 'bundle this file, or what this directory holds; may be repeated', collect)
    .option('--facts', 'tell what the node knows of its machine')
    .option('--leave', 'stop the node; it does not start again')
    .option('--format <name>', "run --payload by a format of the nodes' own configuration")
    .option('--payload <file>', 'for --format: what it is given')
    .option('--name <name>', 'name of the order, for people')
    .option('--param <key=value>', 'parameter, reaches the process as WRIT_PARAM_KEY; may be repeated', collect)
    .option('--env <key=value>', 'environment variable; may be repeated', collect)
    .option('--requires <program>', "a program that nodes must have, such as git or 'git>=2.30'; may be repeated", collect)
    .option('--requires-free <size>', 'space that must be left on the node, such as 2G or /var=500M; may be repeated', collect)
    .option('--requires-fact <demand>', "what must be so on the node, such as osId=debian or 'memoryBytes>=2G'; may be repeated", collect)
    .option('--memory <size>', 'what its job may take at most, such as 512M')
    .option('--processes <count>', 'how many processes it may have, with their threads')
    .option('--cpu <percent>', 'how much of one processor it may take, such as 50%; 200% is two')
    .option('--user <name>', 'run it as this user of the node')
    .option('--no-network', 'it reaches no network')
    .option('--timeout <duration>', 'how long it may run (60s)')
    .option('--expires <duration>', 'when nodes no longer begin it (1h)')
    .option('--expect-exit <code>', 'exit code that counts as success (0)')
    .option('--expect-output <regex>', 'what stdout must match to count as success')
    .option('--capture <file>', 'a file that it must leave and that is kept, absolute or relative to where it runs; may be repeated', collect)
    .option('--idempotent', 'may be run again where it was interrupted')
    .option('--detach', 'print the id of the order and do not wait')
    .option('--json', 'print one JSON document')
    .action((command: string[], flags: AllRunFlags) =>
      perform((deps) => {
        const planned = { draft: planDraft(command, flags), target: planTarget(flags) }
        return run({ home: requireHome(flags, deps), ...planned, detach: flags.detach ?? false, json: flags.json ?? false }, deps)
      })
    )
}
