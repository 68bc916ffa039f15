import test from 'ava'
import { linkSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { confineAgent } from '../../src/executor/agent-user.ts'
import { prepareAgentUser } from '../../src/executor/child-agent-user.ts'
import { openToAgent } from '../../src/executor/file-agent-home.ts'
import { fileExecutables } from '../../src/executor/file-executables.ts'
import { createHomeDirectories, type HomePaths } from '../../src/trust/file-home.ts'
import { node } from './workbench.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import type { ExecutionContext } from 'ava'
import type { Executables } from '../../src/executor/format.ts'

const asRoot = process.geteuid?.() === 0 ? test : test.skip // files can be given by root alone
const base = { executor: node.executor.key, path: process.env['PATH'] ?? '/usr/bin:/bin', home: '/root', lang: 'C' }
const command = { file: '/bin/true', args: ['entry', '/home'], environment: { TOKEN: 'secret' } }
const owner = { uid: 12_345, gid: 12_346 }

const makeHome = async (t: ExecutionContext): Promise<HomePaths> => {
  const paths = createHomeDirectories(path.join(await temporaryDirectory(t), 'home'), ['agent', 'executor'])
  writeFileSync(paths.config, '{}', { mode: 0o644 })
  writeFileSync(paths.executorKey, '')
  writeFileSync(paths.peerKey, '')
  return paths
}

test('an agent of another user is started without privileges, groups, and what the executor was told', (t) => {
  const confined = confineAgent('/bin/setpriv', { name: 'writ', uid: 7, gid: 8, home: '/var/writ' }, base, command)
  t.deepEqual(confined, {
    file: '/bin/setpriv',
    args: ['--reuid=7', '--regid=8', '--clear-groups', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all', '--', '/bin/true', 'entry', '/home'],
    environment: { PATH: base.path, LANG: 'C', HOME: '/var/writ', USER: 'writ', LOGNAME: 'writ' }
  })
})

const isUnusable = test.macro({
  async exec(t, name: string, change: { readonly uid?: number; readonly executables?: Executables }, detail: RegExp) {
    const paths = await makeHome(t)
    const error = await t.throwsAsync(prepareAgentUser(name, command, command.file, { paths, executables: fileExecutables, base, uid: 0, ...change }), { code: 'agent-user-unusable' })
    t.regex(error?.message ?? '', detail)
    t.is(statSync(paths.config).mode & 0o777, 0o644)
  },
  title: (title = '') => title
})
test('only root starts an agent as another user', isUnusable, 'nobody', { uid: 1000 }, /does not run as root/)
test('without setpriv no agent runs as another user', isUnusable, 'nobody', { executables: { find: async () => undefined } }, /there is no setpriv/)
test('a user that there is not runs no agent', isUnusable, 'no-such-user', {}, /there is no user no-such-user on this node; make it/)
test('root is no other user', isUnusable, 'root', {}, /that user is root/)

asRoot('agent and run become those of the user, and everything else is put out of its reach', async (t) => {
  const paths = await makeHome(t)
  mkdirSync(path.join(paths.outputs, 'ab'), { recursive: true })
  openToAgent(paths, owner)
  for (const given of [paths.agent, paths.peerKey, path.join(paths.outputs, 'ab'), paths.run]) t.like(lstatSync(given), owner, given)
  for (const kept of [paths.home, paths.config, paths.executor, paths.executorKey]) t.is(lstatSync(kept).uid, 0, kept)
  t.deepEqual([paths.home, paths.config, paths.executor].map((file) => statSync(file).mode & 0o777), [0o711, 0o600, 0o700])
  writeFileSync(path.join(paths.agent, 'left by root'), '')
  openToAgent(paths, owner)
  t.like(lstatSync(path.join(paths.agent, 'left by root')), owner)
})

asRoot('a link that the user has laid leads to nothing', async (t) => {
  const paths = await makeHome(t)
  symlinkSync(paths.executor, path.join(paths.agent, 'link'))
  t.throws(() => openToAgent(paths, owner), { code: 'home-symlink', message: /agent\/link is a symbolic link/ })
  t.is(lstatSync(paths.executor).uid, 0)
  t.is(lstatSync(paths.executorKey).uid, 0)
})

asRoot('a file that has a name elsewhere is not given away', async (t) => {
  const paths = await makeHome(t)
  linkSync(paths.executorKey, path.join(paths.agent, 'mine'))
  t.throws(() => openToAgent(paths, owner), { code: 'home-foreign-owner', message: /agent\/mine has another name/ })
  t.is(lstatSync(paths.executorKey).uid, 0)
})
