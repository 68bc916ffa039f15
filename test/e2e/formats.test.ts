/** Each format from the command line to the receipt, on a mesh whose nodes have a scanner and a format of their own. */
import test from 'ava'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { eventually } from '../fixtures/eventually.ts'
import { MeshProcesses } from '../processes/mesh-processes.ts'

const signature = 'what no payload may hold'
const mesh = new MeshProcesses({
  endpoints: 1,
  agents: { web: ['role=web'], spare: ['role=spare'] },
  config: {
    formats: { count: { command: ['wc', '-c', '{payload}'] } },
    scanner: { command: ['sh', '-c', `! grep -rlF '${signature}' "$@"`, 'scan', '{payload}'] }
  }
})

test.before('a mesh is formed', async () => {
  await mesh.open()
})
test.after.always('and gone afterwards', () => mesh.close())

const on = ['--nodes', 'web']

test.serial('a tree of megabytes takes its place, and goes back when its check fails', async (t) => {
  const [source, parent] = [path.join(mesh.folder, 'source'), path.join(mesh.folder, 'etc')]
  mkdirSync(path.join(source, 'sub'), { recursive: true })
  mkdirSync(parent)
  writeFileSync(path.join(source, 'large'), randomBytes(2_000_000))
  writeFileSync(path.join(source, 'sub/version'), 'one')
  const to = path.join(parent, 'app')
  const first = await mesh.run(...on, '--files', source, '--to', to, '--post-check', `grep -q one ${to}/sub/version`)
  t.is(first.code, 0, JSON.stringify(first.view))
  t.true(readFileSync(path.join(to, 'large')).equals(readFileSync(path.join(source, 'large'))))
  writeFileSync(path.join(source, 'sub/version'), 'two')
  const second = await mesh.run(...on, '--files', source, '--to', to, '--post-check', `grep -q one ${to}/sub/version`)
  t.is(second.code, 3)
  t.is(readFileSync(path.join(to, 'sub/version'), 'utf8'), 'one')
})

test.serial('captured files come by writ logs --file', async (t) => {
  const { code, view } = await mesh.run(...on, '--capture', 'report.txt', '--', 'sh', '-c', 'seq 100000 >report.txt')
  t.is(code, 0, JSON.stringify(view))
  const expected = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
  await eventually(() => mesh.writ('logs', view.order.indication, '--home', mesh.admin, '--file', 'report.txt'), ({ stdout }) => stdout === expected, 20_000, 200)
  const summary = await mesh.must('show', view.order.indication, '--home', mesh.admin)
  t.regex(summary, /report\.txt, 575\.1 KiB: writ logs \w+ --agent web --file report\.txt/)
})

test.serial('facts, logs, and the format that only the configuration knows', async (t) => {
  const facts = await mesh.run(...on, '--facts', '--requires-fact', `arch=${process.arch}`)
  t.is(facts.code, 0, JSON.stringify(facts.view))
  t.like(JSON.parse(facts.view.rows[0]?.stdout ?? ''), { platform: process.platform })
  writeFileSync(path.join(mesh.folder, 'some.log'), 'a line\n')
  const logs = await mesh.run(...on, '--collect-logs', path.join(mesh.folder, 'some.log'))
  t.is(logs.code, 0, JSON.stringify(logs.view))
  writeFileSync(path.join(mesh.folder, 'payload'), '12345')
  const counted = await mesh.run(...on, '--format', 'count', '--payload', path.join(mesh.folder, 'payload'))
  t.regex(counted.view.rows[0]?.stdout ?? '', /^5 /)
})

test.serial('what is missing or infected is not run', async (t) => {
  const missing = await mesh.run(...on, '--requires', 'sh', '--requires-free', '1000T', '--', 'true')
  t.like(missing.view.rows[0], { state: 'rejected', code: 'prerequisite-missing' })
  const script = path.join(mesh.folder, 'infected.sh')
  writeFileSync(script, `# ${signature}\ntouch ${mesh.folder}/has-run\n`)
  chmodSync(script, 0o755)
  const infected = await mesh.run(...on, '--script', script)
  t.like(infected.view.rows[0], { state: 'rejected', code: 'infected' })
  t.false(existsSync(path.join(mesh.folder, 'has-run')))
})

test.serial('a node that is told to leave says so, ends, and does not start again', async (t) => {
  const { child, ended } = mesh.running('spare')
  const { code, view } = await mesh.run('--nodes', 'spare', '--leave')
  t.is(code, 0, JSON.stringify(view))
  t.is(await ended, 0)
  t.is(child.exitCode, 0)
  const again = await mesh.writ('start', '--home', mesh.home('spare'))
  t.is(again.code, 7)
  t.regex(again.stderr, /\[left\]/)
  t.regex(await mesh.must('status', '--home', mesh.home('spare')), /^left +yes/m)
})
