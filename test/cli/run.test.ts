import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import type { OrderDraft, OrderView } from '../../src/api/types.ts'
import type { Progress } from '../../src/cli/progress.ts'
import { iterate, nodeRow, orderId, output, queueRow, submitted, succeeded, view, now } from './fake-admin.ts'
import type { FakeTerminal } from './fake-terminal.ts'
import { transcript, type Scene } from './transcript.ts'

const two = view(succeeded('web1', ' up 3 days\n'), succeeded('web2', ' up 5 days\nload 0.1\n'))
const mixed = view(
  succeeded('web1', ''),
  queueRow('web2', 'failed', { startedAt: now - 5100, exitCode: 1, stderr: output('no such file\n'), stdout: output('') }),
  queueRow('web3', 'failed', { startedAt: now - 65_000, signal: 'SIGKILL', code: 'timed-out', detail: 'after 60 s' }),
  queueRow('web4', 'rejected', { code: 'charter-behind', detail: 'needs version 3' })
)

const answering = (ended: OrderView, earlier: readonly OrderView[] = []): Scene => ({
  admin: { submit: async () => submitted(ended.rows.map(({ agentName }) => agentName)), follow: () => iterate(...earlier, ended) }
})

const run = (...args: string[]): string[] => ['run', '--home', '/a', ...args]

test('an order that succeeds everywhere is summed up with what the nodes wrote, and exits with 0', async (t) => {
  const shown = await transcript(run('--all', '--', 'uptime'), answering(two))
  t.is(
    shown.stdout,
    [
      'web1  succeeded  0.31s  exit 0', //
      '     up 3 days',
      'web2  succeeded  0.31s  exit 0',
      '     up 5 days',
      '    load 0.1',
      '2 of 2 nodes ended: 2 succeeded',
      ''
    ].join('\n')
  )
  t.is(shown.stderr, ['k3v9x2abcdef  uptime  for 2 nodes, held by e1, e2', '2 of 2 ended; 2 succeeded', ''].join('\n'))
  t.is(shown.exitCode, 0)
  t.true(shown.admin.isClosed())
})

test('where it did not succeed the summary says why, with stderr, and exits with 3', async (t) => {
  const shown = await transcript(run('--all', '--', 'uptime'), answering(mixed))
  t.is(
    shown.stdout,
    [
      'web1  succeeded  0.31s  exit 0',
      'web2  failed     0.10s  exit 1',
      '    stderr: no such file',
      'web3  failed     1m     signal SIGKILL, timed-out: after 60 s',
      'web4  rejected          charter-behind: needs version 3',
      '4 of 4 nodes ended: 1 succeeded, 2 failed, 1 rejected',
      ''
    ].join('\n')
  )
  t.is(shown.exitCode, 3)
})

test('of many nodes only those that did not succeed are shown', async (t) => {
  const many = view(...Array.from({ length: 30 }, (_, index) => succeeded(`n${index}`, 'x\n')), queueRow('z', 'expired'))
  const shown = await transcript(run('--all', '--', 'true'), answering(many))
  t.is(shown.stdout, 'z  expired\n31 of 31 nodes ended: 30 succeeded, 1 expired\n')
})

test('output that is long or was cut says how to get the rest', async (t) => {
  const long = Array.from({ length: 12 }, (_, index) => `line ${index}\n`).join('')
  const cut = { ...succeeded('web2', 'head\n'), stdout: output('head\n', 5_000_000) }
  const shown = await transcript(run('--all', '--', 'true'), answering(view(succeeded('web1', long), cut)))
  t.regex(shown.stdout, / {4}line 9\n {4}… 2 more lines; all of it: writ logs k3v9x2abcdef --agent web1\n/)
  t.regex(shown.stdout, / {4}head\n {4}… of 4\.8 MiB; all of it: writ logs k3v9x2abcdef --agent web2\n/)
  const alone = await transcript(run('--all', '--', 'true'), answering(view(succeeded('web1', long))))
  t.regex(alone.stdout, /line 11\n1 of 1 node ended/)
})

test('no escape sequence that a node wrote reaches the terminal', async (t) => {
  const evil = view(succeeded('web1', '\u001B[2J\u001B]0;title\u0007red\u001B[31m\r\nnext\u0008\u202Eend\n'), queueRow('web2', 'failed', { detail: 'a\u001B[31m\nb' }))
  const shown = await transcript(run('--all', '--', 'true'), answering(evil))
  t.false([...shown.stdout].some((character) => /(?!\n)\p{Cc}|\p{Bidi_Control}/u.test(character)))
  t.regex(shown.stdout, / {4}red\n {4}next/)
})

test('colours are for terminals', async (t) => {
  const drawn: string[] = []
  const openBar = async (): Promise<Progress> => ({ submitting() {}, update: () => drawn.push('update'), stop: () => drawn.push('stop') })
  const coloured = await transcript(run('--all', '--', 'true'), { ...answering(mixed), terminal: { isTerminal: true, colours: true }, deps: { openBar } })
  t.true(coloured.stdout.includes('\u001B[32msucceeded'))
  t.is(drawn.at(-1), 'stop')
  const plain = await transcript(run('--all', '--', 'true'), answering(mixed))
  t.false(`${plain.stdout}${plain.stderr}`.includes('\u001B'))
})

test('--json prints exactly one document, with output as text', async (t) => {
  const shown = await transcript(run('--all', '--json', '--', 'true'), answering(two, [view(queueRow('web1', 'running'), queueRow('web2', 'queued'))]))
  t.is(shown.stdout.indexOf('\n'), shown.stdout.length - 1)
  const { order, rows, ...rest } = JSON.parse(shown.stdout) as { order: { counts: { succeeded: number } }; rows: { agentName: string; stdout: string; stdoutBytes: number }[] }
  t.deepEqual(rest as unknown, { indication: orderId, name: 'uptime', format: 'command', targets: ['web1', 'web2'], heldBy: ['e1', 'e2'] })
  t.is(order.counts.succeeded, 2)
  t.like(rows[1], { agentName: 'web2', stdout: ' up 5 days\nload 0.1\n', stdoutBytes: 20, stdoutCid: null, stderr: '', stderrBytes: 0 })
})

test('--detach prints the whole id, only that, and does not wait', async (t) => {
  const shown = await transcript(run('--all', '--detach', '--', 'true'), { admin: { submit: async () => submitted(['web1']) } })
  t.is(shown.stdout, `${orderId}\n`)
  t.is(shown.stderr, '')
  t.is(shown.exitCode, 0)
})

test('an order that only one of two endpoints holds brings a warning', async (t) => {
  const warned = await transcript(run('--all', '--detach', '--', 'true'), { admin: { submit: async () => submitted(['web1'], { heldBy: ['e1'] }) } })
  t.is(warned.stderr, 'warning: only 1 of 2 endpoints holds the order; if it is lost before it is copied, so is the order\n')
  const alone = await transcript(run('--all', '--detach', '--', 'true'), { admin: { submit: async () => submitted(['web1'], { heldBy: ['e1'], endpoints: 1 }) } })
  t.is(alone.stderr, '')
})

test('every flag reaches the order', async (t) => {
  const flags = ['--on', 'role=web', '--name', 'n', '--param', 'a=1', '--param', 'b=2', '--env', 'C=3', '--timeout', '5s', '--expires', '1d', '--expect-exit', '7']
  const shown = await transcript(run(...flags, '--expect-output', '^ok$', '--idempotent', '--detach', '--', 'ls', '-l', '--', '--json'), {
    admin: { submit: async () => submitted(['web1']) }
  })
  const draft: OrderDraft = {
    target: { kind: 'select', selector: 'role=web' },
    payload: { kind: 'command', argv: ['ls', '-l', '--', '--json'] },
    name: 'n',
    parameters: { a: '1', b: '2' },
    environment: { C: '3' },
    timeoutMs: 5000,
    expiresInMs: 86_400_000,
    expectedExitCode: 7,
    expectedOutput: '^ok$',
    idempotent: true
  }
  t.deepEqual(shown.admin.calls[0]?.[1], draft)
})

test('what was not given is left to the library', async (t) => {
  const shown = await transcript(run('--nodes', 'a,b', '--detach', '--script', 'x.sh'), { admin: { submit: async () => submitted(['a', 'b']) } })
  const draft: OrderDraft = { target: { kind: 'nodes', names: ['a', 'b'] }, payload: { kind: 'script', file: 'x.sh' }, parameters: {}, environment: {} }
  t.deepEqual(shown.admin.calls[0]?.[1], draft)
})

test('files reach the order with where they go, whose they are, and what checks them', async (t) => {
  const flags = ['--files', 'conf', '--to', '/etc/app', '--owner', 'app:www', '--post-check', 'app -t']
  const shown = await transcript(run('--all', '--detach', ...flags), { admin: { submit: async () => submitted(['a']) } })
  t.like(shown.admin.calls[0]?.[1], { payload: { kind: 'files', directory: 'conf', to: '/etc/app', owner: 'app', group: 'www', postCheck: 'app -t' } })
})

test('what nodes must have reaches the order', async (t) => {
  const flags = ['--requires', 'tar', '--requires', 'git>=2.30', '--requires-free', '2G', '--requires-free', '/var=500M', '--requires-fact', 'osId=debian', '--requires-fact', 'memoryBytes>=1G']
  const shown = await transcript(run('--all', '--detach', ...flags, '--', 'true'), { admin: { submit: async () => submitted(['a']) } })
  t.like(shown.admin.calls[0]?.[1], {
    requires: {
      executables: ['tar'],
      versions: { git: '2.30' },
      freeDisk: [{ path: null, sizeBytes: 2 * 2 ** 30 }, { path: '/var', sizeBytes: 500 * 2 ** 20 }],
      facts: [{ name: 'osId', relation: '=', value: 'debian' }, { name: 'memoryBytes', relation: '>=', value: String(2 ** 30) }]
    }
  })
})

const drafts = test.macro({
  exec: async (t, flags: readonly string[], payload: unknown) => {
    const shown = await transcript(run('--all', '--detach', ...flags), { admin: { submit: async () => submitted(['a']) } })
    t.deepEqual((shown.admin.calls[0]?.[1] as OrderDraft | undefined)?.payload as unknown, payload, shown.stderr)
  },
  title: (_, flags: readonly string[] = []) => `what is run by ${flags.join(' ')}`
})
test(drafts, ['--script', 'a.py', '--interpreter', 'python3'], { kind: 'script', file: 'a.py', interpreter: 'python3' })
test(drafts, ['--package', 'nginx=1.22.1-9', '--package', 'libstdc++6', '--deb', 'dir/own.deb'], { kind: 'packages', names: ['nginx=1.22.1-9', 'libstdc++6'], files: ['dir/own.deb'] })
test(drafts, ['--collect-logs', '/var/log/nginx', '--collect-logs', '/var/log/syslog'], { kind: 'logs', paths: ['/var/log/nginx', '/var/log/syslog'] })
test(drafts, ['--facts'], { kind: 'facts' })
test(drafts, ['--leave'], { kind: 'leave' })
test(drafts, ['--format', 'ansible', '--payload', 'site.yml'], { kind: 'other', format: 'ansible', file: 'site.yml' })

test('captured files are told with how to get them', async (t) => {
  const captured = { ...succeeded('web1', ''), files: [{ name: 'my report.txt', output: output('x', 2048) }] }
  const shown = await transcript(run('--all', '--capture', 'my report.txt', '--', 'true'), answering(view(captured)))
  t.is(shown.stdout, "web1  succeeded  0.31s  exit 0\n    my report.txt, 2.0 KiB: writ logs k3v9x2abcdef --agent web1 --file 'my report.txt'\n1 of 1 node ended: 1 succeeded\n")
  t.like(shown.admin.calls.find(([method]) => method === 'submit')?.[1], { captures: ['my report.txt'] })
})

test('a script that cannot be read is told before anybody is contacted', async (t) => {
  const checkScript = (file: string): void => {
    throw new WritError('script-unreadable', `cannot read the script ${file}: no such file`)
  }
  const shown = await transcript(run('--all', '--script', 'x.sh'), { deps: { checkScript } })
  t.is(shown.stderr, 'writ: cannot read the script x.sh: no such file [script-unreadable]\n')
  t.is(shown.exitCode, 2)
})

const asks = test.macro({
  exec: async (t, answer: string, exitCode: number) => {
    const scene: Scene = { terminal: { isInteractive: true, answer }, admin: { ...answering(two).admin, nodes: async () => [nodeRow('web1'), nodeRow('web2')] } }
    const shown = await transcript(run('--', 'true'), scene)
    t.deepEqual(shown.terminal.questions, ['Run on all 2 nodes? [y/N] '])
    t.is(shown.exitCode, exitCode)
    t.is(shown.admin.calls.some(([method]) => method === 'submit'), exitCode === 0)
  },
  title: (_, answer, exitCode) => `without a target a terminal is asked; "${answer}" leads to ${exitCode}`
})
test(asks, 'y', 0)
test(asks, 'YES', 0)
test(asks, '', 2)
test(asks, 'yikes', 2)

test('with --json nobody is asked', async (t) => {
  const shown = await transcript(run('--json', '--', 'true'), { terminal: { isInteractive: true, answer: 'y' } })
  t.deepEqual(shown.terminal.questions, [])
  t.is(shown.exitCode, 2)
})

const pressing = (press: 'while submitting' | 'while waiting'): Scene => {
  let terminal: FakeTerminal | undefined
  return {
    onTerminal: (created) => (terminal = created),
    admin: {
      submit: async () => {
        if (press === 'while waiting') return submitted(['web1'])
        terminal?.interrupt()
        throw new Error('aborted')
      },
      follow: async function* (_, options) {
        yield view(queueRow('web1', 'running'))
        terminal?.interrupt()
        if (options?.signal?.aborted !== true) yield view(succeeded('web1', ''))
      }
    }
  }
}

test('Ctrl-C leaves the order running and says how to follow it', async (t) => {
  const shown = await transcript(['run', '--home', '/my home', '--all', '--', 'true'], pressing('while waiting'))
  t.is(shown.stderr.split('\n').at(-2), "writ: no longer waiting; the order goes on. Follow it with: writ show k3v9x2abcdef --follow --home '/my home' [interrupted]")
  t.is(shown.stdout, '')
  t.is(shown.exitCode, 130)
  t.true(shown.admin.isClosed())
  t.false(shown.terminal.interrupt())
})

test('Ctrl-C before an endpoint has confirmed says where to look', async (t) => {
  const shown = await transcript(run('--all', '--json', '--', 'true'), pressing('while submitting'))
  t.like(JSON.parse(shown.stdout), { error: { code: 'interrupted' } })
  t.regex(shown.stderr, /whether one took it, see: writ list --home \/a \[interrupted\]\n$/)
  t.is(shown.exitCode, 130)
})

test('an endpoint that is lost while waiting is an error that says the order goes on', async (t) => {
  const shown = await transcript(run('--all', '--', 'true'), {
    admin: {
      submit: async () => submitted(['web1']),
      // oxlint-disable-next-line require-yield
      follow: async function* () {
        throw new WritError('no-endpoint-reachable', 'no endpoint answered')
      }
    }
  })
  t.is(
    shown.stderr,
    'k3v9x2abcdef  uptime  for 1 node, held by e1, e2\nthe order was given and goes on; follow it with: writ show k3v9x2abcdef --follow --home /a\nwrit: no endpoint answered [no-endpoint-reachable]\n'
  )
  t.is(shown.exitCode, 5)
  t.true(shown.admin.isClosed())
})

test('an error of the library keeps its code and details in the JSON document', async (t) => {
  const shown = await transcript(run('--all', '--json', '--', 'true'), {
    admin: {
      submit: async () => {
        throw new WritError('not-authorised', 'the charter does not let you', { details: { format: 'command' } })
      }
    }
  })
  t.deepEqual(JSON.parse(shown.stdout), { error: { code: 'not-authorised', message: 'the charter does not let you', details: { format: 'command' } } })
  t.is(shown.exitCode, 6)
})

test('what nobody expected is told as such, with its cause only when debugging', async (t) => {
  const admin = {
    submit: async () => {
      throw new Error('boom', { cause: new Error('fuse') })
    }
  }
  const shown = await transcript(run('--all', '--', 'true'), { admin })
  t.is(shown.stderr, 'writ: unexpected error: boom [internal]\n')
  t.is(shown.exitCode, 1)
  t.regex((await transcript(run('--all', '--', 'true'), { admin, deps: { environment: { WRIT_DEBUG: '1' } } })).stderr, /caused by: Error: fuse/)
})
