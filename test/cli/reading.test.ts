import test from 'ava'
import type { NodeStatus } from '../../src/api/types.ts'
import { keyOf, meshId, nodeRow, now, orderId, orderRow, output, queueRow, succeeded } from './fake-admin.ts'
import { transcript } from './transcript.ts'

const home = ['--home', '/a']
const rows = [succeeded('web1', ''), queueRow('web2', 'failed', { exitCode: 1, code: 'unexpected-result', detail: 'exit code 1,\nexpected 0' }), queueRow('web3', 'queued')]

test('writ list shows the orders with counts by state', async (t) => {
  const orders = async () => [orderRow(rows), orderRow([queueRow('web1', 'cancelled')], { name: 'a\u001B[31m\nb', format: 'script', cancelled: true, createdAt: now - 7_300_000 })]
  const shown = await transcript(['list', ...home, '--since', '1d'], { admin: { orders } })
  t.is(
    shown.stdout,
    [
      'ID            AGE  NAME    FORMAT   NODES  STATES',
      'k3v9x2abcdef  2m   uptime  command  3      1 succeeded, 1 failed, 1 queued',
      'k3v9x2abcdef  2h   a b     script   1      1 cancelled',
      ''
    ].join('\n')
  )
  t.deepEqual(shown.admin.calls, [['orders', { sinceMs: 86_400_000 }]])
  t.is(shown.exitCode, 0)
  t.true(shown.admin.isClosed())
})

test('a long name is cut on a terminal and whole in a pipe', async (t) => {
  const orders = async () => [orderRow(rows, { name: 'x'.repeat(60) })]
  t.regex((await transcript(['list', ...home], { admin: { orders }, terminal: { isTerminal: true } })).stdout, / x{39}… /)
  t.regex((await transcript(['list', ...home], { admin: { orders } })).stdout, / x{60} /)
})

test('writ queue shows one line for each order of each agent, and passes its filters on', async (t) => {
  const shown = await transcript(['queue', ...home, '--agent', 'web2', '--status', 'failed'], { admin: { queue: async () => rows } })
  t.is(
    shown.stdout,
    [
      'NODE  ID            NAME    STATE      SINCE  RESULT',
      'web1  k3v9x2abcdef  uptime  succeeded  5s     exit 0',
      'web2  k3v9x2abcdef  uptime  failed     5s     exit 1, unexpected-result: exit code 1, expected 0',
      'web3  k3v9x2abcdef  uptime  queued     5s',
      ''
    ].join('\n')
  )
  t.deepEqual(shown.admin.calls, [['queue', { agent: 'web2', status: 'failed' }]])
})

test('writ nodes shows who is enrolled, whether or not it was ever heard', async (t) => {
  const nodes = async () => [nodeRow('e1', { role: 'endpoint', queueLength: 2 }), nodeRow('web1', { labels: { zone: 'a', role: 'web' }, release: null, lastContactAt: null })]
  const shown = await transcript(['nodes', ...home], { admin: { nodes } })
  t.is(
    shown.stdout,
    [
      'NAME  ROLE      LABELS           RELEASE  LAST CONTACT  QUEUE',
      'e1    endpoint  -                0.1.0    3s            2',
      'web1  agent     role=web,zone=a  -        never         0',
      ''
    ].join('\n')
  )
})

const empty = test.macro({
  exec: async (t, verb: string, stderr: string) => {
    const admin = { orders: async () => [], queue: async () => [], nodes: async () => [] }
    const shown = await transcript([verb, ...home], { admin })
    t.is(shown.stdout, '')
    t.is(shown.stderr, `${stderr}\n`)
    t.is(shown.exitCode, 0)
  },
  title: (_, verb) => `writ ${verb} that finds nothing says so on stderr`
})
test(empty, 'list', 'no orders')
test(empty, 'queue', 'nothing in the queue')
test(empty, 'nodes', 'no nodes')

const json = test.macro({
  exec: async (t, args: readonly string[], key: string, count: number) => {
    const admin = { orders: async () => [orderRow(rows)], queue: async () => rows, nodes: async () => [nodeRow('web1')], show: async () => ({ order: orderRow(rows), rows }) }
    const shown = await transcript([...args, ...home, '--json'], { admin, terminal: { isTerminal: true, colours: true } })
    t.is(shown.stdout.indexOf('\n'), shown.stdout.length - 1)
    const document = JSON.parse(shown.stdout) as Record<string, unknown[]>
    t.is(document[key]?.length, count)
    t.is(shown.stderr, '')
  },
  title: (_, args: readonly string[] = []) => `writ ${args.join(' ')} --json prints exactly one document`
})
test(json, ['list'], 'orders', 1)
test(json, ['queue'], 'queue', 3)
test(json, ['nodes'], 'nodes', 1)
test(json, ['show', orderId], 'rows', 3)

test('a row in JSON has its output as text, and sizes beside it', async (t) => {
  const queue = async () => [queueRow('web1', 'succeeded', { stdout: output('häh', 9000) })]
  const shown = await transcript(['queue', ...home, '--json'], { admin: { queue } })
  t.deepEqual((JSON.parse(shown.stdout) as { queue: unknown[] }).queue[0], {
    agent: keyOf('web1'),
    agentName: 'web1',
    indication: orderId,
    name: 'uptime',
    state: 'succeeded',
    at: now - 5000,
    startedAt: null,
    exitCode: null,
    signal: null,
    code: null,
    detail: null,
    stdout: 'häh',
    stdoutBytes: 9000,
    stdoutKeptBytes: 9000,
    stdoutCid: 'bafkreiabc',
    stderr: null,
    stderrBytes: null,
    stderrKeptBytes: null,
    stderrCid: null
  })
})

const status: NodeStatus = {
  setAside: [],
  left: false,
  restored: null,
  name: 'web1',
  key: keyOf('web1'),
  role: 'agent',
  labels: { role: 'web' },
  mesh: { id: meshId, name: 'demo' },
  release: '0.1.0',
  running: true,
  live: {
    at: now - 1000,
    pid: 4242,
    release: '0.1.0',
    addresses: ['/ip4/192.0.2.7/tcp/4400'],
    peers: [
      { name: 'e1', kind: 'endpoint', address: '/ip4/192.0.2.1/tcp/4400' },
      { name: 'e2', kind: 'endpoint', address: '/ip4/192.0.2.2/tcp/4400' }
    ],
    queueLength: 1,
    unacknowledged: 0,
    lastContactAt: now - 3000
  }
}

test('writ status shows a node that runs', async (t) => {
  const shown = await transcript(['status', ...home], { library: { readStatus: async () => status } })
  t.is(
    shown.stdout,
    [
      'name            web1',
      'role            agent',
      'labels          role=web',
      `mesh            demo (${meshId})`,
      `key             ${keyOf('web1')}`,
      'release         0.1.0',
      'running         yes, pid 4242',
      'addresses       /ip4/192.0.2.7/tcp/4400',
      'peers           e1 (endpoint) /ip4/192.0.2.1/tcp/4400',
      '                e2 (endpoint) /ip4/192.0.2.2/tcp/4400',
      'queue           1 not ended',
      'unacknowledged  0',
      'last contact    3s ago',
      ''
    ].join('\n')
  )
})

test('writ status shows a node that is down, or never ran', async (t) => {
  const down = await transcript(['status', ...home], { library: { readStatus: async () => ({ ...status, running: false }) } })
  t.regex(down.stdout, /^running +no, last seen 1s ago$/m)
  const fresh = await transcript(['status', ...home], { library: { readStatus: async () => ({ ...status, running: false, live: null }) } })
  t.regex(fresh.stdout, /^running +no, never started$/m)
})

test('writ status names stores that were set aside, and says that the home is a restored one', async (t) => {
  const found = { ...status, setAside: ['agent/state.damaged-20260102T030405Z', 'executor/journal.missing-20260102T030405Z'], restored: { at: now - 7_200_000, backupAt: 0 } }
  const shown = await transcript(['status', ...home], { library: { readStatus: async () => found } })
  t.regex(shown.stdout, /^restored +2h ago, from a backup of 1970-01-01T00:00:00.000Z$/m)
  t.regex(shown.stdout, /^DAMAGED +agent\/state\.damaged-20260102T030405Z was set aside, and a new store begun/m)
  t.regex(shown.stdout, /^ +executor\/journal\.missing/m)
})

test('writ status --json prints exactly one document', async (t) => {
  const shown = await transcript(['status', ...home, '--json'], { library: { readStatus: async () => status } })
  t.deepEqual(JSON.parse(shown.stdout), status)
})
