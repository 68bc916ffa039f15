import test from 'ava'
import { orderId, iterate, orderRow, queueRow, succeeded, view } from './fake-admin.ts'
import { transcript, type Scene } from './transcript.ts'

const begun = view(queueRow('web1', 'running'), queueRow('web2', 'queued'))
const half = view(succeeded('web1', 'x\n'), queueRow('web2', 'queued'))
const ended = view(succeeded('web1', 'x\n'), queueRow('web2', 'cancelled'))
const show = ['show', 'k3v9', '--home', '/a']
const following: Scene = { admin: { follow: () => iterate(begun, half, ended) } }

test('writ show prints one line for each agent and always exits with 0', async (t) => {
  const shown = await transcript(show, { admin: { show: async () => ({ ...ended, order: orderRow(ended.rows, { cancelled: true }) }) } })
  t.is(
    shown.stdout,
    [
      'k3v9x2abcdef  uptime  (command, 2 nodes, cancelled)',
      'given 2m ago by admin admin2222222, expires in 58m',
      'web1  succeeded  0.31s  exit 0',
      'web2  cancelled',
      '2 of 2 nodes ended: 1 succeeded, 1 cancelled',
      ''
    ].join('\n')
  )
  t.deepEqual(shown.admin.calls, [['show', 'k3v9']])
  t.is(shown.exitCode, 0)
})

test('where there is no terminal --follow prints a line for each change, and exits like writ run', async (t) => {
  const shown = await transcript([...show, '--follow'], following)
  t.is(
    shown.stdout,
    [
      'k3v9x2abcdef  uptime  (command, 2 nodes)',
      'web1  running',
      'web2  queued',
      'web1  succeeded  0.31s  exit 0',
      'web2  cancelled',
      '2 of 2 nodes ended: 1 succeeded, 1 cancelled',
      ''
    ].join('\n')
  )
  t.is(shown.exitCode, 3)
  t.is((await transcript([...show, '--follow'], { admin: { follow: () => iterate(view(succeeded('web1', ''))) } })).exitCode, 0)
})

test('on a terminal --follow redraws in place and leaves the whole order standing', async (t) => {
  const shown = await transcript([...show, '--follow'], { ...following, terminal: { isTerminal: true } })
  const [last] = shown.stdout.split('\u001B[4A\u001B[J').slice(-1)
  t.is(last, ['k3v9x2abcdef  uptime  (command, 2 nodes)', 'given 2m ago by admin admin2222222, expires in 58m', 'web1  succeeded  0.31s  exit 0', 'web2  cancelled', '2 of 2 nodes ended: 1 succeeded, 1 cancelled', ''].join('\n'))
})

test('--follow --json prints a JSON line for each change', async (t) => {
  const shown = await transcript([...show, '--follow', '--json'], { ...following, terminal: { isTerminal: true, colours: true } })
  const lines = shown.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { order: { indication: string }; rows: { state: string }[] })
  t.deepEqual(lines.map(({ rows }) => rows.map(({ state }) => state)), [['running', 'queued'], ['succeeded', 'queued'], ['succeeded', 'cancelled']])
  t.is(lines[0]?.order.indication, orderId)
})

test('Ctrl-C ends the following, not the order', async (t) => {
  let press = (): void => {}
  const shown = await transcript([...show, '--follow'], {
    onTerminal: (terminal) => (press = () => void terminal.interrupt()),
    admin: {
      follow: async function* () {
        yield begun
        press()
        throw new Error('aborted')
      }
    }
  })
  t.is(shown.stderr, 'writ: no longer following; the order goes on [interrupted]\n')
  t.is(shown.exitCode, 130)
})
