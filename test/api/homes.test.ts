/** What can go wrong before anybody is contacted. */
import test from 'ava'
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { bootstrapEndpoint, createAdmin, createInvite, createMesh, joinMesh, readStatus } from '../../src/api/index.ts'
import { extendCharter } from '../../src/api/charter-change.ts'
import { decodeToken } from '../../src/trust/token.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { homePaths, loadCharters, openAdminHome, openNodeHome, saveCharters } from '../../src/trust/file-home.ts'
import { inviteKind } from '../../src/record/invite.ts'
import { keyFor } from '../fixtures/mesh.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import type { ExecutionContext } from 'ava'

const listen = ['/ip4/127.0.0.1/tcp/4400']

const setUp = async (t: ExecutionContext, parts: { readonly endpoint?: boolean } = {}) => {
  const folder = await temporaryDirectory(t)
  const admin = path.join(folder, 'admin')
  const endpoint = path.join(folder, 'e1')
  const { mesh } = await createMesh({ home: admin, mesh: 'lab' })
  if (parts.endpoint === true) await bootstrapEndpoint({ admin, home: endpoint, name: 'e1', listen })
  return { folder, admin, endpoint, mesh }
}

test('a new mesh has an admin of everything, and keys that are the owner\'s alone', async (t) => {
  const { admin, mesh } = await setUp(t)
  const home = openAdminHome(admin)
  const { current } = loadCharters(home, 'admin')
  t.is(home.config.mesh, mesh)
  t.deepEqual(current.admins.map(({ may }) => may), [[{ formats: ['*'], on: '', users: ['*'], networks: ['host', 'none'] }]])
  for (const key of [home.paths.rootKey, home.paths.adminKey]) t.is(statSync(key).mode & 0o777, 0o600)
  t.not(current.rootKeys[0], current.admins[0]?.key)
})

test('a mesh is not made over a home', async (t) => {
  const { admin } = await setUp(t)
  const before = readFileSync(homePaths(admin).rootKey, 'utf8')
  await t.throwsAsync(createMesh({ home: admin, mesh: 'other' }), { code: 'home-exists' })
  t.is(readFileSync(homePaths(admin).rootKey, 'utf8'), before)
})

test('a name that none can have is refused, and nothing is made', async (t) => {
  const folder = path.join(await temporaryDirectory(t), 'home')
  for (const mesh of ['', 'Lab', 'a b', '-a', 'a'.repeat(64), '../x']) await t.throwsAsync(createMesh({ home: folder, mesh }), { code: 'bad-name' })
  t.false(existsSync(folder))
})

test('a home cannot be made below a file', async (t) => {
  const folder = await temporaryDirectory(t)
  writeFileSync(path.join(folder, 'file'), '')
  await t.throwsAsync(createMesh({ home: path.join(folder, 'file', 'home'), mesh: 'lab' }), { code: 'home-unwritable' })
})

test('the first endpoint is listed in the charter, and the admin knows where it is', async (t) => {
  const { admin, endpoint } = await setUp(t, { endpoint: true })
  const home = openAdminHome(admin)
  const node = openNodeHome(endpoint)
  t.is(node.config.role, 'endpoint')
  t.deepEqual(home.config.endpoints, [{ key: loadCharters(home, 'admin').current.endpoints[0]?.key, name: 'e1', addresses: listen }] as typeof home.config.endpoints)
  t.like(await readStatus({ home: endpoint }), { name: 'e1', role: 'endpoint', running: false, live: null })
})

test('only the first endpoint comes from the admin\'s home', async (t) => {
  const { admin, folder } = await setUp(t, { endpoint: true })
  await t.throwsAsync(bootstrapEndpoint({ admin, home: path.join(folder, 'e2'), name: 'e2', listen }), { code: 'mesh-has-endpoint', message: /writ invite .* --role endpoint/ })
})

const refusesEndpoint = test.macro({
  async exec(t, code: string, change: Partial<Parameters<typeof bootstrapEndpoint>[0]>) {
    const { admin, endpoint } = await setUp(t)
    await t.throwsAsync(bootstrapEndpoint({ admin, home: endpoint, name: 'e1', listen, ...change }), { code })
    t.is(loadCharters(openAdminHome(admin), 'admin').current.version, 1)
    t.false(existsSync(homePaths(endpoint).config))
  },
  title: (name = '', code) => `a first endpoint ${name} is refused: ${code}`
})
test('with a name that none can have', refusesEndpoint, 'bad-name', { name: 'E 1' })
test('with an address that is none', refusesEndpoint, 'bad-address', { listen: ['127.0.0.1:4400'] })
test('with a port that there is not', refusesEndpoint, 'bad-address', { listen: ['/ip4/127.0.0.1/tcp/70000'] })
test('with a port that changes', refusesEndpoint, 'bad-address', { listen: ['/ip4/127.0.0.1/tcp/0'] })
test('without an address', refusesEndpoint, 'bad-address', { listen: [] })
test('of a home that is none', refusesEndpoint, 'home-missing', { admin: '/nowhere' })

test('a first endpoint where there is a home already is refused', async (t) => {
  const { admin } = await setUp(t)
  await t.throwsAsync(bootstrapEndpoint({ admin, home: admin, name: 'e1', listen }), { code: 'home-exists' })
})

test('a first endpoint whose home cannot be written leaves the charter as it was', async (t) => {
  const { admin, folder } = await setUp(t)
  writeFileSync(path.join(folder, 'file'), '')
  await t.throwsAsync(bootstrapEndpoint({ admin, home: path.join(folder, 'file', 'e1'), name: 'e1', listen }), { code: 'home-unwritable' })
  t.is(loadCharters(openAdminHome(admin), 'admin').current.version, 1)
})

test('without the root key the charter cannot be changed', async (t) => {
  const { admin, endpoint } = await setUp(t)
  const { rootKey } = homePaths(admin)
  renameSync(rootKey, `${rootKey}.away`)
  await t.throwsAsync(bootstrapEndpoint({ admin, home: endpoint, name: 'e1', listen }), { code: 'root-key-missing', message: /bring it back/ })
  renameSync(`${rootKey}.away`, rootKey)
  chmodSync(rootKey, 0o644)
  await t.throwsAsync(bootstrapEndpoint({ admin, home: endpoint, name: 'e1', listen }), { code: 'key-permissions' })
})

test('a token says who, where and for how long', async (t) => {
  const { admin, mesh } = await setUp(t, { endpoint: true })
  const before = Date.now()
  const token = decodeToken(await createInvite({ home: admin, role: 'agent', labels: { role: 'web' }, uses: 3, expiresInMs: 60_000 }))
  if (!token.ok) return t.fail(token.detail)
  const invite = decodeRecord(inviteKind, token.value.invite)
  if (!invite.ok) return t.fail(invite.detail)
  t.like(invite.value.body, { mesh, role: 'agent', labels: { role: 'web' }, uses: 3 })
  t.true(invite.value.body.expiresAt >= before + 60_000 && invite.value.body.expiresAt <= Date.now() + 60_000)
  t.deepEqual(token.value.endpoints, openAdminHome(admin).config.endpoints)
})

test('a mesh without an endpoint cannot invite', async (t) => {
  const { admin } = await setUp(t)
  await t.throwsAsync(createInvite({ home: admin, role: 'agent' }), { code: 'no-endpoint-known', message: /writ join --admin/ })
})

const refusesInvite = test.macro({
  async exec(t, change: Partial<Parameters<typeof createInvite>[0]>) {
    const { admin } = await setUp(t, { endpoint: true })
    await t.throwsAsync(createInvite({ home: admin, role: 'agent', ...change }), { code: 'bad-invite' })
    t.is(loadCharters(openAdminHome(admin), 'admin').current.version, 2)
  },
  title: (name = '') => `an invite ${name} is refused`
})
test('for more than 30 days', refusesInvite, { expiresInMs: 31 * 86_400_000 })
test('for no time', refusesInvite, { expiresInMs: 0 })
test('for no uses', refusesInvite, { uses: 0 })
test('for too many uses', refusesInvite, { uses: 10_001 })
test('with a label that none can be', refusesInvite, { labels: { 'a b': 'c' } })
test('for an endpoint with two uses', refusesInvite, { role: 'endpoint', uses: 2 })

test('an admin who is no enroller cannot invite', async (t) => {
  const { admin } = await setUp(t, { endpoint: true })
  const home = openAdminHome(admin)
  saveCharters(home.paths, 'admin', extendCharter(home.paths, loadCharters(home, 'admin'), { enrollers: [{ key: keyFor('other').key, name: 'other' }] }))
  await t.throwsAsync(createInvite({ home: admin, role: 'agent' }), { code: 'not-an-enroller' })
})

test('a word that is no token is refused, and nothing is made', async (t) => {
  const folder = path.join(await temporaryDirectory(t), 'home')
  await t.throwsAsync(joinMesh({ token: 'writ1aaaa', home: folder, name: 'web-1' }), { code: 'bad-token' })
  t.false(existsSync(folder))
})

const refusesJoin = test.macro({
  async exec(t, code: string, change: Partial<Parameters<typeof joinMesh>[0]>) {
    const { admin, folder } = await setUp(t, { endpoint: true })
    const token = await createInvite({ home: admin, role: 'agent' })
    await t.throwsAsync(joinMesh({ token, home: path.join(folder, 'web-1'), name: 'web-1', ...change }), { code })
  },
  title: (name = '', code) => `a join ${name} is refused before anybody is contacted: ${code}`
})
test('with a name that none can have', refusesJoin, 'bad-name', { name: 'Web 1' })
test('with an address that is none', refusesJoin, 'bad-address', { listen: ['nowhere'] })
test('below a file', refusesJoin, 'home-unwritable', { home: '/dev/null/web-1' })

test('a join to an endpoint that is down says which addresses were tried and for how long', async (t) => {
  const { admin, folder } = await setUp(t, { endpoint: true })
  const { config, paths } = openAdminHome(admin)
  // Nobody listens on port 1.
  writeFileSync(paths.config, JSON.stringify({ ...config, endpoints: config.endpoints.map((endpoint) => ({ ...endpoint, addresses: ['/ip4/127.0.0.1/tcp/1'] })) }))
  const token = await createInvite({ home: admin, role: 'agent' })
  await t.throwsAsync(joinMesh({ token, home: path.join(folder, 'web-1'), name: 'web-1' }), { code: 'no-endpoint-reachable', message: /within [0-9.]+ m?s.*e1 at \/ip4\/127\.0\.0\.1\/tcp\/1/ })
  t.false(existsSync(path.join(folder, 'web-1', 'writ.json')))
})

test('an admin without an endpoint is told how to make one', async (t) => {
  const { admin: home } = await setUp(t)
  const admin = await createAdmin({ home })
  await t.throwsAsync(admin.nodes(), { code: 'no-endpoint-known' })
  await admin.close()
})

test('a home is taken for what it is: admins have no status, nodes give no orders', async (t) => {
  const { admin, endpoint } = await setUp(t, { endpoint: true })
  await t.throwsAsync(readStatus({ home: admin }), { code: 'wrong-home' })
  await t.throwsAsync(createAdmin({ home: endpoint }), { code: 'wrong-home' })
  await t.throwsAsync(createInvite({ home: endpoint, role: 'agent' }), { code: 'wrong-home' })
})

test('an admin\'s home that lacks its key says which', async (t) => {
  const { admin } = await setUp(t)
  rmSync(homePaths(admin).adminKey)
  await t.throwsAsync(createAdmin({ home: admin }), { code: 'file-missing', message: /admin\.key/ })
})
