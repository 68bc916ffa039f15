/** `writ init`: a new mesh and its first admin. The mesh id goes to stdout; what to do next to stderr. */
import type { Command } from 'commander'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { notify } from './terminal.ts'
import { shellWord } from './text.ts'
import { homeOption, requireHome, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface InitOptions {
  readonly home: string
  readonly mesh: string
}

export const init = async ({ home, mesh }: InitOptions, { terminal, library }: VerbDeps): Promise<ExitCode> => {
  const created = await library.createMesh({ home, mesh })
  const endpoint = shellWord(`${home.replace(/\/+$/, '')}-endpoint`)
  await terminal.stdout.write(`${created.mesh}\n`)
  await notify(terminal, `The mesh ${mesh} exists; its root key is in ${shellWord(home)}, keep a copy of it offline. Next, its first endpoint:`)
  await notify(terminal, `  writ join --admin ${shellWord(home)} --home ${endpoint} --listen /ip4/0.0.0.0/tcp/4400`)
  await notify(terminal, `  writ start --home ${endpoint}`)
  return exitCodes.succeeded
}

export const declareInit = (program: Command, perform: Perform): void => {
  program
    .command('init')
    .description('create a mesh: root key, first admin, charter; prints the mesh id')
    .addOption(homeOption('admin'))
    .requiredOption('--mesh <name>', 'name of the mesh')
    .action((flags: HomeFlag & { mesh: string }) => perform((deps) => init({ home: requireHome(flags, deps), mesh: flags.mesh }, deps)))
}
