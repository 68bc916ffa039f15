/** Nodes that replace themselves: real releases, real processes. Each test leaves its nodes on a good release. */
import test from 'ava'
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { eventually } from '../fixtures/eventually.ts'
import { processesIn } from '../processes/process-table.ts'
import { MeshProcesses, type Outcome, type Shown } from '../processes/mesh-processes.ts'

const mesh = new MeshProcesses({ agents: { web: ['role=web'], db: ['role=db'] } })
const builder = fileURLToPath(new URL('../../scripts/release.ts', import.meta.url))
let folder = ''
let killCount = 0

test.before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'writ-releases-'))
  await mesh.open()
})
test.after.always(async () => {
  await mesh.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A release of this very code that says it is of that version. */
const build = async (version: string, ...args: readonly string[]): Promise<string> => {
  const directory = path.join(folder, version)
  await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', builder, '--out', directory, '--version', version, ...args])
  return directory
}

/** The same, as `version`, with one file replaced. */
const spoil = (directory: string, version: string, file: string, content: string): string => {
  const spoilt = path.join(folder, `${version}-${file}`)
  cpSync(directory, spoilt, { recursive: true })
  writeFileSync(path.join(spoilt, file), content)
  writeFileSync(path.join(spoilt, 'release.json'), JSON.stringify({ ...JSON.parse(readFileSync(path.join(directory, 'release.json'), 'utf8')), version }))
  return spoilt
}

const update = async (directory: string, ...args: readonly string[]): Promise<Outcome & { readonly view: Shown }> => {
  const outcome = await mesh.writ('update', '--home', mesh.admin, '--release', directory, '--json', ...args)
  if (outcome.stdout === '') throw new Error(outcome.stderr)
  return { ...outcome, view: JSON.parse(outcome.stdout) }
}

const releaseOf = async (name: string): Promise<string> => JSON.parse(await mesh.must('status', '--home', mesh.home(name), '--json')).release

const releasesOf = (name: string): string => path.join(mesh.home(name), 'executor', 'releases')

const isOnTrial = (name: string): boolean => existsSync(path.join(releasesOf(name), 'trying'))

const processesOf = (name: string): number[] => processesIn(mesh.home(name))

const slotsOf = (name: string): string[] => {
  return readdirSync(releasesOf(name), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

test.serial('every node, endpoints too, goes from one release to the next, and orders go on', async (t) => {
  const before = await mesh.run('--all', '--', 'true')
  const { code, view } = await update(await build('0.2.0'), '--all')
  t.is(code, 0, JSON.stringify(view.rows))
  for (const name of mesh.names) {
    t.is(await releaseOf(name), '0.2.0')
    t.is(slotsOf(name).length, 1)
  }
  t.is(before.code, 0)
  t.is((await mesh.run('--all', '--', 'true')).code, 0)
  const again = await update(path.join(folder, '0.2.0'), '--nodes', 'web')
  t.is(again.view.rows[0]?.state, 'skipped')
})

test.serial('a release that crashes at its start is given up, and the receipt says why', async (t) => {
  const { code, view } = await update(spoil(path.join(folder, '0.2.0'), '0.3.0', 'executor.js', 'throw new Error("broken on purpose")'), '--nodes', 'web')
  t.is(code, 3)
  t.like(view.rows[0], { state: 'failed', code: 'release-failed' })
  t.regex((await mesh.writ('logs', view.order.indication, '--agent', 'web', '--home', mesh.admin)).stderr, /broken on purpose/)
  t.is(await releaseOf('web'), '0.2.0')
  t.is((await mesh.run('--nodes', 'web', '--', 'true')).code, 0)
})

test.serial('a release that never joins is given up when its time is over', async (t) => {
  const { view } = await update(spoil(path.join(folder, '0.2.0'), '0.3.0', 'agent.js', 'setInterval(() => {}, 1000)'), '--nodes', 'web', '--trial', '4s')
  t.like(view.rows[0], { state: 'failed', code: 'release-failed' })
  t.is(await releaseOf('web'), '0.2.0')
})

/** Bytes of the blocks that a node holds: an agent's are those that it has fetched. */
const blockBytesOf = (name: string): number => {
  const blocks = path.join(mesh.home(name), 'agent', 'blocks')
  return readdirSync(blocks, { recursive: true, withFileTypes: true }).reduce((sum, entry) => sum + (entry.isFile() ? statSync(path.join(entry.parentPath, entry.name)).size : 0), 0)
}

/** Bytes of the files of a release that another one does not have. */
const changedBytes = (from: string, to: string): number => {
  const filesOf = (directory: string) => readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(path.join(entry.parentPath, entry.name)))
  const before = filesOf(from)
  return filesOf(to).reduce((sum, file) => sum + (before.some((other) => other.equals(file)) ? 0 : file.length), 0)
}

test.serial('of a release with its runtime only what has changed travels, and 64 KiB at most besides', async (t) => {
  const first = await build('0.2.1', '--runtime')
  const second = await build('0.2.2', '--runtime')
  const runtimeBytes = statSync(path.join(second, 'node')).size
  let runs = path.join(folder, '0.2.0')
  for (const release of [first, second]) {
    const heldBytes = blockBytesOf('web')
    const { view } = await update(release, '--nodes', 'web')
    t.is(view.rows[0]?.state, 'succeeded', JSON.stringify(view.rows))
    const fetchedBytes = blockBytesOf('web') - heldBytes
    const changed = changedBytes(runs, release) - (runs === first ? 0 : runtimeBytes) // the runtime that web ran on before was this one too
    t.true(fetchedBytes > 0 && fetchedBytes <= changed + 64 * 1024, `${fetchedBytes} bytes were fetched, ${changed} had changed`)
    t.log(`${path.basename(release)}: ${fetchedBytes} bytes were fetched, ${changed} had changed`)
    runs = release
  }
  t.is((await mesh.run('--nodes', 'web', '--', 'true')).code, 0)
  const { view } = await update(path.join(folder, '0.2.0'), '--nodes', 'web', '--downgrade')
  t.is(view.rows[0]?.state, 'succeeded', JSON.stringify(view.rows))
})

/** Node's way to the native module, before anything else in that process takes it. */
const withoutStore = `import { Module as NativeModule } from 'node:module'
const loadNative = NativeModule._extensions['.node']
NativeModule._extensions['.node'] = (module, file) => {
  loadNative(module, file)
  module.exports = { ...module.exports, db_open: () => Promise.reject(new Error('no store, on purpose')) }
}
`

test.serial('a release whose agent cannot open its store is given up, the receipt says why, and the store is as it was', async (t) => {
  const good = path.join(folder, '0.2.0')
  const spoilt = spoil(good, '0.3.1', 'agent.js', `${withoutStore}${readFileSync(path.join(good, 'agent.js'), 'utf8')}`)
  const { view } = await update(spoilt, '--nodes', 'web', '--trial', '4s')
  t.like(view.rows[0], { state: 'failed', code: 'release-failed' })
  t.regex((await mesh.writ('logs', view.order.indication, '--agent', 'web', '--home', mesh.admin)).stderr, /cannot open the store at .*no store, on purpose/)
  t.is(await releaseOf('web'), '0.2.0')
  t.is(slotsOf('web').length, 1)
  t.is((await mesh.run('--nodes', 'web', '--', 'true')).code, 0)
  t.deepEqual(readdirSync(path.join(mesh.home('web'), 'agent')).filter((name) => name.includes('damaged') || name.includes('missing')), [])
})

const flipLastByte = (file: string): void => {
  const bytes = readFileSync(file)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  chmodSync(file, 0o700)
  writeFileSync(file, bytes)
}

test.serial('a release that is corrupted in the cache is not staged, and the receipt says what is wrong', async (t) => {
  const go = path.join(folder, 'go-on')
  const first = await mesh.order('--nodes', 'web', '--', 'sh', '-c', `while [ ! -e ${go} ]; do sleep 0.05; done`)
  await mesh.shown(first, ({ rows }) => rows[0]?.state === 'running')
  const order = (await mesh.must('update', '--home', mesh.admin, '--release', await build('0.3.2'), '--nodes', 'web', '--detach')).trim()
  await mesh.shown(order, ({ rows }) => rows[0]?.state === 'validated')
  flipLastByte(path.join(mesh.home('web'), 'executor', 'cache', 'jobs', order, 'payload'))
  writeFileSync(go, '')
  const { rows } = await mesh.shown(order, (view) => view.rows[0]?.state === 'failed')
  t.like(rows[0], { code: 'spawn-failed' })
  t.regex(rows[0]?.detail ?? '', /payload was changed in the cache after it had been checked/)
  t.is(await releaseOf('web'), '0.2.0')
  t.is(slotsOf('web').length, 1)
})

test.serial('blocks of a release that are damaged after they were fetched are fetched again', async (t) => {
  const old = await build('0.1.6')
  t.like((await update(old, '--nodes', 'web')).view.rows[0], { state: 'rejected', code: 'downgrade' })
  const blocks = path.join(mesh.home('web'), 'agent', 'blocks')
  for (const entry of readdirSync(blocks, { recursive: true, withFileTypes: true })) if (entry.isFile()) flipLastByte(path.join(entry.parentPath, entry.name))
  t.is((await update(old, '--nodes', 'web', '--downgrade')).view.rows[0]?.state, 'succeeded')
  t.is(await releaseOf('web'), '0.1.6')
  t.is((await update(path.join(folder, '0.2.0'), '--nodes', 'web')).code, 0)
})

test.serial('an older release needs a flag', async (t) => {
  const old = await build('0.1.5')
  t.like((await update(old, '--nodes', 'web')).view.rows[0], { state: 'rejected', code: 'downgrade' })
  const { view } = await update(old, '--nodes', 'web', '--downgrade')
  t.is(view.rows[0]?.state, 'succeeded', JSON.stringify(view.rows))
  t.is(await releaseOf('web'), '0.1.5')
  t.is((await update(path.join(folder, '0.2.0'), '--nodes', 'web')).code, 0)
})

test.serial('in an outage nothing is known of a release, and it is given up without a verdict', async (t) => {
  const next = await build('0.5.0')
  const endpoints = mesh.endpoints.map((name) => mesh.agentOf(name))
  const order = (await mesh.must('update', '--home', mesh.admin, '--release', next, '--nodes', 'web', '--trial', '4s', '--detach')).trim()
  await eventually(() => isOnTrial('web'), Boolean, 20_000, 1)
  for (const pid of endpoints) process.kill(pid, 'SIGKILL') // all at once: a trial takes half a second
  for (const name of mesh.endpoints) await mesh.kill(name, 'both')
  await eventually(() => isOnTrial('web'), (trial) => !trial, 30_000)
  await eventually(() => mesh.running('web').log.text, (text) => text.includes('"code":"inconclusive"'), 30_000)
  for (const name of mesh.endpoints) await mesh.start(name)
  const view = await mesh.shown(order, ({ rows }) => rows[0]?.state === 'failed', { deadlineMs: 60_000 })
  t.is(view.rows[0]?.code, 'inconclusive')
  t.is(await releaseOf('web'), '0.2.0')
  t.is((await update(next, '--nodes', 'web')).code, 0)
  t.is(await releaseOf('web'), '0.5.0')
})

test.serial('a running order ends before the switch, and none runs twice', async (t) => {
  const [ran, go] = [path.join(folder, 'ran'), path.join(folder, 'go')]
  const first = await mesh.order('--nodes', 'db', '--', 'sh', '-c', `echo first >> ${ran}; while [ ! -e ${go} ]; do sleep 0.05; done`)
  await mesh.shown(first, ({ rows }) => rows[0]?.state === 'running')
  const next = await build('0.4.0')
  const second = update(next, '--nodes', 'db')
  await eventually(() => mesh.must('list', '--home', mesh.admin), (text) => text.includes('release 0.4.0'))
  const third = await mesh.order('--nodes', 'db', '--', 'sh', '-c', `echo third >> ${ran}`)
  writeFileSync(go, '')
  t.is((await second).code, 0)
  await mesh.shown(third, ({ rows }) => rows[0]?.state === 'succeeded')
  t.is((await mesh.show(first)).rows[0]?.state, 'succeeded')
  t.is(await releaseOf('db'), '0.4.0')
  t.deepEqual(readFileSync(ran, 'utf8').trim().split('\n'), ['first', 'third'])
  t.false(isOnTrial('db'))
})

/** Each kill comes at a mark that the update leaves on its way. Wherever it comes, the node ends on a good release with one receipt, and works. */
for (const [what, victim, hasCome, states] of [
  ['an executor with its launcher while the release is staged', 'executor', () => slotsOf('db').length > 1, ['succeeded', 'interrupted']],
  ['a launcher right after the switch', 'launcher', () => isOnTrial('db'), ['succeeded']],
  ['an executor on trial', 'executor', () => isOnTrial('db'), ['succeeded']],
  ['an agent on trial', 'agent', () => isOnTrial('db') && mesh.findAgent('db') !== undefined, ['succeeded']]
] as const) {
  test.serial(`SIGKILL to ${what}: the node ends on a good release, with one receipt`, async (t) => {
    const kills = (killCount += 1)
    const next = await build(`0.6.${kills}`)
    const order = (await mesh.must('update', '--home', mesh.admin, '--release', next, '--nodes', 'db', '--trial', '20s', '--detach')).trim()
    await eventually(hasCome, Boolean, 20_000, 1)
    if (victim === 'launcher') await mesh.killLauncher('db')
    else await mesh.kill('db', victim)
    if (victim !== 'agent') {
      await eventually(() => processesOf('db'), ({ length }) => length === 0, 10_000)
      await mesh.start('db')
    }
    const { rows } = await mesh.shown(order, (view) => states.some((state) => state === view.rows[0]?.state), { deadlineMs: 60_000 })
    const good = rows[0]?.state === 'succeeded' ? `0.6.${kills}` : undefined
    if (good !== undefined) t.is(await releaseOf('db'), good)
    t.is((await mesh.run('--nodes', 'db', '--', 'true')).code, 0)
    t.false(isOnTrial('db'))
    t.is(slotsOf('db').length, 1)
  })
}
