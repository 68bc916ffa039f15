import test from 'ava'
import { keyOf, meshId, now, orderId } from './fake-admin.ts'
import { transcript } from './transcript.ts'
import type { AuditEvent, AuditOptions } from '../../src/api/file-audit.ts'
import type { Incarnation, RecordId } from '../../src/base/brand.ts'
import type { Fact } from '../../src/queue/fold.ts'

const nameOf = (key: string): string => (key === keyOf('web1') ? 'web1' : 'admin')
const fact: Fact = { by: 'executor', state: 'failed', at: now, startedAt: now - 1000, exitCode: 3, signal: null, code: 'unexpected-exit', detail: 'exit code 3,\nexpected 0', stdout: null, stderr: null, entry: 'e'.repeat(52) as RecordId }
const order: AuditEvent = {
  kind: 'order',
  nameOf,
  order: {
    indication: orderId,
    given: { name: 'up\u001B[31mtime', format: 'command', admin: keyOf('admin'), createdAt: now - 2000 },
    cancels: [{ admin: keyOf('admin'), at: now }],
    runs: [{ agent: keyOf('web1'), fact }, { agent: keyOf('web1'), fact: { ...fact, by: 'agent', state: 'received', startedAt: null, exitCode: null, code: null, detail: null } }]
  }
}
const found: AuditEvent = { kind: 'finding', nameOf, finding: { kind: 'altered', author: keyOf('web1'), incarnation: 'abcdefghijklmnopqrstuvwxyz' as Incarnation, from: 7, through: 7, detail: 'a signature of the entry is not valid', entries: [], thaw: null } }
const summary = (faults: number): AuditEvent => ({ kind: 'summary', summary: { mesh: meshId, logs: 2, entries: 9, orders: 1, faults, forks: 0, exported: null } })

const play = (...events: AuditEvent[]) => {
  const asked: AuditOptions[] = []
  return {
    asked,
    library: {
      async *audit(options: AuditOptions) {
        asked.push(options)
        yield* events
      }
    }
  }
}

const at = (time: number): string => new Date(time).toISOString()

test('writ audit shows each order with what came of it, and the sum apart', async (t) => {
  const { library, asked } = play(order, summary(0))
  const shown = await transcript(['audit', '--home', '/a', '--export', 'e.car', '--archive', 'one.car', '--archive', 'two.car'], { library })
  t.is(shown.stdout, [
    `${orderId.slice(0, 12)}  ${at(now - 2000)}  admin ordered command: uptime`,
    `  ${at(now)}  admin cancelled it`,
    `  ${at(now)}  web1 failed, started ${at(now - 1000)}, exit 3, unexpected-exit: exit code 3, expected 0`,
    `  ${at(now)}  web1 received (its agent says)`,
    ''
  ].join('\n'))
  t.is(shown.stderr, '2 logs, 9 entries, 1 order: all verified\n')
  t.is(shown.exitCode, 0)
  t.deepEqual(asked.map(({ home, archives, export: out }) => ({ home, archives, out })), [{ home: '/a', archives: ['one.car', 'two.car'], out: 'e.car' }])
})

test('evidence that was altered is named, and has an exit code of its own', async (t) => {
  const shown = await transcript(['audit', '--home', '/a'], play(found, { kind: 'damage', detail: '000005.ldb is missing' }, summary(2)))
  t.is(shown.stdout, `altered  web1 (${keyOf('web1').slice(0, 12)}, life abcdef), entry 7: a signature of the entry is not valid\ndamaged  the files of the store: 000005.ldb is missing\n`)
  t.regex(shown.stderr, /: 2 faults$/m)
  t.is(shown.exitCode, 8)
})

test('writ audit --json prints a line for each order and finding, and one for the sum', async (t) => {
  const shown = await transcript(['audit', '--home', '/a', '--json'], play(order, found, summary(1)))
  const lines = shown.stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  t.deepEqual(lines.map(({ kind }) => kind), ['order', 'finding', 'summary'])
  t.like(lines[0], { indication: orderId, given: { adminName: 'admin' }, runs: [{ agentName: 'web1', state: 'failed', exitCode: 3 }, { state: 'received' }] })
  t.like(lines[1], { finding: 'altered', authorName: 'web1', from: 7 })
  t.is(shown.exitCode, 8)
})

test('an order of which only the receipts are held is shown as such', async (t) => {
  const own: AuditEvent = { ...order, order: { ...order.order, given: null, cancels: [] } } as AuditEvent
  t.regex((await transcript(['audit', '--home', '/a'], play(own, summary(0)))).stdout, /the order itself is not held here/)
})

test('a fork that was thawed is shown with who chose what', async (t) => {
  const fork: AuditEvent = {
    kind: 'finding',
    nameOf,
    finding: { kind: 'fork', author: keyOf('web1'), incarnation: 'abcdefghijklmnopqrstuvwxyz' as Incarnation, from: 4, through: 4, detail: 'two entries', entries: ['k'.repeat(52) as RecordId], thaw: { keep: 'k'.repeat(52) as RecordId, admin: keyOf('ada'), at: now } }
  }
  const shown = await transcript(['audit', '--home', '/a'], play(fork, summary(0)))
  t.is(shown.stdout, `fork  web1 (${keyOf('web1').slice(0, 12)}, life abcdef), entry 4: two entries: kkkkkkkkkkkk; admin let kkkkkkkkkkkk count, ${at(now)}\n`)
  t.is(shown.exitCode, 0)
  const [line] = (await transcript(['audit', '--home', '/a', '--json'], play(fork, summary(0)))).stdout.split('\n')
  t.like(JSON.parse(line ?? ''), { finding: 'fork', thaw: { adminName: 'admin', at: now } })
})
