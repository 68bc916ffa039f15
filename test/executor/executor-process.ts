/** Executors as processes of their own, bundled as in a release, with an agent beside them that a test brings. */
import { build, type Metafile } from 'esbuild'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { encodeMessage } from '../../src/executor/ipc.ts'
import { createHomeDirectories, saveCharters, saveConfig, saveCredential, saveKey } from '../../src/trust/file-home.ts'
import { eventually } from '../fixtures/eventually.ts'
import { TestMesh, type TestNode } from '../fixtures/mesh.ts'
import { commandPayload, orderOf } from '../fixtures/orders.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import type { ExecutionContext } from 'ava'
import type { IndicationId } from '../../src/base/brand.ts'
import type { IndicationBody } from '../../src/record/indication.ts'

const project = path.join(import.meta.dirname, '..', '..')
/** Built inside the project, so that the native module is found. */
const builds = path.join(project, 'node_modules', '.cache')

export interface Release {
  readonly directory: string
  readonly metafile: Metafile
}

/** `agent` is a file beside this one. To be removed by `removeRelease`. */
export const buildRelease = async (agent: string): Promise<Release> => {
  await mkdir(builds, { recursive: true })
  const directory = await mkdtemp(path.join(builds, 'writ-executor-test-'))
  const { metafile } = await build({
    entryPoints: { executor: path.join(project, 'src/executor/main.ts'), jobs: path.join(project, 'src/executor/jobs/main.ts'), agent: path.join(import.meta.dirname, agent) },
    outdir: directory, bundle: true, platform: 'node', format: 'esm', target: 'node24', external: ['classic-level'], metafile: true, logLevel: 'silent',
    banner: { js: "import { createRequire as createRequireOf } from 'node:module'; const require = createRequireOf(import.meta.url);" }
  })
  await writeFile(path.join(directory, 'package.json'), '{"type":"module"}')
  return { directory, metafile }
}

export const removeRelease = (release: Release | undefined): Promise<void> => (release === undefined ? Promise.resolve() : rm(release.directory, { recursive: true, force: true }))

export interface TestHome {
  readonly home: string
  readonly mesh: TestMesh
  readonly node: TestNode
  /** The agent of `agent-program.ts` hands it over at its next start, in the order of names. */
  offer(name: string, argv: readonly string[], change?: Partial<IndicationBody>): Promise<IndicationId>
}

/** The home of a node of a mesh that begins now. */
export const createHome = async (t: ExecutionContext, mesh = new TestMesh({ now: Date.now() })): Promise<TestHome> => {
  const node = mesh.node('web-1')
  const home = path.join(await temporaryDirectory(t), 'home')
  const paths = createHomeDirectories(home, ['agent', 'executor'])
  saveKey(paths.executorKey, 'ed25519', node.executor.seed)
  saveCharters(paths, 'executor', mesh.chain)
  saveCredential(paths, 'executor', node.credential.bytes)
  saveConfig(paths, {
    kind: 'node', version: 1, mesh: mesh.mesh, meshName: 'lab', name: 'web-1', endpoints: [], role: 'agent', listen: [], gossip: false, pullIntervalMs: 1000, syncIntervalMs: 1000,
    concurrentJobs: 2, stopGraceMs: 100, retention: { mode: 'label', ageMs: 1000 }, logLevel: 'error'
  })
  await mkdir(path.join(home, 'orders'))
  const offer = async (name: string, argv: readonly string[], change: Partial<IndicationBody> = {}): Promise<IndicationId> => {
    const payload = commandPayload(...argv)
    const indication = orderOf(mesh, { payload: payload.ref, ...change })
    await writeFile(path.join(home, 'orders', name), encodeMessage({ kind: 'order', bundle: { indication: indication.bytes, controls: [], payload: payload.bytes } }))
    return indication.id
  }
  return { home, mesh, node, offer }
}

/** `flags` are for Node. */
export const startExecutor = (t: ExecutionContext, { directory }: Release, args: readonly string[], flags: readonly string[] = []): ChildProcess => {
  const child = spawn(process.execPath, [...flags, path.join(directory, 'executor.js'), ...args], { stdio: ['ignore', 'inherit', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

export const errorText = ({ stderr }: ChildProcess): Promise<string> => (stderr === null ? Promise.resolve('') : text(stderr))

/** The exit code. */
export const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> => {
  const exit = once(child, 'exit')
  child.kill(signal)
  const [exitCode] = (await exit) as [number | null]
  return exitCode
}

/** A line that an agent of a test has written down. */
export interface Heard {
  readonly kind: string
  readonly state?: string
  readonly code?: string | null
  readonly pid?: number
  readonly indication?: IndicationId | null
}

export const hears = (home: string, isReached: (heard: Heard[]) => boolean): Promise<Heard[]> =>
  eventually(async () => (await readFile(path.join(home, 'heard'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Heard), isReached, 15_000)

export const states = (heard: readonly Heard[]): (string | undefined)[] => heard.filter(({ kind }) => kind === 'statement').map(({ state }) => state)
