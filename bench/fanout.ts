/**
 * One command on 32 agents, 20 times: from the operator's hand to the last receipt back at the admin. Beside it the floor
 * (the same number of processes behind a bare stream) and, where it is installed, `serf query`.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { cliFile, loadLibrary, startMesh, type Mesh } from './mesh.ts'
import { measureFloor, type FloorRun } from './floor.ts'
import { readCpu, Scope } from './processes.ts'
import { atMost, median, round, spreadOf, tabulate, type Goal, type Report, type Spread, type Tell } from './report.ts'
import { measureSerf, type SerfRun } from './serf.ts'
import type { Admin } from '../src/api/types.ts'

const agents = 32
const rounds = 20
const commandRounds = 5
const serfRounds = 5

interface WritRun {
  readonly tookMs: readonly number[]
  /** The part of it until the endpoints held the order. */
  readonly acceptedMs: readonly number[]
  readonly answers: number
  /** The whole `writ run --json`, with the start of its process and the end. */
  readonly commandMs: readonly number[]
  /** User and system time of one order, in milliseconds. */
  readonly cpuMsPerOrder: CpuStages
}

interface CpuStages {
  readonly agents: number
  readonly executors: number
  readonly jobs: number
  readonly endpoints: number
  readonly admin: number
}

export const runFanout = async (tell: Tell): Promise<Report> => {
  tell(`floor: ${agents} processes behind a bare stream`)
  const floor = await measureFloor({ agents, rounds })
  tell(`writ: starting 2 endpoints and ${agents} agents`)
  const writ = await measureWrit(tell)
  tell('serf')
  const serf = await measureSerf({ agents, rounds: serfRounds })
  return report(floor, writ, serf)
}

const measureWrit = async (tell: Tell): Promise<WritRun> => {
  await using scope = new Scope('fanout')
  const library = await loadLibrary()
  const mesh = await startMesh(scope, library, { agents })
  const admin = await library.createAdmin({ home: mesh.admin })
  try {
    tell(`writ: ${rounds} orders`)
    await admin.nodes()
    const [tookMs, acceptedMs]: [number[], number[]] = [[], []]
    let answers = 0
    const before = readStages(mesh)
    for (let count = 0; count < rounds; count += 1) {
      const order = await giveOrder(admin)
      tookMs.push(order.tookMs)
      acceptedMs.push(order.acceptedMs)
      answers += order.succeeded
    }
    const after = readStages(mesh)
    const cpuMsPerOrder = subtract(after, before)
    tell(`writ: ${commandRounds} times the whole command`)
    return { tookMs, acceptedMs, answers, cpuMsPerOrder, commandMs: await measureCommand(mesh) }
  } finally {
    await admin.close()
  }
}

const giveOrder = async (admin: Admin): Promise<{ tookMs: number; acceptedMs: number; succeeded: number }> => {
  const startedAt = performance.now()
  const { indication } = await admin.submit({ target: { kind: 'select', selector: 'bench=agent' }, payload: { kind: 'command', argv: ['true'] } })
  const acceptedMs = performance.now() - startedAt
  let succeeded = 0
  for await (const { order } of admin.follow(indication)) succeeded = order.counts.succeeded
  return { tookMs: performance.now() - startedAt, acceptedMs, succeeded }
}

const measureCommand = async (mesh: Mesh): Promise<number[]> => {
  const tookMs: number[] = []
  for (let count = 0; count < commandRounds; count += 1) {
    const startedAt = performance.now()
    await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', cliFile, 'run', '--home', mesh.admin, '--on', 'bench=agent', '--json', '--', 'true'])
    tookMs.push(performance.now() - startedAt)
  }
  return tookMs
}

const readStages = (mesh: Mesh): CpuStages => {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const { user, system } = process.cpuUsage()
  return {
    agents: sum(mesh.agents.map(({ agent }) => readCpu(agent).ownMs)),
    executors: sum(mesh.agents.map(({ executor }) => readCpu(executor).ownMs)),
    jobs: sum(mesh.agents.map(({ executor }) => readCpu(executor).childrenMs)),
    endpoints: sum(mesh.endpoints.flatMap(({ agent, executor }) => [readCpu(agent).ownMs, readCpu(executor).ownMs])),
    admin: (user + system) / 1000
  }
}

const subtract = (after: CpuStages, before: CpuStages): CpuStages => {
  const perOrder = (stage: keyof CpuStages): number => round((after[stage] - before[stage]) / rounds)
  return { agents: perOrder('agents'), executors: perOrder('executors'), jobs: perOrder('jobs'), endpoints: perOrder('endpoints'), admin: perOrder('admin') }
}

const report = (floor: FloorRun, writ: WritRun, serf: SerfRun | undefined): Report => {
  const floorSpread = spreadOf(floor.tookMs)
  const spread = spreadOf(writ.tookMs)
  const ratio = round(spread.median / floorSpread.median, 2)
  const row = (name: string, { median, worst, first }: Spread, answers: number | string, of: number | string): (string | number)[] => [name, median, worst, first, `${answers} of ${of}`]
  const serfRows = serf === undefined ? [['serf query: not installed']] : [row('serf query', spreadOf(serf.tookMs), serf.answers, serf.tookMs.length * agents), row('serf query, its last answer', spreadOf(serf.lastAnswerMs), '', '')]
  const rows = [
    ['milliseconds', 'median', 'worst', 'first', 'answers'],
    row('floor', floorSpread, floor.answers, agents * rounds),
    row('writ', spread, writ.answers, agents * rounds),
    row('writ, until held by the endpoints', spreadOf(writ.acceptedMs), '', ''),
    row('the whole `writ run --json`', spreadOf(writ.commandMs), '', ''),
    ...serfRows
  ]
  const stages = Object.entries(writ.cpuMsPerOrder)
  return {
    measurements: {
      agents, rounds, floorMs: floorSpread, writMs: spread, acceptedMs: spreadOf(writ.acceptedMs), commandMs: spreadOf(writ.commandMs), answers: writ.answers, cpuMsPerOrder: writ.cpuMsPerOrder,
      serf: serf === undefined ? 'not installed' : { version: serf.version, tookMs: spreadOf(serf.tookMs), lastAnswerMs: spreadOf(serf.lastAnswerMs), answers: serf.answers, asked: serf.tookMs.length * agents }
    },
    lines: [...tabulate(rows).map((line) => line.replace(/\s+of\s*$/, '')), '', ...tabulate([['CPU time of one order', ...stages.map(([stage]) => stage)], ['milliseconds', ...stages.map(([, ms]) => ms)]])],
    goals: [
      atMost('median beside the floor', ratio, 5, '× the floor'),
      atMost('worst', spread.worst, 1000, 'ms'),
      { name: 'complete', goal: `${agents * rounds} receipts`, measured: writ.answers, met: writ.answers === agents * rounds },
      ...aheadOfSerf(spread, serf)
    ]
  }
}

const aheadOfSerf = (spread: Spread, serf: SerfRun | undefined): Goal[] => {
  if (serf === undefined) return []
  const bound = round(median(serf.tookMs))
  return [{ name: 'ahead of Serf', goal: `below ${bound} ms, the median of serf query`, measured: spread.median, met: spread.median < bound }]
}
