/** `writ install-service`: prints the systemd unit of a node, or writes it. */
import type { Command } from 'commander'
import { WritError } from '../base/errors.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { renderUnit } from './service-unit.ts'
import { notify } from './terminal.ts'
import { shellWord } from './text.ts'
import { homeOption, requireHome, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

interface InstallFlags extends HomeFlag {
  readonly user?: string
  readonly write?: string
}

export const installService = async (home: string, { user, write }: InstallFlags, deps: VerbDeps): Promise<ExitCode> => {
  if (user !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(user)) throw new WritError('bad-usage', `--user: "${user}" is no name of a user`)
  const unit = renderUnit(await deps.describeService(home), user ?? null)
  if (write === undefined) {
    await deps.terminal.stdout.write(unit)
    return exitCodes.succeeded
  }
  deps.writeUnit(write, unit)
  const name = write.slice(write.lastIndexOf('/') + 1)
  await notify(deps.terminal, `${write} is written. Start the node now and with the machine by:\n  systemctl daemon-reload && systemctl enable --now ${shellWord(name)}`)
  return exitCodes.succeeded
}

export const declareInstallService = (program: Command, perform: Perform): void => {
  program
    .command('install-service')
    .description('print the systemd unit of a node, or write it')
    .addOption(homeOption('node'))
    .option('--user <name>', 'whom the node runs as; the home must be theirs (root)')
    .option('--write <file>', 'write it there, such as /etc/systemd/system/writ.service')
    .action((flags: InstallFlags) => perform((deps) => installService(requireHome(flags, deps), flags, deps)))
}
