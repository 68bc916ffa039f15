/**
 * `writ update` on 16 agents at once, then on one alone: what travels beside what has changed, how long an agent is away
 * while it switches, and what a release costs that crashes. Beside it whole copies of the release.
 *
 * An agent is away from the moment in which its old executor stops it, right after an endpoint has answered it for the last
 * time, to the moment in which the new executor makes the receipt, right after an endpoint has answered the new agent.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { cliFile, loadLibrary, startMesh, type Library, type Mesh } from './mesh.ts'
import { childrenOf, Scope, until } from './processes.ts'
import { breakRelease, changedBytes, installed, makeRelease, sizeOf, type MadeRelease } from './releases.ts'
import { round, spreadOf, type Report, type Tell } from './report.ts'
import { reportUpdate, type Copied, type Figures, type Single } from './update-report.ts'

const agents = 16
/** Of these, one after the other. */
const alone = 5
/** Exit code of `writ update` when the order did not succeed everywhere: its rows say where. */
const notSucceeded = 3

interface Row {
  readonly agentName: string
  readonly state: string
  readonly code: string | null
  /** When its executor began to stage the release, and when the receipt was made: by the bench's clock too. */
  readonly startedAt: number
  readonly at: number
}

interface Updated {
  readonly rows: readonly Row[]
  /** When `writ update` was spawned. */
  readonly orderedAt: number
  /** From then to its end, with the last receipt. */
  readonly tookMs: number
}

interface Bench {
  readonly scope: Scope
  readonly library: Library
  readonly mesh: Mesh
}

export const runUpdate = async (tell: Tell): Promise<Report> => {
  await using scope = new Scope('update')
  tell('making releases')
  const [second, third] = [await makeRelease(scope, '0.2.0'), await makeRelease(scope, '0.3.0')]
  const whole = await makeRelease(scope, '0.4.0', '--runtime')
  tell(`starting 2 endpoints and ${agents + 1} agents`)
  const library = await loadLibrary()
  const bench = { scope, library, mesh: await startMesh(scope, library, { agents: agents + 1 }) }
  tell(`${agents} agents at once`)
  const together = await updateAll(bench, second)
  tell(`one agent alone, ${alone} times`)
  const single: Single[] = []
  for (const { name } of bench.mesh.agents.slice(0, alone)) single.push(await updateOne(bench, name, third, [second.directory]))
  const [first, last, fresh] = [bench.mesh.agents[0], bench.mesh.agents[agents - 1], bench.mesh.agents[agents]]
  if (first === undefined || last === undefined || fresh === undefined) throw new Error('an agent is missing')
  tell('a fresh one whose link is watched')
  const link = { bytes: await watchLink(bench, fresh.name, third), changedBytes: changedBytes(third, installed) }
  tell('a release that crashes at its start')
  const rollback = await rollBack(bench, first.name, breakRelease(scope, third, '0.5.0'), third.version)
  tell('a release with its runtime')
  const withRuntime = await updateOne(bench, last.name, whole, [second.directory, process.execPath])
  tell('copies')
  const copied = { bundle: await copy(scope, second, agents), withRuntime: await copy(scope, whole, 1) }
  return reportUpdate({ agents, release: second, changedBytes: changedBytes(second, installed), together, single, link, whole, withRuntime, rollback, copied })
}

const update = async ({ scope, mesh }: Bench, { directory }: MadeRelease, target: readonly string[]): Promise<Updated> => {
  const [startedAt, orderedAt] = [performance.now(), Date.now()]
  const command = scope.node('update', [cliFile, 'update', '--home', mesh.admin, '--release', directory, '--json', ...target], { stdin: 'pipe' })
  if (command.child.stdout === null) throw new Error('writ update has no output')
  const [output] = await Promise.all([text(command.child.stdout), command.ended()])
  const { exitCode } = command.child
  if (exitCode !== 0 && exitCode !== notSucceeded) throw new Error(`writ update ended with ${exitCode}: ${command.log()} ${output}`)
  const { rows }: { rows: readonly Row[] } = JSON.parse(output)
  return { rows, orderedAt, tookMs: performance.now() - startedAt }
}

const succeeded = (updated: Updated): Updated => {
  const other = updated.rows.find(({ state }) => state !== 'succeeded')
  if (other !== undefined) throw new Error(`${other.agentName} was not updated: ${other.state} ${other.code}`)
  return updated
}

/** Bytes of the blocks that an agent has fetched and holds. */
const heldBytes = ({ scope }: Bench, name: string): number => sizeOf(scope.path(name, 'agent', 'blocks'))

/** For how long it was away until that receipt. */
const awayMs = ({ mesh }: Bench, { agentName, at }: Row): number => {
  const log = mesh.agents.find(({ name }) => name === agentName)?.log() ?? ''
  const line = log.split('\n').findLast((candidate) => candidate.includes('"msg":"another release is started"'))
  if (line === undefined) throw new Error(`${agentName} has not switched: ${log}`)
  const { time }: { time: string } = JSON.parse(line)
  return at - Date.parse(time)
}

const updateAll = async (bench: Bench, release: MadeRelease): Promise<Figures['together']> => {
  const names = bench.mesh.agents.slice(0, agents).map(({ name }) => name)
  const before = names.map((name) => heldBytes(bench, name))
  const { rows, orderedAt, tookMs } = succeeded(await update(bench, release, ['--nodes', names.join(',')]))
  const fetchedBytes = names.map((name, index) => heldBytes(bench, name) - (before[index] ?? 0))
  return { receipts: rows.length, tookMs: round(tookMs), madeMs: Math.max(...rows.map(({ at }) => at)) - orderedAt, awayMs: spreadOf(rows.map((row) => awayMs(bench, row))), fetchedBytes }
}

const updateOne = async (bench: Bench, name: string, release: MadeRelease, held: readonly string[]): Promise<Single> => {
  const before = heldBytes(bench, name)
  const { rows, orderedAt, tookMs } = succeeded(await update(bench, release, ['--nodes', name]))
  const [row] = rows
  if (row === undefined) throw new Error(`${name} gave no receipt`)
  return { stagesAfterMs: row.startedAt - orderedAt, tookMs: round(tookMs), awayMs: awayMs(bench, row), fetchedBytes: heldBytes(bench, name) - before, changedBytes: changedBytes(release, held) }
}

/**
 * All that the agent's sockets receive from the order until the release is verified; an order that runs meanwhile keeps the
 * switch back. Null without `ss`.
 */
const watchLink = async ({ scope, library, mesh }: Bench, name: string, { directory }: MadeRelease): Promise<number | null> => {
  const { live } = await library.readStatus({ home: scope.path(name) })
  const [agent] = live === null ? [] : childrenOf(live.pid)
  if (agent === undefined) throw new Error(`${name} has no agent`)
  const admin = await library.createAdmin({ home: mesh.admin })
  const target = { kind: 'nodes', names: [name] } as const
  const stateOf = async (indication: string): Promise<string | undefined> => (await admin.show(indication)).rows[0]?.state
  try {
    const go = scope.path('go')
    const first = await admin.submit({ target, payload: { kind: 'command', argv: ['sh', '-c', `while [ ! -e ${go} ]; do sleep 0.05; done`] } })
    await until(`${name} is busy`, async () => ((await stateOf(first.indication)) === 'running' ? true : undefined))
    const before = await receivedBytes(agent)
    const { indication } = await admin.submit({ target, payload: { kind: 'release', directory } })
    await until(`${name} has the release`, async () => ((await stateOf(indication)) === 'validated' ? true : undefined))
    const after = await receivedBytes(agent)
    writeFileSync(go, '')
    for await (const { order } of admin.follow(indication)) if (order.counts.failed > 0) throw new Error(`${name} was not updated`)
    return before === null || after === null ? null : after - before
  } finally {
    await admin.close()
  }
}

/** Of the TCP connections that a process holds, as the kernel counts them. */
const receivedBytes = async (pid: number): Promise<number | null> => {
  try {
    const { stdout } = await promisify(execFile)('ss', ['-tinpHO'])
    const own = stdout.split('\n').filter((line) => line.includes(`pid=${pid},`))
    return own.reduce((sum, line) => sum + Number(/bytes_received:(\d+)/.exec(line)?.[1] ?? 0), 0)
  } catch {
    return null // not installed
  }
}

/** Away until an endpoint has answered the release before: the receipt is made sooner. */
const rollBack = async (bench: Bench, name: string, broken: MadeRelease, good: string): Promise<Figures['rollback']> => {
  const { rows, tookMs } = await update(bench, broken, ['--nodes', name])
  const [row] = rows
  if (row?.code !== 'release-failed') throw new Error(`a broken release came to ${row?.state} ${row?.code}`)
  const back = await until(`${name} is back`, async () => {
    const { running, live } = await bench.library.readStatus({ home: bench.scope.path(name) })
    return running && live !== null && live.lastContactAt !== null && live.lastContactAt >= row.at ? { release: live.release, at: live.lastContactAt } : undefined
  })
  return { tookMs: round(tookMs), awayMs: awayMs(bench, { ...row, at: back.at }), release: back.release, good }
}

/** Each file durable, as a staged release is. */
const copy = async (scope: Scope, { directory, version, sizeBytes }: MadeRelease, count: number): Promise<Copied> => {
  const startedAt = performance.now()
  const script = 'number=0; while [ $number -lt "$3" ]; do number=$((number + 1)); cp -r "$1" "$2-$number" && sync "$2-$number"/* "$2-$number" || exit 1; done'
  const copying = scope.spawn('copy', 'sh', ['-c', script, 'sh', directory, scope.path(`copy-${version}`), String(count)])
  await copying.ended()
  if (copying.child.exitCode !== 0) throw new Error(`the release was not copied: ${copying.log()}`)
  return { tookMs: round(performance.now() - startedAt), bytes: count * sizeBytes }
}
