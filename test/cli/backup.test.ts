import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import { keyOf, meshId, now } from './fake-admin.ts'
import { transcript } from './transcript.ts'
import type { BackupReport } from '../../src/api/file-backup.ts'

const report: BackupReport = { archive: 'writ-backup', version: 1, kind: 'node', name: 'web1', mesh: meshId, meshName: 'demo', key: keyOf('web1'), at: 0, release: '0.1.0', files: 9, rows: 1, sizeBytes: 2048 }

test('writ backup says what is in the file, and that it is secret', async (t) => {
  const shown = await transcript(['backup', '--home', '/a', '--out', 'a.car'], { library: { backUp: async () => report } })
  t.is(shown.stdout, 'a.car  node web1 of demo: 9 files, 1 row of its stores, 2.0 KiB\n')
  t.regex(shown.stderr, /keys of this home/)
  t.is(shown.exitCode, 0)
})

test('writ restore of a node says what will not run, and what to do next', async (t) => {
  const shown = await transcript(['restore', 'a.car', '--home', '/a b'], { library: { restore: async () => report } })
  t.regex(shown.stdout, /^\/a b {2}node web1 of demo, as it was at 1970-01-01T00:00:00.000Z: 9 files/)
  t.true(shown.stderr.includes(`Orders made before ${new Date(now + 600_000).toISOString()} may have run already`))
  t.regex(shown.stderr, /writ start --home '\/a b'/)
})

test('writ restore of an admin says nothing of starting', async (t) => {
  const shown = await transcript(['restore', 'a.car', '--home', '/a'], { library: { restore: async () => ({ ...report, kind: 'admin' }) } })
  t.notRegex(shown.stderr, /writ start|Orders/)
  t.regex(shown.stderr, /must not be used any more/)
})

test('a backup without a file is bad usage, one of a running node has an exit code of its own', async (t) => {
  t.is((await transcript(['backup', '--home', '/a'])).exitCode, 2)
  const refuse = async (): Promise<never> => Promise.reject(new WritError('home-in-use', 'a node runs'))
  t.is((await transcript(['backup', '--home', '/a', '--out', 'x'], { library: { backUp: refuse } })).exitCode, 7)
})
