import test from 'ava'
import { keyOf, now } from './fake-admin.ts'
import { transcript } from './transcript.ts'
import { WritError } from '../../src/base/errors.ts'
import type { Incarnation, RecordId } from '../../src/base/brand.ts'
import type { ForkRow } from '../../src/node/protocol/query.ts'

const idOf = (start: string): RecordId => start.padEnd(52, '2') as RecordId
const fork = (rest: Partial<ForkRow> = {}): ForkRow => ({
  author: keyOf('web1'),
  authorName: 'web1',
  incarnation: 'abcdefghijklmnopqrstuvwxyz' as Incarnation,
  sequence: 4,
  branches: [idOf('k3v9'), idOf('x2ab')],
  thaw: null,
  ...rest
})
const kept = { keep: idOf('x2ab'), admin: keyOf('ada'), adminName: 'ada', at: now }
const home = ['--home', '/a']

test('writ thaw lists the logs that have forked, and what was chosen', async (t) => {
  const forks = async () => [fork({ authorName: 'we\u001B[31mb1' }), fork({ authorName: 'web2', sequence: 17, thaw: kept })]
  const shown = await transcript(['thaw', ...home], { admin: { forks } })
  t.is(shown.stdout, [
    'AUTHOR  LIFE    ENTRY  BRANCHES                   STATE',
    'web1    abcdef  4      k3v922222222 x2ab22222222  frozen',
    'web2    abcdef  17     k3v922222222 x2ab22222222  x2ab22222222 counts, by ada',
    ''
  ].join('\n'))
  t.is(shown.exitCode, 0)
})

test('ids are shown as long as it takes to tell them apart', async (t) => {
  const forks = async () => [fork({ branches: [idOf('k3v9x2abcdefgh'), idOf('k3v9x2abcdefgi')] }), fork({ branches: [idOf('x2ab')] })]
  const shown = await transcript(['thaw', ...home], { admin: { forks } })
  t.true(shown.stdout.includes('  k3v9x2abcdefgh k3v9x2abcdefgi  frozen\n'), shown.stdout)
  t.true(shown.stdout.includes('  x2ab2222222222 '), shown.stdout)
})

test('where no log has forked that is said, apart from the output', async (t) => {
  const shown = await transcript(['thaw', ...home], { admin: { forks: async () => [] } })
  t.deepEqual([shown.stdout, shown.stderr, shown.exitCode], ['', 'no log has forked\n', 0])
})

test('writ thaw ENTRY says what counts from now on', async (t) => {
  const shown = await transcript(['thaw', 'x2ab', ...home], { admin: { thaw: async () => fork({ thaw: kept }) } })
  t.is(shown.stdout, `thawed web1 (life abcdef) at entry 4: ${idOf('x2ab')} counts\n`)
  t.deepEqual(shown.admin.calls, [['thaw', 'x2ab']])
})

test('with --json there is one document', async (t) => {
  const listed = await transcript(['thaw', ...home, '--json'], { admin: { forks: async () => [fork()] } })
  t.deepEqual(JSON.parse(listed.stdout), { forks: [fork()] })
  const chosen = await transcript(['thaw', 'x2ab', ...home, '--json'], { admin: { thaw: async () => fork({ thaw: kept }) } })
  t.deepEqual(JSON.parse(chosen.stdout), { fork: fork({ thaw: kept }) })
})

test('a branch that nobody knows has the exit code of what matches nothing', async (t) => {
  const thaw = async (): Promise<never> => {
    throw new WritError('unknown-fork', 'no branch begins with "a"')
  }
  t.is((await transcript(['thaw', 'a', ...home], { admin: { thaw } })).exitCode, 4)
})
