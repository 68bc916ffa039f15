import test, { type ExecutionContext } from 'ava'
import { build, type Metafile } from 'esbuild'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { encodeMessage } from '../../src/executor/ipc.ts'
import { createHomeDirectories, saveCharters, saveConfig, saveCredential, saveKey } from '../../src/trust/file-home.ts'
import { eventually } from '../fixtures/eventually.ts'
import { TestMesh } from '../fixtures/mesh.ts'
import { commandPayload, orderOf } from '../fixtures/orders.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import type { IndicationBody } from '../../src/record/indication.ts'

const project = path.join(import.meta.dirname, '..', '..')
/** Built inside the project, so that the native module is found. */
const builds = path.join(project, 'node_modules', '.cache')
let release = ''
let metafile: Metafile

test.before(async () => {
  await mkdir(builds, { recursive: true })
  release = await mkdtemp(path.join(builds, 'writ-executor-test-'))
  const built = await build({
    entryPoints: { executor: path.join(project, 'src/executor/main.ts'), agent: path.join(project, 'test/executor/agent-program.ts') },
    outdir: release, bundle: true, platform: 'node', format: 'esm', target: 'node24', external: ['classic-level'], metafile: true, logLevel: 'silent',
    banner: { js: "import { createRequire as createRequireOf } from 'node:module'; const require = createRequireOf(import.meta.url);" }
  })
  metafile = built.metafile
  await writeFile(path.join(release, 'package.json'), '{"type":"module"}')
})
test.after.always(() => rm(release, { recursive: true, force: true }))

/** The home of a node of a mesh that begins now. */
const createHome = async (t: ExecutionContext): Promise<{ home: string; offer: (name: string, argv: string[], change?: Partial<IndicationBody>) => Promise<void> }> => {
  const mesh = new TestMesh({ now: Date.now() })
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
  const offer = async (name: string, argv: string[], change: Partial<IndicationBody> = {}): Promise<void> => {
    const payload = commandPayload(...argv)
    const indication = orderOf(mesh, { payload: payload.ref, ...change })
    await writeFile(path.join(home, 'orders', name), encodeMessage({ kind: 'order', bundle: { indication: indication.bytes, controls: [], payload: payload.bytes } }))
  }
  return { home, offer }
}

const start = (t: ExecutionContext, ...args: string[]): ChildProcess => {
  const child = spawn(process.execPath, [path.join(release, 'executor.js'), ...args], { stdio: ['ignore', 'inherit', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

const errorText = ({ stderr }: ChildProcess): Promise<string> => (stderr === null ? Promise.resolve('') : text(stderr))

const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> => {
  const exit = once(child, 'exit')
  child.kill(signal)
  const [exitCode] = (await exit) as [number | null]
  return exitCode
}

interface Heard {
  readonly kind: string
  readonly state?: string
  readonly code?: string | null
  readonly pid?: number
}

const hears = (home: string, isReached: (heard: Heard[]) => boolean): Promise<Heard[]> =>
  eventually(async () => (await readFile(path.join(home, 'heard'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Heard), isReached, 15_000)

const states = (heard: Heard[]): (string | undefined)[] => heard.filter(({ kind }) => kind === 'statement').map(({ state }) => state)

test('an executor starts its agent, runs an order, and stops in good order', async (t) => {
  const { home, offer } = await createHome(t)
  await offer('1', ['true'])
  const executor = start(t, home)
  t.deepEqual(states(await hears(home, (heard) => heard.length >= 3)), ['running', 'succeeded'])
  t.is(await end(executor, 'SIGTERM'), 0)
})

test('a stop interrupts what runs, and the agent still hears of it', async (t) => {
  const { home, offer } = await createHome(t)
  await offer('1', ['sleep', '60'])
  const executor = start(t, home)
  await hears(home, (heard) => heard.length >= 2)
  t.is(await end(executor, 'SIGINT'), 0)
  t.deepEqual(states(await hears(home, () => true)), ['running', 'interrupted'])
})

test('an executor that was killed while an order ran says that it was interrupted, and ends what was left of it', async (t) => {
  const { home, offer } = await createHome(t)
  const marks = path.join(home, 'marks')
  const pidFile = path.join(home, 'pid')
  await offer('1', ['sh', '-c', `echo started >> ${marks}; echo $$ > ${pidFile}; exec sleep 60`])
  const first = start(t, home)
  const pid = Number(await eventually(() => readFile(pidFile, 'utf8').catch(() => ''), (content) => content.endsWith('\n')))
  await end(first, 'SIGKILL')
  const second = start(t, home)
  const heard = await hears(home, (all) => states(all).includes('interrupted'))
  t.is(heard.find(({ state }) => state === 'interrupted')?.code, 'restarted')
  t.is(await end(second, 'SIGTERM'), 0)
  t.is(await readFile(marks, 'utf8'), 'started\n')
  await eventually(() => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''), (environment) => environment === '')
})

test('an agent that is killed comes back, and hears the outcome of what ran meanwhile', async (t) => {
  const { home, offer } = await createHome(t)
  const marks = path.join(home, 'marks')
  await offer('1', ['sh', '-c', `echo started >> ${marks}; exec sleep 0.3`])
  const executor = start(t, home)
  const [ready] = await hears(home, (heard) => heard.length >= 2)
  process.kill(ready?.pid ?? 0, 'SIGKILL')
  const heard = await hears(home, (all) => states(all).includes('succeeded'))
  t.is(heard.filter(({ kind }) => kind === 'ready').length, 2)
  t.is(await readFile(marks, 'utf8'), 'started\n')
  t.is(await end(executor, 'SIGTERM'), 0)
})

test('a journal that is gone is replaced: what may have run is not started again, and newer orders run', async (t) => {
  const { home, offer } = await createHome(t)
  const marks = path.join(home, 'marks')
  const record = ['sh', '-c', `echo $WRIT_INDICATION >> ${marks}`]
  await offer('1', record)
  const first = start(t, home)
  await hears(home, (heard) => states(heard).includes('succeeded'))
  await end(first, 'SIGKILL')
  await rm(path.join(home, 'executor', 'journal'), { recursive: true })
  await writeFile(path.join(home, 'heard'), '')
  const second = start(t, home)
  const heard = await hears(home, (all) => states(all).includes('interrupted'))
  t.is(heard.find(({ state }) => state === 'interrupted')?.code, 'journal-lost')
  t.is(await end(second, 'SIGTERM'), 0)
  const setAside = (await readdir(path.join(home, 'executor'))).filter((name) => name.startsWith('journal.missing-'))
  t.is(setAside.length, 1)
  await writeFile(path.join(home, 'heard'), '')
  await offer('2', record, { createdAt: Date.now() + 1 })
  const third = start(t, home)
  await hears(home, (all) => states(all).includes('succeeded'))
  t.is(await end(third, 'SIGTERM'), 0)
  t.is((await readFile(marks, 'utf8')).trim().split('\n').length, 2)
})

test('a home that is in use is refused', async (t) => {
  const { home } = await createHome(t)
  const first = start(t, home)
  await hears(home, (heard) => heard.length >= 1)
  const second = start(t, home)
  const [message, [exitCode]] = await Promise.all([errorText(second), once(second, 'exit') as Promise<[number]>])
  t.is(exitCode, 7)
  t.regex(message, /\[home-in-use\]/)
  t.is(await end(first, 'SIGTERM'), 0)
})

test('without a home it says what it needs', async (t) => {
  const executor = start(t)
  const [message, [exitCode]] = await Promise.all([errorText(executor), once(executor, 'exit') as Promise<[number]>])
  t.is(exitCode, 7)
  t.regex(message, /\[bad-usage\]/)
})

test('nothing in the executor can open a socket', (t) => {
  const output = Object.entries(metafile.outputs).find(([name]) => name.endsWith('executor.js'))?.[1]
  const imports = output?.imports.map((imported) => imported.path.replace(/^node:/, '')) ?? []
  t.true(imports.includes('child_process'))
  t.deepEqual(imports.filter((name) => /^(?:net|http|https|http2|tls|dgram|dns|inspector)(?:\/|$)/.test(name)), [])
  t.deepEqual(Object.keys(output?.inputs ?? {}).filter((name) => /libp2p|helia/.test(name)), [])
})
