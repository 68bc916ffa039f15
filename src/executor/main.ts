/**
 * The executor process of a node: `node executor.js HOME`. Composition root; starts the agent and ends with it. Imports
 * nothing that opens a socket: its only channel is the pipe to the agent.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeError, isWritError, WritError } from '../base/errors.ts'
import { openOrReplace } from '../base/level-guard.ts'
import { limits } from '../base/limits.ts'
import { systemClock, systemTimers } from '../base/system-clock.ts'
import { createSystemLog } from '../base/system-log.ts'
import { systemRandom } from '../base/system-random.ts'
import { loadCharters, loadCredential, loadSigner, openNodeHome, saveCharters, type Home } from '../trust/file-home.ts'
import { refuseLeft } from '../trust/file-left.ts'
import { agentSettingsOf } from '../trust/agent-settings.ts'
import { loadRestored } from '../trust/file-restored.ts'
import { outputsOf } from '../record/statement.ts'
import type { LevelStore } from '../base/level-store.ts'
import type { Log } from '../base/log.ts'
import type { KeyId, Millis } from '../base/brand.ts'
import type { NodeConfig } from '../trust/home-config.ts'
import type { Output } from '../record/statement.ts'
import type { Role } from '../record/invite.ts'
import { AgentProcess, type AgentCommand } from './child-agent.ts'
import { prepareAgentUser } from './child-agent-user.ts'
import { createMachine } from './child-machine.ts'
import { createIsolation } from './child-isolation.ts'
import { ChildRunner } from './child-runner.ts'
import { createScan, scanNothing } from './child-scanner.ts'
import { ExecutorDriver, type DriverDeps } from './driver.ts'
import { agentFlagsOf, executorFlags } from './engine-flags.ts'
import { inheritedEnvironment, type BaseEnvironment } from './environment.ts'
import { FileCache } from './file-cache.ts'
import { fileExecutables } from './file-executables.ts'
import { FileOutputs } from './file-output.ts'
import { shareProgram, type Program } from './file-program.ts'
import { FileReleaseFiles } from './file-release-files.ts'
import { FileSlots } from './file-slots.ts'
import { NewestStart } from './file-newest-start.ts'
import { Journal, writeLoss } from './journal.ts'
import { createFormats } from './system-formats.ts'
import { killOrphans } from './system-orphans.ts'
import { Verifier } from './verification.ts'
import type { Succession } from './updates.ts'

/**
 * The journal's store. One that is damaged is set aside, and the new one says that what was started so far may be missing.
 * Errors: `home-in-use`, and those of `openOrReplace`.
 */
const openStore = async (home: Home, newestStart: NewestStart, log: Log): Promise<LevelStore> => {
  try {
    const begin = (store: LevelStore, at: Millis): Promise<void> => writeLoss(store, Math.max(at, newestStart.at))
    return (await openOrReplace(home.paths.journal, { clock: systemClock, log, begin })).store
  } catch (error) {
    if (!isWritError(error, 'store-locked')) throw error
    throw new WritError('home-in-use', `a node runs in ${home.paths.home} already; stop it first`, { details: { home: home.paths.home }, cause: error })
  }
}

interface OpenedDriver {
  readonly store: LevelStore
  readonly driver: ExecutorDriver
  readonly base: BaseEnvironment
  readonly program: Program
}

interface Opened {
  readonly store: LevelStore
  readonly newestStart: NewestStart
}

const baseEnvironment = (executor: KeyId): BaseEnvironment => ({
  executor,
  path: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  home: process.env['HOME'] ?? '/',
  lang: process.env['LANG'] ?? 'C.UTF-8'
})

const ownProgram: Program = { directory: fileURLToPath(new URL('.', import.meta.url)), runtime: process.execPath }

/** Part of a release; in the source tree it is the node's entry. */
const findAgent = ({ directory }: Program): string => {
  const bundled = join(directory, 'agent.js')
  return existsSync(bundled) ? bundled : fileURLToPath(new URL('../node/main.ts', import.meta.url))
}

const commandOf = (home: string, role: Role, { runtime }: Program, entry: string): AgentCommand => {
  const inherited = process.execArgv.filter((flag) => !executorFlags.includes(flag))
  return { file: runtime, args: [...inherited, ...agentFlagsOf(role), entry, home], environment: process.env }
}

/** After a restore nothing tells which clocks were how far ahead when something was started that the backup does not know. */
const noteRestore = async (home: Home, journal: Journal): Promise<void> => {
  const restored = loadRestored(home.paths)
  if (restored !== null && restored.at + limits.trust.clockToleranceMs > journal.lostBefore) await journal.recordLoss(restored.at + limits.trust.clockToleranceMs)
}

const handOverCode = 75

/** What the launcher said of itself; null without one. */
const findLauncher = (home: Home): { readonly protocol: number; readonly slots: FileSlots } | null => {
  const protocol = Number(process.env['WRIT_LAUNCHER'])
  return Number.isInteger(protocol) && protocol > 0 ? { protocol, slots: new FileSlots(home.paths.releases, fileURLToPath(import.meta.url)) } : null
}

/** As another user once the home is held, where `writ.json` names one; else at once. */
const planAgent = async ({ paths, config }: Home<NodeConfig>, opening: Promise<OpenedDriver>): Promise<AgentCommand> => {
  const { agentUser, role } = config
  if (agentUser === undefined) return commandOf(paths.home, role, ownProgram, findAgent(ownProgram))
  const { base, program } = await opening
  const entry = findAgent(program)
  return prepareAgentUser(agentUser, commandOf(paths.home, role, program, entry), entry, { paths, executables: fileExecutables, base, uid: process.geteuid?.() ?? -1 })
}

type Ends = Pick<DriverDeps, 'fatal' | 'left'> & Pick<Succession, 'handOver'>

const createDriver = async (home: Home<NodeConfig>, { store, newestStart }: Opened, log: Log, { fatal, left, handOver }: Ends): Promise<Omit<OpenedDriver, 'store'>> => {
  const chain = loadCharters(home, 'executor')
  const signer = loadSigner(home.paths.executorKey)
  const { body } = loadCredential(home, 'executor', chain).credential
  if (body.executor !== signer.key) throw new WritError('bad-credential-file', `the credential in ${home.paths.home} names another executor key; restore both from one backup`, { details: { home: home.paths.home } })
  const launcher = findLauncher(home)
  const base = baseEnvironment(signer.key)
  const program = process.geteuid?.() === 0 ? shareProgram(ownProgram, home.paths) : ownProgram
  const formats = createFormats({ program, configured: home.config.formats, searchPath: base.path, leftMark: home.paths.left, launcher })
  const environment = inheritedEnvironment(base)
  const journal = await Journal.open(store)
  await noteRestore(home, journal)
  const outputs = await FileOutputs.open(join(home.paths.cache, 'outputs'), journal.unkept().flatMap(({ body }) => outputsOf(body)))
  const driver = new ExecutorDriver(
    {
      mesh: chain.mesh, signer, journal, outputs, formats, log, fatal, left,
      verifier: new Verifier(chain, body, new Set(formats.keys())),
      cache: await FileCache.open(home.paths.cache, home.paths.sharedJobs),
      runner: new ChildRunner(systemTimers, outputs),
      executables: fileExecutables,
      machine: createMachine(home.paths.home, environment),
      scan: home.config.scanner === null ? scanNothing : createScan(home.config.scanner, fileExecutables, environment),
      killOrphans: (orders, birth) => killOrphans(signer.key, orders, birth),
      noteAhead: (createdAt) => newestStart.note(createdAt),
      succession: launcher === null ? null : { slots: launcher.slots, handOver, files: new FileReleaseFiles(ownProgram.directory, ownProgram.runtime, log), keepLog: (bytes) => keepLog(outputs, join(home.paths.cache, 'attempt'), bytes) },
      isolation: createIsolation({ executor: signer.key, limits: home.config.jobLimits, executables: fileExecutables, environment }),
      baseEnvironment: base,
      saveCharters: (newer) => saveCharters(home.paths, 'executor', newer),
      clock: systemClock,
      timers: systemTimers
    },
    {
      concurrentJobs: home.config.concurrentJobs,
      stopGraceMs: home.config.stopGraceMs,
      pendingJobsMax: limits.executor.pendingJobsMax,
      cacheBytesMax: limits.executor.cacheBytesMax,
      attemptsMax: limits.executor.attemptsMax,
      killGraceMs: limits.executor.killGraceMs,
      clockToleranceMs: limits.trust.clockToleranceMs
    }
  )
  return { driver, base, program }
}

const keepLog = async (outputs: FileOutputs, path: string, bytes: Uint8Array): Promise<Output> => {
  const capture = outputs.capture(path)
  await capture.write(bytes)
  return capture.finish()
}

const open = async (home: Home<NodeConfig>, log: Log, ends: Ends): Promise<OpenedDriver> => {
  const newestStart = new NewestStart(home.paths.newestStart)
  const store = await openStore(home, newestStart, log)
  const created = await createDriver(home, { store, newestStart }, log, ends)
  await created.driver.start()
  return { store, ...created }
}

/** The exit code. */
const run = async (directory: string): Promise<number> => {
  const home = openNodeHome(resolve(directory))
  refuseLeft(home.paths)
  const log = createSystemLog('executor', home.config.logLevel)
  const stopSignal = Promise.withResolvers<void>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopSignal.resolve())
  const cancelWatch = watchLauncher(() => stopSignal.resolve())
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => undefined) // waited for below; it may come before
  const replaced = Promise.withResolvers<typeof handOverCode>()
  const left = (): void => void systemTimers.after(limits.executor.leaveMs, stopSignal.resolve)
  const opening = open(home, log, { fatal: failure.reject, left, handOver: () => replaced.resolve(handOverCode) })
  const later = (work: (driver: ExecutorDriver) => void): void => void opening.then(({ driver }) => work(driver), () => undefined)
  const settings = agentSettingsOf(home.config, loadRestored(home.paths)?.at ?? null)
  const startAgent = (command: AgentCommand): AgentProcess => {
    const agent = new AgentProcess({ clock: systemClock, timers: systemTimers, random: systemRandom, log }, command, {
      attached: (channel) => {
        void channel.send({ kind: 'settings', settings })
        later((driver) => driver.attach(channel))
      },
      message: async (message) => (await opening).driver.receive(message),
      detached: () => later((driver) => driver.detach())
    })
    agent.start()
    return agent
  }
  // Its start takes longer than the opening of the journal: both at once, where its user may read the home.
  const starting = planAgent(home, opening).then(startAgent)
  starting.catch(() => undefined) // waited for below
  try {
    const { driver } = await opening
    await starting
    const isReplaced = (await Promise.race([stopSignal.promise, failure.promise, replaced.promise])) === handOverCode
    if (isReplaced) {
      log.info('another release is started', {})
      return handOverCode
    }
    log.info('the node is stopping')
    await Promise.race([driver.stop(), failure.promise])
    await settle(driver.allKept())
    return 0
  } finally {
    cancelWatch()
    await starting.then((agent) => agent.stop(), () => undefined)
    await opening.then(({ store }) => store.close(), () => undefined)
  }
}

/** A launcher that was killed leaves its executor to nobody, and the next one could not start beside it. */
const watchLauncher = (onGone: () => void): (() => void) => {
  const launcher = Number(process.env['WRIT_LAUNCHER_PID'])
  if (!Number.isInteger(launcher)) return () => undefined // started without one
  let cancel = (): void => undefined
  const look = (): void => {
    if (process.ppid !== launcher) return onGone()
    cancel = systemTimers.after(limits.executor.launcherLookMs, look)
  }
  look()
  return () => cancel()
}

/** Waits for the agent to keep the last statements, but not for ever. */
const settle = async (kept: Promise<void>): Promise<void> => {
  const late = Promise.withResolvers<void>()
  const cancel = systemTimers.after(limits.executor.agentStopMs, late.resolve)
  await Promise.race([kept, late.promise])
  cancel()
}

/** Errors go to standard error as one line; what is wrong with the home exits with 7, as in every command of Writ. */
const main = async (): Promise<number> => {
  const [directory] = process.argv.slice(2)
  try {
    if (directory === undefined) throw new WritError('bad-usage', 'the executor needs the directory of a home: executor HOME')
    return await run(directory)
  } catch (error) {
    process.stderr.write(`writ: ${describeError(error)}${isWritError(error) ? ` [${error.code}]` : ''}\n`)
    return isWritError(error) ? 7 : 1
  }
}

process.exit(await main())
