/** `writ backup` and `writ restore`: a home into one file, and out of it. What was done goes to stdout, what to do next to stderr. */
import type { Command } from 'commander'
import { limits } from '../base/limits.ts'
import { formatBytes } from './durations.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { notify } from './terminal.ts'
import { plural, shellWord } from './text.ts'
import { homeOption, requireHome, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'
import type { BackupReport } from '../api/file-backup.ts'

const contentText = ({ files, rows, sizeBytes }: BackupReport): string => `${plural(files, 'file')}, ${plural(rows, 'row')} of its stores, ${formatBytes(sizeBytes)}`

export const backup = async (options: { readonly home: string; readonly out: string }, { terminal, library }: VerbDeps): Promise<ExitCode> => {
  const report = await library.backUp(options)
  await terminal.stdout.write(`${options.out}  ${report.kind} ${report.name} of ${report.meshName}: ${contentText(report)}\n`)
  await notify(terminal, 'It holds the keys of this home: keep it where nobody else can read it.')
  return exitCodes.succeeded
}

export const restore = async (options: { readonly file: string; readonly home: string }, { terminal, clock, library }: VerbDeps): Promise<ExitCode> => {
  const report = await library.restore(options)
  await terminal.stdout.write(`${options.home}  ${report.kind} ${report.name} of ${report.meshName}, as it was at ${new Date(report.at).toISOString()}: ${contentText(report)}\n`)
  await notify(terminal, 'The home that it was made of must not be used any more: two of one identity contradict each other.')
  if (report.kind === 'node') {
    const from = new Date(clock.now() + limits.trust.clockToleranceMs).toISOString()
    await notify(terminal, `Orders made before ${from} may have run already: those that may not run twice end as interrupted.`)
    await notify(terminal, `Start it with: writ start --home ${shellWord(options.home)}`)
  }
  return exitCodes.succeeded
}

export const declareBackup = (program: Command, perform: Perform): void => {
  program
    .command('backup')
    .description('write a home, keys included, to one file; its node must be stopped')
    .addOption(homeOption('either'))
    .requiredOption('--out <file>', 'a new file; only this user will be able to read it')
    .action((flags: HomeFlag & { out: string }) => perform((deps) => backup({ home: requireHome(flags, deps), out: flags.out }, deps)))
}

export const declareRestore = (program: Command, perform: Perform): void => {
  program
    .command('restore')
    .description('make a home out of a file of `writ backup`')
    .argument('<file>', 'the backup')
    .addOption(homeOption('either'))
    .action((file: string, flags: HomeFlag) => perform((deps) => restore({ file, home: requireHome(flags, deps) }, deps)))
}
