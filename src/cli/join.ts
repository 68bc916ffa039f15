/** `writ join`: makes this machine's home a node of a mesh, by a token, or by the admin's own home for the first endpoint. */
import type { Command } from 'commander'
import { WritError } from '../base/errors.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { collect } from './pairs.ts'
import { notify } from './terminal.ts'
import { shellWord, shortId } from './text.ts'
import { homeOption, requireHome, type HomeFlag, type JoinPlace, type Perform, type VerbDeps } from './verb.ts'

export type JoinOptions = JoinPlace & ({ readonly token: string } | { readonly admin: string })

export const join = async (options: JoinOptions, { terminal, library }: VerbDeps): Promise<ExitCode> => {
  const joined = 'token' in options ? await library.joinMesh(options) : await library.bootstrapEndpoint(options)
  await terminal.stdout.write(`${joined.name} is ${joined.role === 'agent' ? 'an agent' : 'an endpoint'} of ${joined.meshName} (${shortId(joined.mesh)})\n`)
  await notify(terminal, `Start it with: writ start --home ${shellWord(options.home)}`)
  return exitCodes.succeeded
}

interface JoinFlags extends HomeFlag {
  readonly admin?: string
  readonly name?: string
  readonly listen?: readonly string[]
}

/** Errors: `bad-usage`. */
export const planJoin = (token: string | undefined, home: string, { admin, name, listen }: JoinFlags): JoinOptions => {
  const place = { home, ...(name === undefined ? {} : { name }), ...(listen === undefined ? {} : { listen }) }
  if (token !== undefined && admin !== undefined) throw new WritError('bad-usage', 'give a token or --admin, not both')
  if (token !== undefined) return { token, ...place }
  if (admin !== undefined) return { admin, ...place }
  throw new WritError('bad-usage', 'give the token that `writ invite` printed, or --admin DIR for the first endpoint of a mesh')
}

export const declareJoin = (program: Command, perform: Perform): void => {
  program
    .command('join')
    .description('make a node of a mesh, by a token of `writ invite`')
    .argument('[token]', 'what `writ invite` printed')
    .addOption(homeOption('node'))
    .option('--admin <dir>', "instead of a token, for a mesh's first endpoint: the admin's home on this machine")
    .option('--name <name>', 'name of the node (the host name)')
    .option('--listen <multiaddr>', 'where it listens, such as /ip4/0.0.0.0/tcp/4400; may be repeated', collect)
    .action((token: string | undefined, flags: JoinFlags) => perform((deps) => join(planJoin(token, requireHome(flags, deps), flags), deps)))
}
