/** What goes wrong on the way, on a mesh without gossip: pull and sync alone have to deliver. */
import test from 'ava'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { eventually } from '../fixtures/eventually.ts'
import { MeshProcesses, type Shown } from '../processes/mesh-processes.ts'
import { isAlive, processesIn } from '../processes/process-table.ts'

const mesh = new MeshProcesses({ agents: { web: ['role=web'], db: ['role=db'] }, config: { gossip: false, pullIntervalMs: 200, syncIntervalMs: 200, stopGraceMs: 500 } })

test.before('a mesh is formed', async () => {
  await mesh.open()
})
test.after.always('and gone afterwards', () => mesh.close())

const stateOf = ({ rows }: Shown, name: string): string | undefined => rows.find(({ agentName }) => agentName === name)?.state
const fileOf = (name: string): string => path.join(mesh.folder, name)
const linesOf = (name: string): string[] => (existsSync(fileOf(name)) ? readFileSync(fileOf(name), 'utf8').split('\n').filter(Boolean) : [])
/** Notes its start, waits for `go`, notes its end. */
const patient = (name: string): string[] => ['sh', '-c', `echo started >> ${fileOf(name)}; while [ ! -e ${fileOf(`${name}.go`)} ]; do sleep 0.05; done; echo ended >> ${fileOf(name)}`]

test.serial('without gossip an order completes on every node, and both endpoints agree', async (t) => {
  const { code, view } = await mesh.run('--all', '--', 'true')
  t.is(code, 0, JSON.stringify(view.rows))
  const isWhole = ({ rows }: Shown): boolean => rows.length === 4 && rows.every(({ state }) => state === 'succeeded')
  const [first, second] = await Promise.all(['e1', 'e2'].map((endpoint) => mesh.shown(view.order.indication, isWhole, { home: mesh.adminOf(endpoint) })))
  t.deepEqual(first, second)
})

test.serial('an agent that was away gets its order when it is back', async (t) => {
  t.is(await mesh.stop('db'), 0)
  const id = await mesh.order('--nodes', 'db,web', '--', 'echo', 'back')
  const before = await mesh.shown(id, (view) => stateOf(view, 'web') === 'succeeded')
  t.is(stateOf(before, 'db'), 'queued')
  await mesh.start('db')
  const after = await mesh.shown(id, (view) => stateOf(view, 'db') === 'succeeded')
  t.is(after.rows[0]?.stdout, 'back\n')
})

test.serial('an agent that is killed while a job runs is replaced; the job ends once and is reported', async (t) => {
  const id = await mesh.order('--nodes', 'web', '--', ...patient('agent-killed'))
  await mesh.shown(id, (view) => stateOf(view, 'web') === 'running')
  const agent = mesh.agentOf('web')
  process.kill(agent, 'SIGKILL')
  await eventually(() => isAlive(agent), (alive) => !alive)
  await mesh.must('list', '--home', mesh.admin)
  t.deepEqual(linesOf('agent-killed'), ['started'])
  writeFileSync(fileOf('agent-killed.go'), '')
  await mesh.shown(id, (view) => stateOf(view, 'web') === 'succeeded')
  t.deepEqual(linesOf('agent-killed'), ['started', 'ended'])
  t.not(mesh.agentOf('web'), agent)
})

test.serial('an executor that is killed while a job runs reports it as interrupted and does not run it again', async (t) => {
  const id = await mesh.order('--nodes', 'web', '--', ...patient('executor-killed'))
  await mesh.shown(id, (view) => stateOf(view, 'web') === 'running')
  await mesh.crash('web')
  await mesh.start('web')
  const view = await mesh.shown(id, (seen) => stateOf(seen, 'web') === 'interrupted')
  t.is(view.rows[0]?.code, 'restarted')
  t.is((await mesh.run('--nodes', 'web', '--', 'true')).code, 0)
  t.deepEqual(linesOf('executor-killed'), ['started'])
})

test.serial('an order that may run twice is run again after a crash', async (t) => {
  const id = await mesh.order('--nodes', 'web', '--idempotent', '--', 'sh', '-c', `echo started >> ${fileOf('twice')}; [ "$(wc -l < ${fileOf('twice')})" -gt 1 ] || sleep 60`)
  await mesh.shown(id, (view) => stateOf(view, 'web') === 'running')
  await mesh.crash('web')
  await mesh.start('web')
  await mesh.shown(id, (view) => stateOf(view, 'web') === 'succeeded')
  t.deepEqual(linesOf('twice'), ['started', 'started'])
})

test.serial('a launcher starts an executor again that was killed', async (t) => {
  const executor = mesh.findExecutor('web')
  if (executor === undefined) return t.fail('no executor runs')
  process.kill(executor, 'SIGKILL')
  await eventually(() => mesh.findExecutor('web'), (other) => other !== undefined && other !== executor)
  await mesh.contact('web')
  t.is((await mesh.run('--nodes', 'web', '--', 'true')).code, 0)
})

test.serial('an executor whose launcher was killed ends in order', async (t) => {
  const [executor, agent] = [mesh.findExecutor('web'), mesh.agentOf('web')]
  if (executor === undefined) return t.fail('no executor runs')
  await mesh.killLauncher('web')
  await eventually(() => [executor, agent].filter(isAlive), ({ length }) => length === 0, 10_000)
  await mesh.start('web')
  t.is((await mesh.run('--nodes', 'web', '--', 'true')).code, 0)
})

test.serial('a mesh with one endpoint goes on, and the other catches up', async (t) => {
  t.is(await mesh.stop('e1'), 0)
  const { code, view } = await mesh.run('--nodes', 'web,db,e2', '--', 'true')
  t.is(code, 0, JSON.stringify(view))
  await mesh.start('e1')
  await mesh.shown(view.order.indication, ({ rows }) => rows.every(({ state }) => state === 'succeeded'), { home: mesh.adminOf('e1') })
  t.pass()
})

test.serial('a home runs once: a second start is refused with exit code 7', async (t) => {
  const second = mesh.spawn('web')
  t.is(await second.ended, 7)
  t.regex(second.log.text, /\[home-in-use\]/)
  t.is((await mesh.run('--nodes', 'web', '--', 'true')).code, 0)
})

test.serial('a node says how it is, whether it runs or not', async (t) => {
  const running = JSON.parse(await mesh.must('status', '--home', mesh.home('db'), '--json'))
  t.like(running, { name: 'db', role: 'agent', running: true, live: { pid: mesh.findExecutor('db'), queueLength: 0 } })
  t.deepEqual(running.live.peers.map(({ name }: { readonly name: string }) => name).filter((name: string) => /^e[12]$/.test(name)).sort(), ['e1', 'e2'])
  await mesh.stop('db')
  const down = JSON.parse(await mesh.must('status', '--home', mesh.home('db'), '--json'))
  t.like(down, { name: 'db', running: false })
  t.regex(await mesh.must('status', '--home', mesh.home('db')), /running +no, last seen/)
})

test.serial('after SIGTERM nothing is left running, jobs included', async (t) => {
  const id = await mesh.order('--nodes', 'web', '--', ...patient('stopped'))
  await mesh.shown(id, (view) => stateOf(view, 'web') === 'running')
  const codes = await Promise.all(['web', 'e1', 'e2'].map((name) => mesh.stop(name)))
  t.deepEqual(codes, [0, 0, 0])
  t.deepEqual(processesIn(mesh.folder), [])
  t.deepEqual(linesOf('stopped'), ['started'])
})
