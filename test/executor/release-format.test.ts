import test from 'ava'
import { encodeTree } from '../../src/record/tree.ts'
import { createReleaseFormat } from '../../src/executor/release-format.ts'
import { commandOrder } from './workbench.ts'

const { id } = commandOrder(['true'])
const jobs = { file: '/usr/bin/node', args: ['jobs.js'] }
const launcher = { protocol: 1, slots: { pathOf: (version: string) => `/home/executor/releases/${version}` } }
const options = { version: '0.2.0', platform: 'linux-x64-glibc', minimumPrevious: '0.1.0', launcherProtocol: '1', trialSeconds: '60' }

const treeOf = (name: string): Uint8Array => {
  const owner = { owner: null, group: null }
  const encoded = encodeTree({ root: { mode: 0o755, ...owner }, entries: [{ kind: 'file', path: name, mode: 0o755, sizeBytes: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', ...owner }] })
  if (!encoded.ok) throw new Error(encoded.detail)
  return encoded.value.head
}

interface Case {
  readonly options?: Readonly<Record<string, string>>
  readonly tree?: Uint8Array
  readonly running?: string
  readonly launcher?: null
}

const isJudged = test.macro({
  async exec(t, change: Case, expected: string | readonly string[]) {
    const format = createReleaseFormat({ jobs, running: change.running ?? '0.1.0', platform: () => 'linux-x64-glibc', launcher: change.launcher === null ? null : launcher })
    const bytes = change.tree ?? treeOf('start')
    const launch = await format.prepare({ path: '/cache/payload', sizeBytes: bytes.length, readHead: async (most) => bytes.subarray(0, most) }, { id, searchPath: '', options: { ...options, ...change.options } })
    t.deepEqual(launch.ok ? launch.value.args : launch.code, expected)
  },
  title: (name = '', _change, expected) => `${name} is ${typeof expected === 'string' ? `refused: ${expected}` : 'staged'}`
})

test('the next release', isJudged, {}, ['jobs.js', 'stage', '/cache/payload', '/home/executor/releases/0.2.0'])
test('the release that runs', isJudged, { running: '0.2.0' }, 'already-installed')
test('an older release', isJudged, { running: '0.10.0' }, 'downgrade')
test('an older release that is wanted', isJudged, { running: '0.10.0', options: { downgrade: 'yes' } }, ['jobs.js', 'stage', '/cache/payload', '/home/executor/releases/0.2.0'])
test('a release that cannot follow', isJudged, { running: '0.0.9' }, 'release-too-far')
test('a release for another platform', isJudged, { options: { platform: 'linux-arm64-musl' } }, 'wrong-platform')
test('a release for a later launcher', isJudged, { options: { launcherProtocol: '2' } }, 'launcher-too-old')
test('a release where no launcher runs', isJudged, { launcher: null }, 'no-launcher')
test('a tree without a start', isJudged, { tree: treeOf('begin') }, 'bad-tree')
test('what is no tree', isJudged, { tree: Buffer.from('no tree at all') }, 'bad-tree')
test('a version that is none', isJudged, { options: { version: '../../etc' } }, 'bad-options')
test('a release that writes stores as this one reads them', isJudged, { options: { storeFormat: '1' } }, ['jobs.js', 'stage', '/cache/payload', '/home/executor/releases/0.2.0'])
test('a release that writes stores as this one cannot read them', isJudged, { options: { storeFormat: '2' } }, 'store-too-new')
test('an option that there is not', isJudged, { options: { colour: 'blue' } }, 'bad-options')
