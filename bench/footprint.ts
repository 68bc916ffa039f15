/** What a node costs while nothing happens: memory, processor time, and how soon it is there; beside a bare Node process. */
import { setTimeout as delay } from 'node:timers/promises'
import { loadLibrary, startMesh, startNode, type Library } from './mesh.ts'
import { readCpu, readMemory, Scope } from './processes.ts'
import { atMost, median, round, tabulate, type Report, type Tell } from './report.ts'

const settleMs = 15_000
const idleMs = 30_000
const startsMeasured = 5

interface Footprint {
  readonly rssMiB: number
  readonly pssMiB: number
  /** Share of one core, in percent. */
  readonly idleCpuPercent: number
}

export const runFootprint = async (tell: Tell): Promise<Report> => {
  await using scope = new Scope('footprint')
  tell('starting two endpoints and an agent')
  const library = await loadLibrary()
  const { endpoints, agents } = await startMesh(scope, library, { agents: 1 })
  const [node, endpoint] = [agents[0], endpoints[0]]
  const bare = scope.node('bare', ['-e', 'setInterval(() => {}, 1e9)']).pid
  if (node === undefined || endpoint === undefined) throw new Error('a process is missing')
  tell(`letting it settle, then watching it for ${idleMs / 1000} s`)
  await delay(settleMs)
  const processes = { 'bare Node': bare, launcher: node.launcher, executor: node.executor, agent: node.agent, "endpoint's executor": endpoint.executor, "endpoint's agent": endpoint.agent }
  const idle = await watchIdle(processes)
  tell('starting a node several times')
  await node.stop()
  return report(idle, await measureStarts(scope, library))
}

const watchIdle = async <Name extends string>(processes: Readonly<Record<Name, number>>): Promise<Record<Name, Footprint>> => {
  const names = Object.keys(processes) as Name[]
  const before = names.map((name) => readCpu(processes[name]).ownMs)
  const startedAt = performance.now()
  await delay(idleMs)
  const spanMs = performance.now() - startedAt
  const entries = names.map((name, index) => [name, { ...readMemory(processes[name]), idleCpuPercent: round((100 * (readCpu(processes[name]).ownMs - (before[index] ?? 0))) / spanMs, 2) }] as const)
  return Object.fromEntries(entries) as Record<Name, Footprint>
}

interface Starts {
  readonly joinedMs: number
  readonly contactMs: number
  readonly bareNodeMs: number
}

/** The agent again and again, with both endpoints running. */
const measureStarts = async (scope: Scope, library: Library): Promise<Starts> => {
  const [joined, contact, bare]: [number[], number[], number[]] = [[], [], []]
  for (let count = 0; count < startsMeasured; count += 1) {
    const node = await startNode(scope, library, 'agent-01')
    joined.push(node.joinedMs)
    contact.push(node.contactMs)
    await node.stop()
    const startedAt = performance.now()
    await scope.node('bare-start', ['-e', '0']).ended()
    bare.push(performance.now() - startedAt)
  }
  return { joinedMs: round(median(joined)), contactMs: round(median(contact)), bareNodeMs: round(median(bare)) }
}

const report = (idle: Record<'bare Node' | 'launcher' | 'executor' | 'agent' | "endpoint's executor" | "endpoint's agent", Footprint>, starts: Starts): Report => {
  const bare = idle['bare Node']
  const rows = Object.entries(idle).map(([name, { rssMiB, pssMiB, idleCpuPercent }]) => [name, `${rssMiB} MiB`, `${round(rssMiB / bare.rssMiB, 2)} ×`, `${pssMiB} MiB`, `${idleCpuPercent} %`])
  const together = round((idle.launcher.rssMiB + idle.executor.rssMiB + idle.agent.rssMiB) / bare.rssMiB, 2)
  const startRows = [['bare Node, start to end', `${starts.bareNodeMs} ms`], ['writ start to "joined"', `${starts.joinedMs} ms`], ["writ start to an endpoint's answer", `${starts.contactMs} ms`]]
  return {
    measurements: { memory: 'rss', idle, starts, settleMs, idleMs, startsMeasured },
    lines: [...tabulate([['process', 'resident (RSS)', 'of bare', 'PSS', 'idle CPU'], ...rows]), '', ...tabulate(startRows)],
    goals: [
      atMost('agent memory', round(idle.agent.rssMiB / bare.rssMiB, 2), 2.2, "× bare Node's RSS"),
      atMost('executor memory', round(idle.executor.rssMiB / bare.rssMiB, 2), 1.4, "× bare Node's RSS"),
      atMost('launcher, executor and agent together', together, 3.7, "× bare Node's RSS"),
      atMost('start to joined', starts.joinedMs, 500, 'ms'),
      atMost("start to an endpoint's answer", starts.contactMs, 500, 'ms'),
      atMost('agent idle CPU', idle.agent.idleCpuPercent, 1, '% of a core'),
      atMost('executor idle CPU', idle.executor.idleCpuPercent, 1, '% of a core')
    ]
  }
}
