/**
 * The command line as a whole: from arguments to an exit code. Every failure leaves by one door: a sentence and a code on
 * stderr, and with `--json` the same as the one document on stdout.
 */
import { Command, CommanderError } from 'commander'
import { describeError, isWritError, WritError } from '../base/errors.ts'
import { declareAudit } from './audit.ts'
import { declareBackup, declareRestore } from './backup.ts'
import { declareCancel } from './cancel.ts'
import { exitCodeOf, exitCodes, exitCodesText, type ExitCode } from './exit-codes.ts'
import { declareInit } from './init.ts'
import { declareInstallService } from './install-service.ts'
import { declareInvite } from './invite.ts'
import { declareJoin } from './join.ts'
import { declareList } from './list.ts'
import { declareLogs } from './logs.ts'
import { declareNodes } from './nodes.ts'
import { declareQueue } from './queue.ts'
import { declareRun } from './run.ts'
import { declareShow } from './show.ts'
import { declareStart } from './start.ts'
import { declareStatus } from './status.ts'
import { declareThaw } from './thaw.ts'
import { declareUpdate } from './update.ts'
import { notify } from './terminal.ts'
import { printable } from './text.ts'
import { printJson, type Perform, type VerbDeps } from './verb.ts'

const declarations = [declareInit, declareInstallService, declareInvite, declareJoin, declareStart, declareStatus, declareRun, declareList, declareQueue, declareShow, declareLogs, declareCancel, declareNodes, declareThaw, declareAudit, declareBackup, declareRestore, declareUpdate]

/** `args` are without the runtime and the script. */
export const runCli = async (args: readonly string[], deps: VerbDeps): Promise<ExitCode> => {
  const helpTexts: string[] = []
  let exitCode: ExitCode = exitCodes.succeeded
  const program = createProgram(deps, helpTexts, async (verb) => {
    exitCode = await verb(deps)
  })
  try {
    if (args.length === 0) throw new WritError('bad-usage', 'no command was given; see: writ --help')
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      await deps.terminal.stdout.write(helpTexts.join(''))
      return exitCodes.succeeded
    }
    const told = error instanceof CommanderError ? explainUsage(error, args, program) : error
    await report(told, isJson(args), deps)
    return exitCodeOf(told)
  }
}

const createProgram = (deps: VerbDeps, helpTexts: string[], perform: Perform): Command => {
  const program = new Command('writ')
    .description('Carries signed orders to the servers of a fleet and brings signed receipts back.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => helpTexts.push(text),
      writeErr() {},
      outputError() {},
      getOutHelpWidth: () => deps.terminal.stdout.columns,
      getOutHasColors: () => false
    })
    .addHelpText('after', `\n${exitCodesText()}`)
  for (const declare of declarations) declare(program, perform)
  return program
}

/** Commander's message in one line, with where to read more. */
const explainUsage = ({ message, code }: CommanderError, args: readonly string[], program: Command): WritError => {
  if (code === 'commander.help') return new WritError('bad-usage', `no command ${args[1] ?? ''}; see: writ --help`)
  const command = program.commands.find((candidate) => candidate.name() === args[0])?.name()
  const text = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ').replace(/\.$/, '')
  const hint = command === 'run' && code === 'commander.unknownOption' ? 'if it belongs to the command to be run, put -- before that command; ' : ''
  return new WritError('bad-usage', `${text}; ${hint}see: writ ${command === undefined ? '' : `${command} `}--help`)
}

const isJson = (args: readonly string[]): boolean => args.slice(0, args.includes('--') ? args.indexOf('--') : args.length).includes('--json')

const report = async (error: unknown, json: boolean, { terminal, environment }: VerbDeps): Promise<void> => {
  const { code, message, details } = isWritError(error) ? error : { code: 'internal', message: `unexpected error: ${describeError(error)}`, details: {} }
  await notify(terminal, printable(`writ: ${message} [${code}]`))
  if ((environment['WRIT_DEBUG'] ?? '') !== '') await notify(terminal, printable(causes(error)))
  if (json) await printJson(terminal, { error: { code, message, details } })
}

/** The stack of an error and of all that caused it. */
const causes = (error: unknown): string =>
  error instanceof Error ? `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by: ${causes(error.cause)}`}` : String(error)
