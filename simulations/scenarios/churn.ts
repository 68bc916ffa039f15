/** Scenarios in which processes and machines come and go. */
import { calmWeather } from '../fabric.ts'
import { agentsOf, drawEndpoints, drawMildWeather, drawSpan, endpointsOf, everybody, drawPeace, second, stormMs } from './drawing.ts'
import { planOrders } from './orders.ts'
import type { Ending } from '../machine.ts'
import type { KeyId, Millis } from '../../src/base/brand.ts'
import type { Scenario, Trouble } from '../story.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { World } from '../world.ts'

const endings: readonly Ending[] = ['stop', 'agent', 'executor', 'machine']
const kills: readonly Exclude<Ending, 'stop'>[] = ['agent', 'executor', 'machine']

const pick = <T>(random: SeededRandom, items: readonly [T, ...T[]] | readonly T[], instead: T): T => items[random.between(0, items.length - 1)] ?? instead

const drawDownMs = (random: SeededRandom): Millis => (random.chance(0.7) ? random.between(200, 3 * second) : random.between(3 * second, 40 * second))

export const drawEnding = (host: KeyId, random: SeededRandom, fromMs: Millis = 6 * second): Trouble => ({
  kind: 'end', host, ending: pick(random, endings, 'machine'), atMs: random.between(fromMs, stormMs - 5 * second), downMs: drawDownMs(random)
})

/** At a write of the executor's journal, or of the agent's own log or queues. */
export const drawTrap = (host: KeyId, random: SeededRandom): Trouble => {
  const disk = random.chance(0.6) ? 'executor' : 'agent'
  const ending = pick(random, disk === 'agent' ? kills : (['executor', 'machine'] as const), 'machine')
  return { kind: 'trap', host, disk, at: random.chance(0.5) ? 'before' : 'after', ending, atMs: random.between(6 * second, 60 * second), downMs: drawDownMs(random) }
}

export const drawFullDisk = (host: KeyId, random: SeededRandom): Trouble => ({ kind: 'full', host, disk: random.chance(0.5) ? 'agent' : 'executor', ...drawSpan(random, 30 * second) })

/** Endpoints end, are away and start again, all at once at times; one may lose its queues where there are others. */
export const endpointChurn: Scenario = {
  name: 'endpoint-churn',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => {
    const endpoints = endpointsOf(world)
    const troubles: Trouble[] = endpoints.flatMap((host) => [
      ...Array.from({ length: random.between(0, 3) }, () => drawEnding(host, random)),
      ...(random.chance(0.4) ? [{ kind: 'away' as const, host, ...drawSpan(random, 40 * second) }] : [])
    ])
    const wiped = endpoints.length > 1 && random.chance(0.4) ? random.sample(endpoints, 1) : []
    troubles.push(...wiped.map((host): Trouble => ({ kind: 'wipe', host, atMs: random.between(40 * second, 60 * second), downMs: drawDownMs(random) })))
    return { ...drawPeace(world, random), gossip: random.chance(0.8), weather: drawMildWeather(random), troubles, orders: planOrders(world, random) }
  }
}

/** Agents start late, end, are away, and move from endpoint to endpoint. */
export const agentChurn: Scenario = {
  name: 'agent-churn',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => {
    const troubles = agentsOf(world).flatMap((host): Trouble[] => {
      const late: Trouble[] = random.chance(0.2) ? [{ kind: 'end', host, ending: 'machine', atMs: 0, downMs: random.between(20 * second, 60 * second) }] : []
      const away: Trouble[] = random.chance(0.4) ? [{ kind: 'away', host, ...drawSpan(random, 40 * second) }] : []
      return [...late, ...away, ...Array.from({ length: random.between(0, 2) }, () => drawEnding(host, random))]
    })
    return { ...drawPeace(world, random), gossip: random.chance(0.8), weather: drawMildWeather(random), troubles, orders: planOrders(world, random) }
  }
}

/** Everything ends, often in the worst of moments; power is cut and disks run full. */
export const crashStorm: Scenario = {
  name: 'crash-storm',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => ({
    ...drawPeace(world, random),
    gossip: random.chance(0.8),
    weather: random.chance(0.5) ? calmWeather : drawMildWeather(random),
    troubles: [...everybody(world).flatMap((host) => drawCrashes(host, random)), ...drawLostJournals(world, random)],
    orders: planOrders(world, random)
  })
}

export const drawCrashes = (host: KeyId, random: SeededRandom): Trouble[] => [
  ...Array.from({ length: random.between(0, 2) }, () => drawEnding(host, random)),
  ...Array.from({ length: random.between(0, 2) }, () => drawTrap(host, random)),
  ...(random.chance(0.15) ? [drawFullDisk(host, random)] : [])
]

/** Drawn apart, so that all else is drawn as without. */
const drawLostJournals = (world: World, random: SeededRandom): Trouble[] => {
  const drawn = random.stream('journals')
  return everybody(world).filter(() => drawn.chance(0.1)).map((host) => ({ kind: 'forget', host, atMs: drawn.between(12 * second, 60 * second), downMs: drawDownMs(drawn) }))
}

/**
 * Copies of agents, of one endpoint and of the admin, taken earlier, come back while the others run on. What was done in
 * between is known to the endpoints, where it came so far.
 */
export const restoredBackups: Scenario = {
  name: 'restored-backups',
  drawEndpoints: drawEndpoints(2),
  tell: (world, random) => {
    const troubles = [...random.sample(agentsOf(world), Math.ceil(world.agents.length / 4)), ...random.sample(endpointsOf(world), 1)].map((host) => drawRestore(host, random))
    if (random.chance(0.5)) troubles.push(drawRestore(world.admin.peer.key, random))
    return { ...drawPeace(world, random), healAtMs: 100 * second, gossip: random.chance(0.8), weather: calmWeather, troubles, orders: [...planOrders(world, random), ...planLater(world, random)] }
  }
}

/** Given after the copies have come back. */
const planLater = (world: World, random: SeededRandom) => planOrders(world, random, [], { fromMs: 72 * second, untilMs: 85 * second }).slice(0, 3)

const drawRestore = (host: KeyId, random: SeededRandom): Trouble => {
  const atMs = random.between(30 * second, 70 * second)
  return { kind: 'restore', host, imageAtMs: random.between(6 * second, atMs - 2 * second), atMs, downMs: random.between(200, 10 * second) }
}
