/** An agent's home that is duplicated and runs twice: its log forks, and an admin says which branch counts. */
import test from 'ava'
import { cpSync } from 'node:fs'
import { eventually } from '../fixtures/eventually.ts'
import { MeshProcesses, type Shown } from '../processes/mesh-processes.ts'

const mesh = new MeshProcesses({ agents: { web: ['role=web'] }, config: { pullIntervalMs: 200, syncIntervalMs: 200, stopGraceMs: 500 } })

test.before('a mesh is formed', async () => {
  await mesh.open()
})
test.after.always('and gone afterwards', () => mesh.close())

interface Fork {
  readonly authorName: string
  readonly sequence: number
  readonly branches: readonly string[]
  readonly thaw: { readonly keep: string; readonly adminName: string } | null
}

interface Finding {
  readonly kind: string
  readonly finding?: string
  readonly authorName?: string
  readonly from?: number
  readonly entries?: readonly string[]
  readonly thaw?: { readonly keep: string } | null
}

/** The one log that has forked, as one endpoint knows it, once that is as wanted. */
const forkAt = async (endpoint: string, isReached: (fork: Fork) => boolean): Promise<Fork | undefined> => {
  const read = async (): Promise<readonly Fork[]> => JSON.parse(await mesh.must('thaw', '--home', mesh.adminOf(endpoint), '--json')).forks
  return (await eventually(read, (forks) => forks.length === 1 && forks.every(isReached), 20_000))[0]
}

/** Forks that the records of a home prove, the node running or not. */
const auditedForks = async (name: string): Promise<readonly Finding[]> => {
  const lines: readonly Finding[] = (await mesh.writ('audit', '--home', mesh.home(name), '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line))
  return lines.filter(({ finding }) => finding === 'fork')
}

const stateOf = ({ rows }: Shown): string | undefined => rows[0]?.state

/** Runs an order where only this endpoint and this home of `web` are up; what it comes to is known to nobody else. */
const runApart = async (endpoint: string, home: string): Promise<string> => {
  await Promise.all([mesh.start(endpoint), mesh.start(home)])
  const id = await mesh.order('--nodes', 'web', '--', 'echo', endpoint)
  await mesh.shown(id, (view) => stateOf(view) === 'succeeded')
  await Promise.all([mesh.stop(endpoint), mesh.stop(home)])
  return id
}

/** The one of these orders that has succeeded, as an endpoint knows it. */
const countedAt = async (endpoint: string, orders: readonly string[]): Promise<string | undefined> => {
  for (const id of orders) if (stateOf(await mesh.show(id, mesh.adminOf(endpoint))) === 'succeeded') return id
  return undefined
}

test.serial('the log of a duplicated home forks; endpoints freeze it, an admin thaws it, and the agent runs orders again', async (t) => {
  await mesh.stopNodes()
  cpSync(mesh.home('web'), mesh.home('twin'), { recursive: true })
  const first = await runApart('e1', 'web')
  const second = await runApart('e2', 'twin')
  await Promise.all(mesh.endpoints.map((endpoint) => mesh.start(endpoint)))
  const [fork, elsewhere] = await Promise.all(mesh.endpoints.map((endpoint) => forkAt(endpoint, () => true)))
  t.like(fork, { authorName: 'web', thaw: null })
  t.deepEqual(fork, elsewhere)
  const [found] = await auditedForks('e1')
  t.like(found, { authorName: 'web', from: fork?.sequence, entries: fork?.branches, thaw: null })
  for (const id of [first, second]) t.is(stateOf(await mesh.show(id)), 'queued', 'nothing of either branch counts')

  const keep = fork?.branches[0] ?? ''
  await mesh.must('thaw', keep, '--home', mesh.admin)
  for (const endpoint of mesh.endpoints) await forkAt(endpoint, ({ thaw }) => thaw?.keep === keep)
  // Which of the two counts hangs on which branch was kept; the twin had heard of the first order too.
  const counted = await eventually(() => countedAt('e1', [first, second]), (found) => found !== undefined, 20_000)
  await eventually(() => countedAt('e2', [first, second]), (found) => found === counted, 20_000)
  t.like((await auditedForks('e2'))[0], { authorName: 'web', thaw: { keep } })

  await mesh.start('web')
  const { code, view } = await mesh.run('--nodes', 'web', '--', 'true')
  t.is(code, 0, JSON.stringify(view.rows))
  for (const id of [first, second]) await mesh.shown(id, (shown) => stateOf(shown) === 'succeeded')
  const forks = await Promise.all(mesh.endpoints.map((endpoint) => forkAt(endpoint, () => true)))
  t.deepEqual(forks.map((known) => known?.thaw?.keep), [keep, keep], 'and no log has forked anew')
})
