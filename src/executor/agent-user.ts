/**
 * How an agent is started as another user than the executor: by setpriv, which becomes it, with no group but that user's own,
 * no capability, none to be had later, and nothing in its environment that the executor was told. Pure.
 */
import type { AgentCommand } from './child-agent.ts'
import { inheritedEnvironment, type BaseEnvironment } from './environment.ts'
import { accountVariables, type Account } from './isolation.ts'

/** Put before a command, makes it that user's for good. */
export const confiningSteps = (setpriv: string, { uid, gid }: Pick<Account, 'uid' | 'gid'>): readonly string[] => [
  setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all', '--'
]

export const confineAgent = (setpriv: string, account: Account, base: BaseEnvironment, { file, args }: AgentCommand): AgentCommand => {
  const [first = setpriv, ...steps] = confiningSteps(setpriv, account)
  return { file: first, args: [...steps, file, ...args], environment: { ...inheritedEnvironment(base), ...accountVariables(account) } }
}

/** Says which of these that user cannot use: a program, a file to read, a directory to write to. */
export const reachScript = 'test -x "$1" || { echo "cannot run $1"; exit 1; }; test -r "$2" || { echo "cannot read $2"; exit 1; }; test -w "$3" && test -x "$3" || { echo "cannot write to $3"; exit 1; }'
