/** A whole executor but for its own process: real driver, journal, cache and child processes in a temporary folder. */
import path from 'node:path'
import { toBase32, utf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/codec.ts'
import { silentLog } from '../../src/base/log.ts'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { systemTimers } from '../../src/base/system-clock.ts'
import { createIsolation, type Isolation } from '../../src/executor/child-isolation.ts'
import { createMachine } from '../../src/executor/child-machine.ts'
import { createScan, scanNothing } from '../../src/executor/child-scanner.ts'
import { ChildRunner, type Runner } from '../../src/executor/child-runner.ts'
import { ExecutorDriver } from '../../src/executor/driver.ts'
import { FileCache } from '../../src/executor/file-cache.ts'
import { fileExecutables } from '../../src/executor/file-executables.ts'
import { FileOutputs } from '../../src/executor/file-output.ts'
import { Journal } from '../../src/executor/journal.ts'
import { createFormats } from '../../src/executor/system-formats.ts'
import { killOrphans } from '../../src/executor/system-orphans.ts'
import { Verifier } from '../../src/executor/verification.ts'
import { outputsOf } from '../../src/record/statement.ts'
import { controlKind } from '../../src/record/control.ts'
import { sealRecord } from '../../src/record/record.ts'
import { TestMesh } from '../fixtures/mesh.ts'
import { commandPayload, orderOf, payloadOf } from '../fixtures/orders.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { FakeAgent, type FakeAgentSettings } from './fake-agent.ts'
import type { SteadyClock, Timers } from '../../src/base/clock.ts'
import type { Succession } from '../../src/executor/updates.ts'
import type { KeyValueStore } from '../../src/base/key-value-store.ts'
import type { JobMachineOptions } from '../../src/executor/job-events.ts'
import type { Machine } from '../../src/executor/prerequisites.ts'
import type { NodeConfig, NodeLimits, Scanner } from '../../src/trust/home-config.ts'
import type { Bundle } from '../../src/record/bundle.ts'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { Signer } from '../../src/record/keys.ts'
import type { Indication } from '../../src/trust/order.ts'
import type { CharterChain } from '../../src/trust/charter-chain.ts'
import type { ExecutionContext } from 'ava'

export const mesh = new TestMesh()
export const node = mesh.node('web-1', { labels: { role: 'web' } })

export const machineOptions: JobMachineOptions = {
  concurrentJobs: 2, pendingJobsMax: 8, cacheBytesMax: 64 << 20, attemptsMax: 3, killGraceMs: 200, stopGraceMs: 200, clockToleranceMs: limits.trust.clockToleranceMs
}

export interface WorkbenchSettings {
  readonly store?: KeyValueStore
  readonly directory?: string
  readonly agent?: FakeAgentSettings
  readonly options?: Partial<JobMachineOptions>
  readonly clock?: SteadyClock
  readonly timers?: Timers
  readonly runner?: (real: Runner) => Runner
  readonly chain?: CharterChain
  readonly machine?: Partial<Machine>
  readonly scanner?: Scanner
  readonly formats?: NodeConfig['formats']
  readonly isolation?: Isolation
  readonly limits?: NodeLimits
  readonly noteAhead?: (createdAt: number) => void
  readonly succession?: Succession
}

export interface Workbench {
  readonly driver: ExecutorDriver
  readonly agent: FakeAgent
  readonly journal: Journal
  readonly store: KeyValueStore
  readonly directory: string
  readonly saved: CharterChain[]
  readonly failures: unknown[]
  /** How often the node was told that it is to end. */
  readonly left: readonly true[]
  attach(settings?: FakeAgentSettings): FakeAgent
}

/** Time runs from the mesh's start, so that its credentials and orders are valid. */
const runningClock = (): SteadyClock => {
  const offset = mesh.now - performance.now()
  return { now: () => Math.round(offset + performance.now()), monotonic: () => performance.now() }
}

export const openWorkbench = async (t: ExecutionContext, settings: WorkbenchSettings = {}): Promise<Workbench> => {
  const directory = settings.directory ?? (await temporaryDirectory(t))
  const store = settings.store ?? new MemoryStore()
  const journal = await Journal.open(store)
  const outputs = await FileOutputs.open(path.join(directory, 'outputs'), journal.unkept().flatMap(({ body }) => outputsOf(body)))
  const formats = createFormats({ program: { directory: '/nowhere', runtime: process.execPath }, configured: settings.formats ?? {}, searchPath: process.env['PATH'] ?? '', leftMark: path.join(directory, 'left.json'), launcher: settings.succession === undefined ? null : { protocol: 1, slots: settings.succession.slots } })
  const timers = settings.timers ?? systemTimers
  const runner = new ChildRunner(timers, outputs)
  const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  const saved: CharterChain[] = []
  const failures: unknown[] = []
  const left: true[] = []
  const driver = new ExecutorDriver(
    {
      mesh: mesh.mesh, signer: node.executor, journal, outputs, timers,
      verifier: new Verifier(settings.chain ?? mesh.chain, node.credential.body, new Set(formats.keys())),
      cache: await FileCache.open(directory, path.join(directory, 'shared')),
      runner: settings.runner?.(runner) ?? runner,
      formats,
      executables: fileExecutables,
      machine: { ...createMachine(directory, environment), ...settings.machine },
      scan: settings.scanner === undefined ? scanNothing : createScan(settings.scanner, fileExecutables, environment),
      killOrphans: (orders, birth) => killOrphans(node.executor.key, orders, birth),
      isolation: settings.isolation ?? createIsolation({ executor: node.executor.key, limits: settings.limits ?? {}, executables: fileExecutables, environment }),
      baseEnvironment: { executor: node.executor.key, path: process.env['PATH'] ?? '/usr/bin:/bin', home: directory, lang: 'C' },
      noteAhead: settings.noteAhead ?? (() => undefined),
      saveCharters: (chain) => void saved.push(chain),
      succession: settings.succession ?? null,
      clock: settings.clock ?? runningClock(),
      log: silentLog,
      left: () => void left.push(true),
      fatal: (error) => void failures.push(error)
    },
    { ...machineOptions, ...settings.options }
  )
  await driver.start()
  t.teardown(() => driver.stop())
  const attach = (agentSettings?: FakeAgentSettings) => new FakeAgent(driver, node.executor.key, agentSettings)
  return { driver, journal, store, directory, saved, failures, left, attach, agent: attach(settings.agent) }
}

let nonces = 0
/** A nonce that no other order of this process has. */
const nextNonce = (): string => {
  nonces += 1
  return toBase32(sha256(utf8(`nonce ${nonces}`)).slice(0, 16))
}

export interface TestOrder {
  readonly id: Indication['id']
  readonly indication: Indication
  readonly bundle: Bundle
  readonly payload: Uint8Array
}

export const orderFrom = (bytes: Uint8Array, change: Partial<IndicationBody>, controls: readonly Uint8Array[] = [], signer?: Signer): TestOrder => {
  const indication = orderOf(mesh, { payload: payloadOf(bytes).ref, nonce: nextNonce(), ...change }, signer)
  return { id: indication.id, indication, payload: bytes, bundle: { indication: indication.bytes, controls: [...controls], payload: bytes.length <= limits.payload.inlineBytesMax ? bytes : null } }
}

export const commandOrder = (argv: readonly string[], change: Partial<IndicationBody> = {}, controls: readonly Uint8Array[] = [], signer?: Signer): TestOrder =>
  orderFrom(commandPayload(...argv).bytes, change, controls, signer)

export const scriptOrder = (script: string | Uint8Array, change: Partial<IndicationBody> = {}): TestOrder =>
  orderFrom(typeof script === 'string' ? Buffer.from(script) : script, { format: 'script', ...change }, [])

export const cancelOf = (order: TestOrder, signer: Signer = mesh.admin): Uint8Array =>
  sealRecord(controlKind, { mesh: mesh.mesh, admin: signer.key, indication: order.id, action: 'cancel', at: mesh.now }, [signer]).bytes
