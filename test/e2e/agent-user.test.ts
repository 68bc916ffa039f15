/** An agent that runs as another user than its executor, in real processes, under the installed release and under a slot. */
import test, { type ExecutionContext } from 'ava'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { eventually } from '../fixtures/eventually.ts'
import { MeshProcesses } from '../processes/mesh-processes.ts'

const user = 'nobody'
const call = promisify(execFile)
const succeeds = (file: string, ...args: readonly string[]): Promise<boolean> => call(file, args).then(() => true, () => false)
const missing =
  process.geteuid?.() !== 0 ? 'only root can become another user' : !(await succeeds('setpriv', '--version')) ? 'there is no setpriv' : !(await succeeds('getent', 'passwd', user)) ? `there is no user ${user}` : null
const serial = missing === null ? test.serial : test.serial.skip

const mesh = new MeshProcesses({ endpoints: 1, agents: { web: ['role=web'] } })
const uid = missing === null ? Number((await call('id', ['-u', user])).stdout) : -1
const home = (...parts: readonly string[]): string => path.join(mesh.home('web'), ...parts)

const configure = (change: Readonly<Record<string, unknown>>): void => {
  const file = home('writ.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }))
}

/** What the kernel says of a process, by the names of its lines. */
const standingOf = (pid: number, ...names: readonly string[]): string[] => {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n')
  return names.map((name) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim().replaceAll('\t', ' ') ?? '')
}

/** A command as that user, and what it says when it fails. */
const asUser = (...command: readonly string[]): Promise<string> => call('setpriv', [`--reuid=${uid}`, '--clear-groups', '--', ...command]).then(() => '', ({ stderr }: { readonly stderr: string }) => stderr)

const isConfined = (t: ExecutionContext, pid: number): void => {
  const ids = Array.from({ length: 4 }, () => uid).join(' ')
  t.deepEqual(standingOf(pid, 'Uid', 'NoNewPrivs', 'CapEff', 'CapPrm', 'CapBnd', 'Groups'), [ids, '1', ...Array.from({ length: 3 }, () => '0'.repeat(16)), ''])
}

test.before(async (t) => {
  if (missing !== null) return t.log(`passed over: ${missing}`)
  await mesh.open()
  await mesh.stop('web')
  configure({ agentUser: user })
})
test.after.always(() => (missing === null ? mesh.close() : undefined))

serial('a home that the user cannot reach is refused, and what to change is said', async (t) => {
  const { ended, log } = mesh.spawn('web')
  t.is(await ended, 7)
  t.regex(log.text, /cannot .* that user pass \(mode 711\).*\[agent-user-unusable\]/)
})

serial('an agent that runs as another user has no privileges, and orders run as before', async (t) => {
  chmodSync(mesh.folder, 0o711)
  await mesh.start('web')
  isConfined(t, mesh.agentOf('web'))
  const environment = readFileSync(`/proc/${mesh.agentOf('web')}/environ`, 'utf8').split('\0').map((variable) => variable.split('=')[0]).filter(Boolean).sort()
  t.deepEqual(environment, ['HOME', 'LANG', 'LOGNAME', 'MALLOC_ARENA_MAX', 'PATH', 'USER'])
  const { code, view } = await mesh.run('--on', 'role=web', '--', 'id', '-u')
  t.is(code, 0)
  t.is(view.rows[0]?.stdout, '0\n')
})

serial('the files of the executor and writ.json are out of its reach, its own are not', async (t) => {
  t.regex(await asUser('cat', home('writ.json')), /Permission denied/)
  t.regex(await asUser('ls', home()), /Permission denied/)
  t.regex(await asUser('ls', home('executor')), /Permission denied/)
  t.regex(await asUser('cat', home('executor', 'keys', 'executor.key')), /Permission denied/)
  t.regex(await asUser('touch', home('x')), /Permission denied/)
  t.is(await asUser('cat', home('agent', 'keys', 'peer.key')), '')
  t.is(statSync(home('run', 'status.json')).uid, uid)
})

serial('an agent that is killed comes back confined', async (t) => {
  const before = mesh.agentOf('web')
  await mesh.kill('web', 'agent')
  const after = await eventually(() => mesh.findAgent('web'), (pid) => pid !== undefined && pid !== before)
  isConfined(t, after ?? 0)
})

serial('an executor that was killed and is started again goes on', async (t) => {
  await mesh.crash('web')
  await mesh.start('web')
  isConfined(t, mesh.agentOf('web'))
  t.is((await mesh.run('--on', 'role=web', '--', 'true')).code, 0)
})

serial('commands of root work on such a home, and what they leave there is given to the user again', async (t) => {
  const status = JSON.parse(await mesh.must('status', '--home', home(), '--json'))
  t.like(status, { name: 'web', running: true })
  t.is((await mesh.writ('audit', '--home', home())).code, 0)
  await mesh.stop('web')
  const file = path.join(mesh.folder, 'web.car')
  await mesh.must('backup', '--home', home(), '--out', file)
  t.is(statSync(home('agent', 'state', 'CURRENT')).uid, 0)
  await mesh.must('restore', file, '--home', mesh.home('copy'))
  t.is(JSON.parse(await mesh.must('status', '--home', mesh.home('copy'), '--json')).key, status.key)
  await mesh.start('web')
  t.is(statSync(home('agent', 'state', 'CURRENT')).uid, uid)
  t.is((await mesh.run('--on', 'role=web', '--', 'true')).code, 0)
})

serial('under a release in a slot, with its own runtime, the agent and jobs of that user run as before', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'writ-releases-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const release = path.join(folder, '0.2.0')
  await call(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('../../scripts/release.ts', import.meta.url)), '--out', release, '--version', '0.2.0', '--runtime'])
  const { code, stdout } = await mesh.writ('update', '--home', mesh.admin, '--release', release, '--json', '--on', 'role=web')
  t.is(code, 0, stdout)
  const agent = await eventually(() => mesh.findAgent('web'), (pid) => pid !== undefined)
  isConfined(t, agent ?? 0)
  t.is((await mesh.run('--on', 'role=web', '--user', user, '--facts')).code, 0)
  t.regex(await asUser('ls', home('executor')), /Permission denied/)
})

serial('without agentUser, what is left to that user is refused until it is taken back', async (t) => {
  await mesh.stop('web')
  configure({ agentUser: undefined })
  const refused = await mesh.writ('start', '--home', home())
  t.is(refused.code, 7)
  t.regex(refused.stderr, /run: chown -R 0 .*\[home-foreign-owner\]/)
  await call('chown', ['-R', '0:0', home('agent'), home('run')])
  await mesh.start('web')
  t.is(standingOf(mesh.agentOf('web'), 'Uid')[0]?.split(' ')[0], '0')
})
