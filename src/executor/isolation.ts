/**
 * How a job is held apart: what it may take, whom it runs as, whether it reaches a network; and the programs that see to
 * it, each of which becomes the next, the last one the job. Pure; what of them a node has is found by `child-isolation.ts`.
 *
 * These programs run before the job's user does, so nothing of what an order says is in their environment: its variables
 * get there under other names, and a shell, which is the job's already, gives them their own.
 */
import { limits } from '../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { limitNames, type HeldLimits, type JobLimits } from '../record/isolation.ts'
import type { NodeLimits } from '../trust/home-config.ts'
import type { Launch } from './format.ts'

/** A user of the machine, as its directory has it. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** What of all this the node can do: paths of programs, null where there is none or it does not work. */
export interface Mechanisms {
  /** Whom the executor runs as. */
  readonly uid: number
  readonly systemd: { readonly run: string; readonly control: string } | null
  readonly prlimit: string | null
  readonly setpriv: string | null
  readonly unshare: string | null
}

export interface IsolationDemand {
  readonly limits: JobLimits
  /** Null for the executor's own user. */
  readonly account: Account | null
  readonly network: 'none' | null
  readonly timeoutMs: number
  /** Of the scope, without `.scope`; no other job of this machine has it. */
  readonly unit: string
}

export interface Enclosure {
  /** Put before all else: begins a scope that holds the job, and whatever it starts. Empty without one. */
  readonly scope: readonly string[]
  /** Put before the job's own command. Empty where nothing is asked for. */
  readonly steps: readonly string[]
  /** The part of it that makes another user of a program. */
  readonly enter: readonly string[]
  readonly account: Account | null
  readonly held: HeldLimits | null
  readonly unit: string | null
}

/** Of a job that asks for nothing: it is started as it is. */
export const plainEnclosure: Enclosure = { scope: [], steps: [], enter: [], account: null, held: null, unit: null }

const missing = (detail: string): Rejected => reject('isolation-missing', detail)

/** An order's limits within the node's: what neither names is not limited. Errors: `limit-exceeded`. */
export const planLimits = (asked: JobLimits, { default: usual = {}, max = {} }: NodeLimits): Result<JobLimits> => {
  const planned: { -readonly [Name in keyof JobLimits]: JobLimits[Name] } = {}
  for (const name of limitNames) {
    const wanted = asked[name] ?? usual[name] ?? max[name]
    if (wanted === undefined) continue
    if (wanted > (max[name] ?? Infinity)) return reject('limit-exceeded', `the order asks for ${name} ${wanted}, this node allows ${max[name] ?? 0}`)
    planned[name] = wanted
  }
  return accept(planned)
}

/** Errors: `isolation-missing`. */
export const planEnclosure = (demand: IsolationDemand, mechanisms: Mechanisms): Result<Enclosure> => {
  const account = demand.account === null || demand.account.uid === mechanisms.uid ? null : demand.account
  const held = planHeld(demand, account, mechanisms)
  if (!held.ok) return held
  const network = demand.network === null ? accept([]) : planNoNetwork(mechanisms)
  if (!network.ok) return network
  const enter = account === null ? accept([]) : planEnter(account, mechanisms)
  if (!enter.ok) return enter
  const { scope, bounds, by } = held.value
  return accept({
    scope,
    steps: [...network.value, ...enter.value, ...bounds],
    enter: enter.value,
    account: demand.account,
    held: by === null ? null : { by, ...demand.limits },
    unit: by === 'systemd' ? `${demand.unit}.scope` : null
  })
}

interface Held {
  readonly by: HeldLimits['by'] | null
  readonly scope: readonly string[]
  readonly bounds: readonly string[]
}

const planHeld = ({ limits: wanted, unit, timeoutMs }: IsolationDemand, account: Account | null, { uid, systemd, prlimit }: Mechanisms): Result<Held> => {
  if (Object.keys(wanted).length === 0) return accept({ by: null, scope: [], bounds: [] })
  if (systemd !== null) return accept({ by: 'systemd', scope: scopeCommand(systemd.run, unit, wanted), bounds: [] })
  if (prlimit === null) return missing('this node cannot limit what a job takes: neither systemd-run nor prlimit (util-linux) works here')
  if (wanted.processes !== undefined && (account?.uid ?? uid) === 0) return missing('without systemd the processes of root cannot be limited on this node: order it for another user, with --user')
  return accept({ by: 'rlimits', scope: [], bounds: rlimitCommand(prlimit, wanted, timeoutMs) })
}

/** A transient scope: it ends with its last process. */
export const scopeCommand = (systemdRun: string, unit: string, { memoryBytes, processes, cpuPercent }: JobLimits): readonly string[] => [
  systemdRun, '--scope', '--collect', '--quiet', `--unit=${unit}`,
  ...(memoryBytes === undefined ? [] : ['-p', `MemoryMax=${memoryBytes}`]),
  ...(processes === undefined ? [] : ['-p', `TasksMax=${processes}`]),
  ...(cpuPercent === undefined ? [] : ['-p', `CPUQuota=${cpuPercent}%`]),
  '--'
]

/**
 * Of memory what a process may write to is counted, not the addresses that it sets aside, which runtimes do freely. Of the
 * processor there is no share, only a time: the share of the order's timeout.
 */
export const rlimitCommand = (prlimit: string, { memoryBytes, processes, cpuPercent }: JobLimits, timeoutMs: number): readonly string[] => {
  const cpuSeconds = cpuPercent === undefined ? 0 : Math.ceil((timeoutMs * cpuPercent) / 100_000)
  return [
    prlimit,
    ...(memoryBytes === undefined ? [] : [`--data=${memoryBytes}`]),
    ...(processes === undefined ? [] : [`--nproc=${processes}`]),
    ...(cpuPercent === undefined ? [] : [`--cpu=${cpuSeconds}:${cpuSeconds + limits.job.cpuGraceSeconds}`]),
    '--'
  ]
}

const planNoNetwork = ({ uid, unshare }: Mechanisms): Result<readonly string[]> => {
  if (uid !== 0) return missing('the executor does not run as root, so it cannot take the network from a job')
  return unshare === null ? missing('there is no unshare (util-linux) on this node, which takes the network from a job') : accept([unshare, '--net', '--'])
}

const planEnter = ({ name, uid, gid }: Account, mechanisms: Mechanisms): Result<readonly string[]> => {
  if (mechanisms.uid !== 0) return missing(`the executor does not run as root, so it cannot run a job as ${name}`)
  if (mechanisms.setpriv === null) return missing(`there is no setpriv (util-linux) on this node, which runs a job as ${name}`)
  return accept([mechanisms.setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--inh-caps=-all', '--'])
}

/** What a user is to know of itself. */
export const accountVariables = ({ name, home }: Account): Readonly<Record<string, string>> => ({ HOME: home, USER: name, LOGNAME: name })

export interface EnclosedLaunch extends Launch {
  readonly environment: Readonly<Record<string, string>>
}

const carried = 'WRIT_JOB_'
/** By these a job's processes are found. */
const marks = ['WRIT_EXECUTOR', 'WRIT_INDICATION'] as const

/** The command that is spawned, and its environment. */
export const encloseLaunch = ({ scope, steps }: Pick<Enclosure, 'scope' | 'steps'>, launch: Launch, environment: Readonly<Record<string, string>>): EnclosedLaunch => {
  const [file, ...args] = [...scope, ...steps]
  if (file === undefined) return { ...launch, environment }
  const names = Object.keys(environment)
  const renames = names.map((name) => `${name}=$${carried}${name}; export ${name}; unset ${carried}${name}`)
  const added = ['PWD', 'OLDPWD', 'SHLVL', '_'].filter((name) => !names.includes(name))
  const script = [...renames, `unset ${added.join(' ')}`, 'exec "$@"'].join('; ')
  const outer = Object.fromEntries(names.map((name) => [`${carried}${name}`, environment[name] ?? '']))
  for (const name of marks) outer[name] = environment[name] ?? ''
  return { file, args: [...args, '/bin/sh', '-c', script, 'sh', launch.file, ...launch.args], environment: outer }
}
