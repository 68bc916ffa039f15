/** Who gets in, and what those are told who do not. */
import test from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, existsSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { encodeFrame } from '../../src/base/framing.ts'
import { MeshProcesses, type Outcome } from '../processes/mesh-processes.ts'
import { program } from '../processes/node-processes.ts'
import type { ExecutionContext } from 'ava'

const mesh = new MeshProcesses({ agents: {} })

test.before('a mesh is formed', async () => {
  await mesh.open()
})
test.after.always('and gone afterwards', () => mesh.close())

const join = (token: string, name: string): Promise<Outcome> => mesh.writ('join', token, '--home', mesh.home(name), '--name', name)

const isRefused = (t: ExecutionContext, { code, stdout, stderr }: Outcome, exitCode: number, errorCode: string): void => {
  t.is(code, exitCode, stderr)
  t.true(stderr.includes(`[${errorCode}]`), stderr)
  t.is(stdout, '')
  t.is(stderr.trim().split('\n').length, 1, stderr)
}

test.serial('a token for two nodes lets in two', async (t) => {
  const token = await mesh.invite('--role', 'agent', '--uses', '2')
  t.regex(token, /^writ1[a-z2-7]+$/)
  t.is((await join(token, 'one')).code, 0)
  t.is((await join(token, 'two')).code, 0)
  isRefused(t, await join(token, 'three'), 6, 'token-used-up')
  t.false(existsSync(path.join(mesh.home('three'), 'writ.json')))
})

test.serial('a token past its expiry is refused', async (t) => {
  const token = await mesh.invite('--role', 'agent', '--expires', '1s')
  await delay(1100)
  isRefused(t, await join(token, 'late'), 6, 'token-expired')
})

test.serial('a name that is taken is refused, and the token is not spent', async (t) => {
  const token = await mesh.invite('--role', 'agent')
  isRefused(t, await mesh.writ('join', token, '--home', mesh.home('other'), '--name', 'one'), 6, 'name-taken')
  t.is((await join(token, 'other')).code, 0)
})

test.serial('a token that was damaged on its way is refused', async (t) => {
  const token = await mesh.invite('--role', 'agent')
  for (const damaged of ['hello', token.slice(0, -3), `${token.slice(0, 40)}${token[40] === 'a' ? 'b' : 'a'}${token.slice(41)}`]) isRefused(t, await join(damaged, 'damaged'), 6, 'bad-token')
})

test.serial('a token of another mesh is refused by the endpoint that it leads to', async (t) => {
  const foreign = mesh.home('foreign-admin')
  await mesh.must('init', '--home', foreign, '--mesh', 'foreign')
  const { endpoints } = JSON.parse(readFileSync(path.join(mesh.admin, 'writ.json'), 'utf8'))
  const config = path.join(foreign, 'writ.json')
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), endpoints }))
  const token = (await mesh.must('invite', '--home', foreign, '--role', 'agent')).trim()
  isRefused(t, await join(token, 'stranger'), 6, 'wrong-mesh')
  isRefused(t, await mesh.writ('nodes', '--home', foreign), 6, 'wrong-mesh')
})

test.serial('a join over a home is refused, and the home stays as it is', async (t) => {
  const before = readFileSync(path.join(mesh.home('one'), 'writ.json'))
  isRefused(t, await join(await mesh.invite('--role', 'agent'), 'one'), 7, 'home-exists')
  t.deepEqual(readFileSync(path.join(mesh.home('one'), 'writ.json')), before)
})

test.serial('a first endpoint is not made twice', async (t) => {
  isRefused(t, await mesh.writ('join', '--admin', mesh.admin, '--home', mesh.home('e3'), '--name', 'e3', '--listen', '/ip4/127.0.0.1/tcp/4400'), 6, 'mesh-has-endpoint')
})

test.serial('nodes that joined come when they are started, and are ordered by their labels', async (t) => {
  await mesh.must('join', await mesh.invite('--role', 'agent', '--label', 'tier=front'), '--home', mesh.home('front'), '--name', 'front')
  await mesh.start('front')
  await mesh.knowEachOther(['e1', 'e2', 'front'])
  const { code, view } = await mesh.run('--on', 'tier=front', '--', 'hostname')
  t.is(code, 0)
  t.deepEqual(view.rows.map(({ agentName }) => agentName), ['front'])
  t.is(await mesh.stop('front'), 0)
})

test.serial('an agent leaves its home alone until the executor says that it is in order', async (t) => {
  const home = mesh.home('two')
  const agent = spawn(process.execPath, [path.join(path.dirname(program), 'agent.js'), home], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  const pipe = agent.stdio[3]
  if (!(pipe instanceof Duplex) || agent.stderr === null) return t.fail('no pipes')
  pipe.on('error', () => undefined)
  pipe.write(encodeFrame(Buffer.from('no message')))
  // What it says of that shows that it listens.
  const [said] = await once(agent.stderr, 'data')
  agent.kill('SIGTERM')
  const [code] = await once(agent, 'exit')
  t.is(code, 0)
  t.true(String(said).includes('cannot be read'), String(said))
  t.false(existsSync(path.join(home, 'agent/state')))
})

const spoils = test.macro({
  async exec(t, code: string, part: string, spoil: (file: string) => void, ...named: readonly string[]) {
    const home = mesh.home('two')
    const file = path.join(home, part)
    const kept = `${mesh.home('kept')}`
    renameSync(file, kept)
    try {
      writeFileSync(file, readFileSync(kept), { mode: 0o600 })
      spoil(file)
      const started = mesh.spawn('two')
      t.is(await started.ended, 7, started.log.text)
      for (const text of [`[${code}]`, path.basename(part), ...named]) t.true(started.log.text.includes(text), `${text} is not in: ${started.log.text}`)
      t.is(started.log.text.trim().split('\n').length, 1)
    } finally {
      renameSync(kept, file)
    }
  },
  title: (name = '', code) => `a node with ${name} does not start: ${code}`
})
test.serial('a writ.json that is not JSON', spoils, 'bad-config', 'writ.json', (file) => appendFileSync(file, '}'))
test.serial('several mistakes in writ.json', spoils, 'bad-config', 'writ.json', (file) => writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), gosip: true, logLevel: 'loud' })), 'gosip', 'logLevel')
test.serial('a key that others may read', spoils, 'key-permissions', 'executor/keys/executor.key', (file) => chmodSync(file, 0o644), 'chmod 600')
test.serial('a damaged key', spoils, 'bad-key-file', 'executor/keys/executor.key', (file) => writeFileSync(file, 'key'))
test.serial('a link in place of its key', spoils, 'home-symlink', 'executor/keys/executor.key', (file) => {
  renameSync(file, `${file}.real`)
  symlinkSync(`${file}.real`, file)
})
test.serial('a damaged credential', spoils, 'bad-credential-file', 'executor/credential.cbor', (file) => appendFileSync(file, 'x'))
test.serial('damaged charters', spoils, 'bad-charter-file', 'executor/charters.cbor', (file) => writeFileSync(file, ''))
test.serial('a key of the agent that others may read', spoils, 'key-permissions', 'agent/keys/peer.key', (file) => chmodSync(file, 0o640), 'chmod 600')
test.serial('a damaged credential of the agent', spoils, 'bad-credential-file', 'agent/credential.cbor', (file) => writeFileSync(file, ''))
