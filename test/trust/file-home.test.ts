import test from 'ava'
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { limits } from '../../src/base/limits.ts'
import { createHomeDirectories, loadCharters, loadCredential, loadSecret, openAdminHome, openHome, openNodeHome, refuseExistingHome, saveCharters, saveConfig, saveCredential, saveKey, type HomePaths } from '../../src/trust/file-home.ts'
import type { HomeConfigDraft } from '../../src/trust/home-config.ts'
import { TestMesh } from '../fixtures/mesh.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import type { ExecutionContext } from 'ava'

const mesh = new TestMesh()
const node = mesh.node('web-1')

const nodeConfig: HomeConfigDraft = { kind: 'node', version: 1, mesh: mesh.mesh, meshName: 'lab', name: 'web-1', endpoints: [], role: 'agent', listen: [] }

const nodeHome = async (t: ExecutionContext): Promise<HomePaths> => {
  const paths = createHomeDirectories(path.join(await temporaryDirectory(t), 'home'), ['agent', 'executor'])
  saveKey(paths.peerKey, 'ed25519', node.peer.seed)
  saveCharters(paths, 'agent', mesh.chain)
  saveCredential(paths, 'agent', node.credential.bytes)
  saveConfig(paths, nodeConfig)
  return paths
}

const adminHome = async (t: ExecutionContext): Promise<HomePaths> => {
  const paths = createHomeDirectories(path.join(await temporaryDirectory(t), 'home'), ['admin'])
  saveConfig(paths, { kind: 'admin', version: 1, mesh: mesh.mesh, meshName: 'lab', name: 'admin', endpoints: [] })
  return paths
}

test('a home gives back what was put into it, and defaults for the rest', async (t) => {
  const paths = await nodeHome(t)
  const home = openNodeHome(paths.home)
  t.like(home.config, { name: 'web-1', gossip: true, pullIntervalMs: limits.pull.intervalMs, logLevel: 'info', retention: { mode: 'label' } })
  t.deepEqual(loadSecret(paths.peerKey), node.peer.seed)
  const chain = loadCharters(home, 'agent')
  t.is(chain.mesh, mesh.mesh)
  t.is(loadCredential(home, 'agent', chain).credential.id, node.credential.id)
})

test('a directory without writ.json is no home', async (t) => {
  const folder = await temporaryDirectory(t)
  t.throws(() => openHome(folder), { code: 'home-missing', message: /writ init .* writ join/ })
  t.throws(() => openHome(path.join(folder, 'nowhere')), { code: 'home-missing' })
})

test('a home that was made by half is no home, and may be made again', async (t) => {
  const folder = await temporaryDirectory(t)
  const paths = createHomeDirectories(folder, ['agent', 'executor'])
  saveKey(paths.peerKey, 'ed25519', node.peer.seed)
  t.throws(() => openHome(folder), { code: 'home-missing' })
  t.notThrows(() => refuseExistingHome(folder))
})

test('a home is not made over another', async (t) => {
  const { home } = await nodeHome(t)
  t.throws(() => refuseExistingHome(home), { code: 'home-exists' })
})

test('a home of the other kind is the wrong one', async (t) => {
  const [admin, own] = [await adminHome(t), await nodeHome(t)]
  t.throws(() => openNodeHome(admin.home), { code: 'wrong-home', message: /admin/ })
  t.throws(() => openAdminHome(own.home), { code: 'wrong-home', message: /web-1/ })
})

const isBadConfig = test.macro({
  async exec(t, text: string, ...named: readonly string[]) {
    const { config, home } = await nodeHome(t)
    writeFileSync(config, text)
    const error = t.throws(() => openHome(home), { code: 'bad-config' })
    for (const part of [config, ...named]) t.true(error?.message.includes(part), `${part} is not named in: ${error?.message}`)
  },
  title: (name = '') => `a writ.json ${name} is a bad config`
})
const changed = (change: Record<string, unknown>): string => JSON.stringify({ ...nodeConfig, ...change })
test('that is not JSON', isBadConfig, '{', 'not JSON')
test('that is empty', isBadConfig, '', 'not JSON')
test('that holds no object', isBadConfig, '[]')
test('of no known kind', isBadConfig, changed({ kind: 'other' }), 'kind')
test('with a format that is built in', isBadConfig, changed({ formats: { script: { command: ['/bin/sh'] } } }), 'formats.script', 'built in')
test('with a format without a command', isBadConfig, changed({ formats: { own: { command: [] } } }), 'formats.own.command')
test('with a scanner that calls what is clean infected', isBadConfig, changed({ scanner: { command: ['clamscan'], infectedExitCodes: [0] } }), 'scanner.infectedExitCodes.0')
test('with several problems, each of which is named,', isBadConfig, changed({ name: 'No Name', pullIntervalMs: 5, listen: ['4400'], retention: { mode: 'keep', ageMs: 1 } }), 'name:', 'pullIntervalMs:', 'listen.0:', 'retention.mode:')
test('with a field that is not known', isBadConfig, changed({ gosip: false }), 'gosip')
test('with a port that there is not', isBadConfig, changed({ listen: ['/ip4/127.0.0.1/tcp/70000'] }), 'listen.0:')
test('of a later version', isBadConfig, changed({ version: 2 }), 'version')

const isLinked = test.macro({
  async exec(t, part: string) {
    const { home } = await nodeHome(t)
    renameSync(path.join(home, part), path.join(home, '..', 'elsewhere'))
    symlinkSync(path.join(home, '..', 'elsewhere'), path.join(home, part))
    const use = (): void => {
      const opened = openNodeHome(home)
      loadSecret(opened.paths.peerKey)
      loadCredential(opened, 'agent', loadCharters(opened, 'agent'))
    }
    t.throws(use, { code: 'home-symlink', message: new RegExp(part) })
  },
  title: (_, part) => `a link at ${part} is refused`
})
for (const part of ['writ.json', 'agent', 'executor', 'run', 'agent/keys', 'executor/keys', 'agent/keys/peer.key', 'agent/charters.cbor', 'agent/credential.cbor']) test(isLinked, part)

test('a home may be reached by a link', async (t) => {
  const { home } = await nodeHome(t)
  const link = path.join(home, '..', 'link')
  symlinkSync(home, link)
  t.notThrows(() => openNodeHome(link))
})

test('a key that others may read is refused', async (t) => {
  const { peerKey } = await nodeHome(t)
  chmodSync(peerKey, 0o640)
  t.throws(() => loadSecret(peerKey), { code: 'key-permissions' })
})

const isBadKey = test.macro({
  async exec(t, text: string) {
    const { peerKey } = await nodeHome(t)
    writeFileSync(peerKey, text)
    t.throws(() => loadSecret(peerKey), { code: 'bad-key-file' })
  },
  title: (name = '') => `a key file that ${name} is a bad one`
})
test('is empty', isBadKey, '')
test('was cut short', isBadKey, `writ-key-1 ed25519 ${'a'.repeat(51)}\n`)
test('has something behind the key', isBadKey, `writ-key-1 ed25519 ${'a'.repeat(52)}\n\n`)
test('is of another version', isBadKey, `writ-key-2 ed25519 ${'a'.repeat(52)}\n`)
test('has bits that belong to no key', isBadKey, `writ-key-1 ed25519 ${'b'.repeat(52)}\n`)

test('a key that is missing is missing', async (t) => {
  const { peerKey } = await nodeHome(t)
  rmSync(peerKey)
  t.throws(() => loadSecret(peerKey), { code: 'file-missing' })
})

test('charters of another mesh, damaged ones, and none at all are refused', async (t) => {
  const paths = await nodeHome(t)
  const home = openNodeHome(paths.home)
  saveCharters(paths, 'agent', new TestMesh({ name: 'other' }).chain)
  t.throws(() => loadCharters(home, 'agent'), { code: 'bad-charter-file' })
  writeFileSync(paths.charters('agent'), new Uint8Array([0x80]))
  t.throws(() => loadCharters(home, 'agent'), { code: 'bad-charter-file' })
  rmSync(paths.charters('agent'))
  t.throws(() => loadCharters(home, 'agent'), { code: 'file-missing' })
})

test('a credential of another mesh, or a damaged one, is refused', async (t) => {
  const paths = await nodeHome(t)
  const home = openNodeHome(paths.home)
  saveCredential(paths, 'agent', new TestMesh({ name: 'other' }).node('web-1').credential.bytes)
  t.throws(() => loadCredential(home, 'agent', mesh.chain), { code: 'bad-credential-file' })
  writeFileSync(paths.credential('agent'), readFileSync(paths.peerKey))
  t.throws(() => loadCredential(home, 'agent', mesh.chain), { code: 'bad-credential-file' })
})

test('a directory where a file should be is told by its path', async (t) => {
  const paths = await nodeHome(t)
  rmSync(paths.config)
  mkdirSync(paths.config)
  t.throws(() => openHome(paths.home), { code: 'home-unreadable', message: /writ\.json is not a plain file/ })
})

const asRoot = process.getuid?.() === 0 ? test : test.skip // files of others can be made by root alone

asRoot('agent and run may be those of the user of the agent, and nothing else', async (t) => {
  const { config, home, agent, run, peerKey, executorKey, ...paths } = await nodeHome(t)
  for (const file of [agent, run, peerKey, paths.charters('agent'), paths.credential('agent')]) chownSync(file, 12_345, 12_345)
  t.throws(() => openNodeHome(home), { code: 'home-foreign-owner', message: /chown/ })
  writeFileSync(config, changed({ agentUser: 'writ' }))
  const opened = openNodeHome(home)
  t.is(opened.agentOwner, 12_345)
  t.deepEqual(loadSecret(peerKey, opened.agentOwner), node.peer.seed)
  t.is(loadCredential(opened, 'agent', loadCharters(opened, 'agent')).credential.id, node.credential.id)
  chownSync(peerKey, 12_346, 12_346)
  t.throws(() => loadSecret(peerKey, opened.agentOwner), { code: 'home-foreign-owner' })
  saveKey(executorKey, 'ed25519', node.executor.seed)
  chownSync(executorKey, 12_345, 12_345)
  t.throws(() => loadSecret(executorKey), { code: 'home-foreign-owner' })
  chownSync(path.join(home, 'executor'), 12_345, 12_345)
  t.throws(() => openNodeHome(home), { code: 'home-foreign-owner' })
})

test('a home is made so that others cannot read its configuration', async (t) => {
  const { config } = await nodeHome(t)
  t.is(statSync(config).mode & 0o777, 0o600)
})
