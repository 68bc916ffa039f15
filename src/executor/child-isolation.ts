/** What this machine has to hold jobs apart, whom it knows, and whether that works for one job. */
import { limits } from '../base/limits.ts'
import { accept, reject, type Result } from '../base/result.ts'
import type { IndicationId, KeyId } from '../base/brand.ts'
import type { IndicationBody } from '../record/indication.ts'
import type { NodeLimits } from '../trust/home-config.ts'
import { probe, type Probe } from './child-probe.ts'
import type { Executables } from './format.ts'
import { plainEnclosure, planEnclosure, planLimits, scopeCommand, type Account, type Enclosure, type Mechanisms } from './isolation.ts'

/** What the executor asks of its machine about one job's isolation. */
export interface Isolation {
  /** Errors: `limit-exceeded`, `unknown-user`, `isolation-missing`. */
  plan(id: IndicationId, body: IndicationBody): Promise<Result<Enclosure>>
  /** Whether the job would come to run, and could read its payload. Errors: `isolation-missing`. */
  check(enclosure: Enclosure, payloadPath: string): Promise<Result<null>>
  /** Ends what is left in a job's scope. Never throws. */
  end(enclosure: Enclosure): Promise<void>
}

export interface IsolationDeps {
  readonly executor: KeyId
  readonly limits: NodeLimits
  readonly executables: Executables
  /** Of the programs that see to it. */
  readonly environment: Readonly<Record<string, string>>
}

const { probeTimeoutMs, memoryBytesMin } = limits.job

/** Looks at the machine at once, and waits for what is found when it is first needed. */
export const createIsolation = (deps: IsolationDeps): Isolation => {
  const found = findMechanisms(deps)
  const ask = (command: readonly string[]): Promise<Probe> => askProgram(command, deps.environment)
  return {
    async plan(id, body) {
      const planned = planLimits(body.limits ?? {}, deps.limits)
      if (!planned.ok) return planned
      if (Object.keys(planned.value).length === 0 && body.user === undefined && body.network === undefined) return accept(plainEnclosure)
      const account = body.user === undefined ? accept(null) : await findAccount(body.user, ask)
      if (!account.ok) return account
      const unit = `writ-${deps.executor.slice(0, 16)}-${id}`
      return planEnclosure({ limits: planned.value, account: account.value, network: body.network ?? null, timeoutMs: body.timeoutMs, unit }, await found)
    },
    async check({ steps, account }, payloadPath) {
      if (steps.length === 0) return accept(null)
      const { exitCode, problem, output } = await ask([...steps, '/bin/sh', '-c', 'test -r "$1" || { echo "cannot reach $1"; exit 1; }', 'sh', payloadPath])
      const who = account === null ? 'the job' : account.name
      return exitCode === 0 ? accept(null) : reject('isolation-missing', `a job as this order wants it does not come to run here: ${who}: ${problem || output.trim()}`)
    },
    async end({ unit }) {
      if (unit === null) return
      const { systemd } = await found
      if (systemd !== null) await ask([systemd.control, 'kill', '--signal=SIGKILL', unit]) // fails where nothing is left
    }
  }
}

const askProgram = async ([file = '', ...args]: readonly string[], environment: Readonly<Record<string, string>>): Promise<Probe> => probe(file, args, { environment, timeoutMs: probeTimeoutMs })

export const findMechanisms = async ({ executables, environment, executor }: IsolationDeps): Promise<Mechanisms> => {
  const find = async (name: string): Promise<string | null> => (await executables.find(name, environment['PATH'] ?? '')) ?? null
  const [run, control, prlimit, setpriv, unshare] = await Promise.all([find('systemd-run'), find('systemctl'), find('prlimit'), find('setpriv'), find('unshare')])
  const hasScopes = run !== null && control !== null && (await runsScopes(run, executor, environment))
  return {
    uid: process.geteuid?.() ?? -1,
    systemd: hasScopes ? { run, control } : null,
    prlimit,
    setpriv,
    unshare
  }
}

/** The program may be there and no systemd run; or the executor may not ask it for anything. */
const runsScopes = async (run: string, executor: KeyId, environment: Readonly<Record<string, string>>): Promise<boolean> => {
  const command = scopeCommand(run, `writ-${executor.slice(0, 16)}-${process.pid}`, { memoryBytes: memoryBytesMin, processes: 16, cpuPercent: 100 })
  return (await askProgram([...command, '/bin/sh', '-c', ':'], environment)).exitCode === 0
}

/** Errors: `unknown-user`. */
export const findAccount = async (name: string, ask: (command: readonly string[]) => Promise<Probe>): Promise<Result<Account>> => {
  const { exitCode, output } = await ask(['getent', 'passwd', name])
  const [found, , uid = '', gid = '', , home = ''] = output.trim().split(':')
  if (exitCode !== 0 || found !== name || !/^[0-9]+$/.test(uid) || !/^[0-9]+$/.test(gid)) return reject('unknown-user', `there is no user ${name} on this node`)
  return accept({ name, uid: Number(uid), gid: Number(gid), home: home === '' ? '/' : home })
}
