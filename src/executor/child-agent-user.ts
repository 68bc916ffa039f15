/**
 * Prepares a home for an agent that runs as another user: `agent` and `run` become that user's, everything else is put out
 * of its reach, and whether the agent will come to run is tried before it is started.
 */
import { WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { HomePaths } from '../trust/file-home.ts'
import { confineAgent, confiningSteps, reachScript } from './agent-user.ts'
import type { AgentCommand } from './child-agent.ts'
import { findAccount } from './child-isolation.ts'
import { probe } from './child-probe.ts'
import { inheritedEnvironment, type BaseEnvironment } from './environment.ts'
import { openToAgent } from './file-agent-home.ts'
import type { Executables } from './format.ts'

export interface AgentUserDeps {
  readonly paths: HomePaths
  readonly executables: Executables
  readonly base: BaseEnvironment
  /** Whom the executor runs as. */
  readonly uid: number
}

/** `entry` is the file that the agent's command runs. Errors: `agent-user-unusable`, and those of `openToAgent`. */
export const prepareAgentUser = async (name: string, command: AgentCommand, entry: string, { paths, executables, base, uid }: AgentUserDeps): Promise<AgentCommand> => {
  const unusable = (detail: string): WritError => new WritError('agent-user-unusable', `the agent cannot run as ${name}, as agentUser in ${paths.config} says: ${detail}`, { details: { agentUser: name } })
  if (uid !== 0) throw unusable('the executor does not run as root; start it as root, or remove agentUser')
  const setpriv = await executables.find('setpriv', base.path)
  if (setpriv === undefined) throw unusable('there is no setpriv on this machine; install util-linux')
  const environment = inheritedEnvironment(base)
  const ask = ([file = '', ...args]: readonly string[]) => probe(file, args, { environment, timeoutMs: limits.job.probeTimeoutMs })
  const account = await findAccount(name, ask)
  if (!account.ok) throw unusable(`${account.detail}; make it, for example: useradd --system ${name}`)
  if (account.value.uid === 0) throw unusable('that user is root; name another')
  openToAgent(paths, account.value)
  const { exitCode, problem, output } = await ask([...confiningSteps(setpriv, account.value), '/bin/sh', '-c', reachScript, 'sh', command.file, entry, paths.agent])
  if (exitCode !== 0) throw unusable(`${problem === '' ? output.trim() : problem}; every directory above must let that user pass (mode 711), the program must be readable by all`)
  return confineAgent(setpriv, account.value, base, command)
}
