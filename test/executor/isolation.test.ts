import test from 'ava'
import { execFileSync } from 'node:child_process'
import { encloseLaunch, planEnclosure, planLimits, type Account, type IsolationDemand, type Mechanisms } from '../../src/executor/isolation.ts'
import type { JobLimits } from '../../src/record/isolation.ts'
import type { NodeLimits } from '../../src/trust/home-config.ts'

const MiB = 1 << 20

const isLimited = test.macro({
  exec(t, asked: JobLimits, node: NodeLimits, expected: JobLimits | RegExp) {
    const planned = planLimits(asked, node)
    if (!(expected instanceof RegExp)) return t.deepEqual(planned, { ok: true, value: expected })
    t.like(planned, { ok: false, code: 'limit-exceeded' })
    return t.regex(planned.ok ? '' : planned.detail, expected)
  },
  title: (title = '') => title
})
test('an order that names no limits, on a node that has none, has none', isLimited, {}, {}, {})
test('an order gets what it asks for where the node has no maximum', isLimited, { processes: 9 }, { default: { processes: 4 } }, { processes: 9 })
test('what an order does not name is the default', isLimited, { processes: 2 }, { default: { processes: 4, cpuPercent: 50 }, max: { cpuPercent: 80 } }, { processes: 2, cpuPercent: 50 })
test('what neither names is the maximum', isLimited, {}, { max: { memoryBytes: 64 * MiB } }, { memoryBytes: 64 * MiB })
test('an order may have as much as the maximum', isLimited, { cpuPercent: 80 }, { max: { cpuPercent: 80 } }, { cpuPercent: 80 })
test('an order that asks for more than the maximum is told what is allowed', isLimited, { cpuPercent: 81 }, { max: { cpuPercent: 80 } }, /cpuPercent 81, this node allows 80/)

const root: Mechanisms = { uid: 0, systemd: null, prlimit: '/bin/prlimit', setpriv: '/bin/setpriv', unshare: '/bin/unshare' }
const systemd = { run: '/bin/systemd-run', control: '/bin/systemctl' }
const www: Account = { name: 'www', uid: 33, gid: 44, home: '/var/www' }
const demand: IsolationDemand = { limits: {}, account: null, network: null, timeoutMs: 60_000, unit: 'writ-a-b' }
const all: JobLimits = { memoryBytes: 64 * MiB, processes: 9, cpuPercent: 150 }
const enter = ['/bin/setpriv', '--reuid=33', '--regid=44', '--init-groups', '--inh-caps=-all', '--']

const isEnclosed = test.macro({
  exec(t, change: Partial<IsolationDemand>, has: Partial<Mechanisms>, expected: Readonly<Record<string, unknown>>) {
    const planned = planEnclosure({ ...demand, ...change }, { ...root, ...has })
    t.true(planned.ok)
    if (planned.ok) t.deepEqual({ ...planned.value }, { scope: [], steps: [], enter: [], account: null, held: null, unit: null, ...expected })
  },
  title: (title = '') => title
})
test('a job that asks for nothing is started as it is', isEnclosed, {}, {}, {})
test('with systemd a job gets a scope', isEnclosed, { limits: all }, { systemd }, {
  scope: ['/bin/systemd-run', '--scope', '--collect', '--quiet', '--unit=writ-a-b', '-p', 'MemoryMax=67108864', '-p', 'TasksMax=9', '-p', 'CPUQuota=150%', '--'],
  held: { by: 'systemd', ...all }, unit: 'writ-a-b.scope'
})
test('a scope bounds what was asked for and no more', isEnclosed, { limits: { processes: 9 } }, { systemd, prlimit: null }, {
  scope: ['/bin/systemd-run', '--scope', '--collect', '--quiet', '--unit=writ-a-b', '-p', 'TasksMax=9', '--'],
  held: { by: 'systemd', processes: 9 }, unit: 'writ-a-b.scope'
})
test('without systemd a job gets limits of its processes, and processor time for its share of the timeout', isEnclosed, { limits: { memoryBytes: 64 * MiB, cpuPercent: 50 } }, {}, {
  steps: ['/bin/prlimit', '--data=67108864', '--cpu=30:32', '--'], held: { by: 'rlimits', memoryBytes: 64 * MiB, cpuPercent: 50 }
})
test('a job of a short timeout has a second of the processor', isEnclosed, { limits: { cpuPercent: 1 }, timeoutMs: 100 }, {}, { steps: ['/bin/prlimit', '--cpu=1:3', '--'], held: { by: 'rlimits', cpuPercent: 1 } })
test('limits, user and no network come in the order in which each is still allowed', isEnclosed, { limits: { processes: 9 }, account: www, network: 'none' }, {}, {
  steps: ['/bin/unshare', '--net', '--', ...enter, '/bin/prlimit', '--nproc=9', '--'], enter, account: www, held: { by: 'rlimits', processes: 9 }
})
test('the executor need not become whom it is', isEnclosed, { account: www }, { uid: 33, setpriv: null }, { account: www })
test('an executor that is not root can limit the processes of its user', isEnclosed, { limits: { processes: 9 } }, { uid: 33 }, { steps: ['/bin/prlimit', '--nproc=9', '--'], held: { by: 'rlimits', processes: 9 } })

const isMissing = test.macro({
  exec(t, change: Partial<IsolationDemand>, has: Partial<Mechanisms>, detail: RegExp) {
    const planned = planEnclosure({ ...demand, ...change }, { ...root, ...has })
    t.like(planned, { ok: false, code: 'isolation-missing' })
    t.regex(planned.ok ? '' : planned.detail, detail)
  },
  title: (title = '') => title
})
test('limits need systemd or prlimit', isMissing, { limits: all }, { prlimit: null }, /systemd-run nor prlimit/)
test('the processes of root cannot be limited without systemd', isMissing, { limits: { processes: 9 } }, {}, /--user/)
test('another user needs root', isMissing, { account: www }, { uid: 1 }, /not run as root.*as www/)
test('another user needs setpriv', isMissing, { account: www }, { setpriv: null }, /setpriv/)
test('no network needs root', isMissing, { network: 'none' }, { uid: 1 }, /not run as root.*network/)
test('no network needs unshare', isMissing, { network: 'none' }, { unshare: null }, /unshare/)

const printEnvironment = { file: '/usr/bin/env', args: ['-0'] }

test('a job finds its environment as it is, though the programs before it saw nothing of it', (t) => {
  const environment = { PATH: '/usr/bin:/bin', WRIT_EXECUTOR: 'e', WRIT_INDICATION: 'i', LD_PRELOAD: '', IFS: 'x', A: "a '\"$A` \n b ", lower_1: '*', WRIT_JOB_A: 'own', HOME: '' }
  const enclosed = encloseLaunch({ scope: [], steps: ['/usr/bin/env', '--'] }, printEnvironment, environment)
  t.deepEqual(Object.keys(enclosed.environment).filter((name) => !name.startsWith('WRIT_JOB_')).sort(), ['WRIT_EXECUTOR', 'WRIT_INDICATION'])
  const printed = execFileSync(enclosed.file, enclosed.args, { env: enclosed.environment, encoding: 'utf8' })
  const found = printed.split('\0').filter((line) => line !== '' && !line.startsWith('_=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
  t.deepEqual(Object.fromEntries(found), environment)
})

test('a job that is not enclosed is started without a shell', (t) => {
  t.deepEqual(encloseLaunch({ scope: [], steps: [] }, printEnvironment, { A: 'a' }), { ...printEnvironment, environment: { A: 'a' } })
})
