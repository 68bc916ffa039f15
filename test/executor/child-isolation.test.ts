/** Jobs that are held apart by what this machine has. Those that need root are passed over without it. */
import test, { type ExecutionContext } from 'ava'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { toText } from '../../src/base/bytes.ts'
import { createIsolation, findMechanisms } from '../../src/executor/child-isolation.ts'
import { fileExecutables } from '../../src/executor/file-executables.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { node, openWorkbench, scriptOrder, type WorkbenchSettings } from './workbench.ts'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { StatementBody } from '../../src/record/statement.ts'
import type { Executables } from '../../src/executor/format.ts'

const MiB = 1 << 20
const isRoot = process.geteuid?.() === 0
const searchPath = process.env['PATH'] ?? '/usr/bin:/bin'
const asRoot = isRoot ? test : test.skip // another user, and no network, can be had by root alone

/** A workbench whose directory others may pass through, as they may a home's. */
const openDirectory = async (t: ExecutionContext): Promise<string> => {
  const directory = await temporaryDirectory(t)
  await chmod(directory, 0o711)
  return directory
}

const run = async (t: ExecutionContext, script: string, change: Partial<IndicationBody>, settings: WorkbenchSettings = {}): Promise<StatementBody> => {
  const { agent } = await openWorkbench(t, { directory: await openDirectory(t), ...settings })
  const order = scriptOrder(script, change)
  await agent.send({ kind: 'order', bundle: order.bundle })
  return agent.outcome(order.id)
}

const textOf = ({ stdout }: StatementBody): string => toText(stdout?.head ?? new Uint8Array())

/** Without systemd, whatever this machine has. */
const plain: Executables = { find: async (name, places) => (name === 'systemd-run' ? undefined : fileExecutables.find(name, places)) }
const isolationOf = (executables: Executables, environment = { PATH: searchPath }) => createIsolation({ executor: node.executor.key, limits: {}, executables, environment })
const byRlimits = { isolation: isolationOf(plain) }

test('a job without limits says nothing of any', async (t) => {
  const outcome = await run(t, 'echo done\n', {})
  t.is(outcome.state, 'succeeded')
  t.false('limits' in outcome)
})

test('a job that takes more memory than it may fails, and the receipt says what held it', async (t) => {
  const grow = 'x=$(head -c 100000000 /dev/zero | tr "\\0" a)\n'
  t.like(await run(t, `${grow}echo grown\n`, {}, byRlimits), { state: 'succeeded' })
  const held = await run(t, `${grow}echo grown\n`, { limits: { memoryBytes: 32 * MiB } }, byRlimits)
  t.is(held.state, 'failed')
  t.not(textOf(held), 'grown\n')
  t.deepEqual(held.limits, { by: 'rlimits', memoryBytes: 32 * MiB })
})

test('a job that takes more of the processor than it may is told to end', async (t) => {
  const outcome = await run(t, 'while :; do :; done\n', { limits: { cpuPercent: 5 }, timeoutMs: 20_000 }, byRlimits)
  t.like(outcome, { state: 'failed', code: 'killed', signal: 'SIGXCPU' })
})

test('what a node allows at most holds for orders that say nothing, and refuses those that ask for more', async (t) => {
  const settings = { limits: { max: { memoryBytes: 64 * MiB } } }
  t.is((await run(t, 'exit 0\n', {}, settings)).limits?.memoryBytes, 64 * MiB)
  const refused = await run(t, 'exit 0\n', { limits: { memoryBytes: 65 * MiB } }, settings)
  t.like(refused, { state: 'rejected', code: 'limit-exceeded', startedAt: null })
})

asRoot('a job runs as the user that its order names, in directories of that user, and reads nothing of the executor', async (t) => {
  const script = '#!/bin/sh\nid -un; id -Gn; stat -c %U . "$TMPDIR"; echo "$HOME $USER $LOGNAME"; touch here && echo written; cat ../../../outputs/* "$SECRET" 2>/dev/null || echo closed\n'
  const directory = await openDirectory(t)
  const secret = path.join(directory, 'secret')
  await writeFile(secret, 'secret\n', { mode: 0o600 })
  const outcome = await run(t, script, { user: 'nobody', environment: { SECRET: secret } }, { directory })
  t.is(outcome.detail, null)
  t.deepEqual(textOf(outcome).split('\n'), ['nobody', 'nogroup', 'nobody', 'nobody', '/nonexistent nobody nobody', 'written', 'closed', ''])
})

asRoot('what runs as root before the job is not reached by the environment of the order', async (t) => {
  const outcome = await run(t, 'id -un\n', { user: 'nobody', environment: { LD_PRELOAD: '/no/such/library' } })
  t.is(outcome.state, 'succeeded')
  const complaints = toText(outcome.stderr?.head ?? new Uint8Array()).split('\n').filter((line) => line !== '')
  t.true(complaints.length > 0 && complaints.every((line) => !/setpriv|\/bin\/sh/.test(line)), complaints.join('\n'))
})

asRoot('the processes of another user are limited', async (t) => {
  const script = '/bin/true && echo forked\n'
  t.is(textOf(await run(t, script, { user: 'nobody' }, byRlimits)), 'forked\n')
  const held = await run(t, script, { user: 'nobody', limits: { processes: 1 } }, byRlimits)
  t.like(held, { state: 'failed', limits: { by: 'rlimits', processes: 1 } })
  t.is(textOf(held), '')
})

asRoot('files are captured with the eyes of the user who left them', async (t) => {
  const directory = await openDirectory(t)
  const secret = path.join(directory, 'secret')
  await writeFile(secret, 'secret\n', { mode: 0o600 })
  const captures = ['own', 'large', 'empty', 'link', 'pipe', secret]
  const outcome = await run(t, `printf own >own; head -c 100000 /dev/zero >large; : >empty; mkfifo pipe; ln -s ${secret} link\n`, { user: 'nobody', captures }, { directory })
  t.like(outcome, { state: 'failed', code: 'capture-missing' })
  t.deepEqual(outcome.files?.map(({ name, output }) => [name, output.sizeBytes, output.keptBytes]), [['own', 3, 3], ['large', 100_000, 100_000], ['empty', 0, 0]])
})

asRoot('a program that an order requires says its version to the user of the order', async (t) => {
  const directory = await openDirectory(t)
  const program = path.join(directory, 'who')
  await writeFile(program, '#!/bin/sh\necho "who $(id -u).0"\n', { mode: 0o755 })
  const prerequisites = { executables: [], versions: { [program]: '1' } }
  t.is((await run(t, 'exit 0\n', { user: 'nobody', prerequisites }, { directory })).state, 'succeeded')
  t.is((await run(t, 'exit 0\n', { prerequisites }, { directory: await openDirectory(t) })).code, 'prerequisite-missing')
})

asRoot('a job without network has no interface but an idle loopback', async (t) => {
  const outcome = await run(t, 'sed -n "s/^ *\\([^ ]*\\):.*/\\1/p" /proc/net/dev; sed 1d /proc/net/route\n', { network: 'none' })
  t.is(outcome.state, 'succeeded')
  t.is(textOf(outcome), 'lo\n')
})

/** Nothing runs that cannot be held apart as its order says. */
const isRefused = test.macro({
  async exec(t, without: string | null, change: Partial<IndicationBody>, code: string, detail: RegExp) {
    const lacking: Executables = { find: async (name, places) => (name === without ? undefined : plain.find(name, places)) }
    const directory = await openDirectory(t)
    const outcome = await run(t, `touch ${path.join(directory, 'ran')}\n`, change, { directory, isolation: isolationOf(lacking) })
    t.like(outcome, { state: 'rejected', code, startedAt: null })
    t.regex(outcome.detail ?? '', detail)
    await t.throwsAsync(readFile(path.join(directory, 'ran')))
  },
  title: (title = '') => title
})
test('a user that is not there is refused', isRefused, null, { user: 'no-such-user' }, 'unknown-user', /no-such-user/)
test('limits without a program that sets them are refused', isRefused, 'prlimit', { limits: { memoryBytes: 32 * MiB } }, 'isolation-missing', /prlimit/)
if (isRoot) {
  test('a user without a program that changes it is refused', isRefused, 'setpriv', { user: 'nobody' }, 'isolation-missing', /setpriv/)
  test('no network without a program that takes it is refused', isRefused, 'unshare', { network: 'none' }, 'isolation-missing', /unshare/)
  test('a limit of root that would hold nothing is refused', isRefused, null, { limits: { processes: 5 } }, 'isolation-missing', /root/)
} else {
  test('another user is refused where the executor is not root', isRefused, null, { user: 'root' }, 'isolation-missing', /not run as root/)
  test('no network is refused where the executor is not root', isRefused, null, { network: 'none' }, 'isolation-missing', /not run as root/)
}

asRoot('a home that the user of a job cannot reach is told before anything runs', async (t) => {
  const outer = await temporaryDirectory(t)
  const directory = path.join(outer, 'home')
  await mkdir(directory)
  await chmod(outer, 0o700)
  const outcome = await run(t, 'exit 0\n', { user: 'nobody' }, { directory })
  t.like(outcome, { state: 'rejected', code: 'isolation-missing', startedAt: null })
  t.regex(outcome.detail ?? '', /nobody.*cannot reach .*payload/)
})

/** Programs of systemd that note how they were called; the first goes on as the real one does. */
const standIn = async (t: ExecutionContext, works: boolean): Promise<{ readonly PATH: string; calls(): Promise<string[]> }> => {
  const directory = await openDirectory(t)
  const log = path.join(directory, 'calls')
  const scope = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
  await writeFile(log, '')
  await writeFile(path.join(directory, 'systemd-run'), `#!/bin/sh\necho "systemd-run $*" | head -1 >>${log}\n${works ? scope : 'echo "System has not been booted with systemd" >&2; exit 1'}\n`, { mode: 0o755 })
  await writeFile(path.join(directory, 'systemctl'), `#!/bin/sh\necho "systemctl $*" >>${log}\n`, { mode: 0o755 })
  return { PATH: `${directory}:${searchPath}`, calls: async () => (await readFile(log, 'utf8')).trimEnd().split('\n') }
}

test('where systemd works a job has a scope, which ends with it', async (t) => {
  const { PATH, calls } = await standIn(t, true)
  const outcome = await run(t, 'echo "$A"\n', { limits: { memoryBytes: 32 * MiB, processes: 5, cpuPercent: 50 }, environment: { A: 'a b' } }, { isolation: isolationOf(fileExecutables, { PATH }) })
  t.is(textOf(outcome), 'a b\n')
  t.deepEqual(outcome.limits, { by: 'systemd', memoryBytes: 32 * MiB, processes: 5, cpuPercent: 50 })
  const unit = `writ-${node.executor.key.slice(0, 16)}-${outcome.indication}`
  const [tried = '', started = '', ended] = await calls()
  t.regex(tried, /^systemd-run --scope --collect --quiet --unit=writ-\S+ -p MemoryMax=\d+ -p TasksMax=\d+ -p CPUQuota=\d+% -- /)
  t.true(started.startsWith(`systemd-run --scope --collect --quiet --unit=${unit} -p MemoryMax=${32 * MiB} -p TasksMax=5 -p CPUQuota=50% -- /bin/sh -c `), started)
  t.is(ended, `systemctl kill --signal=SIGKILL ${unit}.scope`)
})

test('where systemd is there and does not run, limits are those of processes', async (t) => {
  const { PATH } = await standIn(t, false)
  t.is((await findMechanisms({ executor: node.executor.key, limits: {}, executables: fileExecutables, environment: { PATH } })).systemd, null)
  t.deepEqual((await run(t, 'exit 0\n', { limits: { memoryBytes: 32 * MiB } }, { isolation: isolationOf(fileExecutables, { PATH }) })).limits, { by: 'rlimits', memoryBytes: 32 * MiB })
})

const isGone = async (pid: string): Promise<boolean> => readFile(`/proc/${pid}/stat`, 'latin1').then((stat) => stat.includes(') Z '), () => true)

/** Three processes outlive their parent: in its group, in a session of their own, and as that one's child in another. */
const leaving = 'leave() { "$@" sh -c \'echo $$ >>pids; exec sleep 600\' >/dev/null 2>&1 & }; leave; leave setsid; leave setsid sh -c \'setsid "$@" & sleep 600\' sh; until [ "$(wc -l <pids)" = 3 ]; do :; done; cat pids'

for (const [title, script, change, code] of [
  ['that has ended', leaving, {}, null],
  ['that took too long', `${leaving}; sleep 600`, { timeoutMs: 3000 }, 'timed-out']
] as const) {
  test(`what a job has started ends with a job ${title}, in whatever session it is`, async (t) => {
    const outcome = await run(t, `${script}\n`, change)
    t.is(outcome.code, code)
    const left = textOf(outcome).trim().split('\n')
    t.is(left.length, 3)
    for (const pid of left) t.true(await isGone(pid), pid)
  })
}
