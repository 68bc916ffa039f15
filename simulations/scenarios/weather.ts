/** Scenarios in which only the network is at fault. */
import { agentsOf, drawBadWeather, drawEndpoints, drawMildWeather, drawPeace, drawSpan, endpointsOf, everybody, peace, second, stormMs, toAll, usual } from './drawing.ts'
import { planOrders } from './orders.ts'
import type { OrderDraft } from '../simulated-admin.ts'
import type { Scenario, Story, Trouble } from '../story.ts'
import type { KeyId } from '../../src/base/brand.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { World } from '../world.ts'

/** One order to all, when everybody is there: what is measured against the size of the fleet. */
export const oneOrder: Scenario = {
  name: 'one-order',
  drawEndpoints: () => 3,
  tell: (world) => {
    const draft: OrderDraft = { ...usual, ...toAll(world), name: 'one', argv: ['true'], result: 'succeeded' }
    return { ...peace, orders: [{ atMs: oneOrderAtMs, draft, cancelAfterMs: null }], healAtMs: oneOrderAtMs }
  }
}

export const oneOrderAtMs = 15 * second
/** Above it a calm mesh is given one order alone: eight would say no more about it, and take eight times as long. */
const calmNodesMax = 1000

/** Nothing goes wrong: three endpoints, as those who compare sizes of fleets expect. */
export const calm: Scenario = {
  name: 'calm',
  drawEndpoints: () => 3,
  tell: (world, random) => {
    if (world.agents.length > calmNodesMax) return oneOrder.tell(world, random)
    const orders = planOrders(world, random)
    const lastMs = Math.max(...orders.map(({ atMs, cancelAfterMs }) => atMs + (cancelAfterMs ?? 0)))
    return { ...drawPeace(world, random), orders, healAtMs: lastMs + 5 * second }
  }
}

/** Messages are lost, late, doubled, out of order; hosts are away for a while, some until an order has expired. */
export const lossy: Scenario = { name: 'lossy', drawEndpoints: drawEndpoints(1), tell: (world, random) => tellStorm(world, random) }

/** The same, and pull and sync alone. */
export const gossipOff: Scenario = { name: 'gossip-off', drawEndpoints: drawEndpoints(1), tell: (world, random) => ({ ...tellStorm(world, random), gossip: false }) }

const tellStorm = (world: World, random: SeededRandom): Story => {
  const sleepers = random.sample(agentsOf(world), Math.ceil(world.agents.length / 10))
  const orders = planOrders(world, random, sleepers)
  const expiring = orders.find(({ draft }) => draft.result === 'expired')
  const untilMs = (expiring?.atMs ?? 0) + (expiring?.draft.expiresInMs ?? 0) + 5 * second
  const awake = everybody(world).filter((host) => !sleepers.includes(host))
  const troubles: Trouble[] = [
    ...sleepers.map((host): Trouble => ({ kind: 'away', host, fromMs: 0, untilMs })),
    ...awake.filter(() => random.chance(0.5)).map((host): Trouble => ({ kind: 'away', host, ...drawSpan(random, 40 * second) })),
    ...drawSlowLinks(world, random)
  ]
  return { ...drawPeace(world, random), weather: drawBadWeather(random), troubles, orders, healAtMs: Math.max(stormMs, untilMs) }
}

/** Some hosts have worse links than the rest. */
export const drawSlowLinks = (world: World, random: SeededRandom): Trouble[] => {
  const hosts = random.sample(everybody(world), random.between(0, 3))
  if (hosts.length === 0) return []
  const weather = { delayMsMin: 200, delayMsMax: 3000, lossShare: 0.3 * random.fraction(), duplicateShare: 0.1, bytesPerSecond: random.between(20_000, 200_000) }
  return [{ kind: 'links', hosts, weather, ...drawSpan(random, 60 * second) }]
}

/** The mesh falls apart, some of it in one direction only, comes together, and falls apart otherwise. */
export const partitionAndHeal: Scenario = {
  name: 'partition-and-heal',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => ({
    ...drawPeace(world, random),
    gossip: random.chance(0.8),
    weather: drawMildWeather(random),
    troubles: Array.from({ length: random.between(1, 3) }).flatMap(() => drawPartition(world, random)),
    orders: planOrders(world, random)
  })
}

/** Two parts, each with some of the endpoints where there are several; the admin is in one of them. */
export const drawPartition = (world: World, random: SeededRandom): Trouble[] => {
  const hosts = [world.admin.peer.key, world.rival.peer.key, ...everybody(world)]
  const apart = new Set<KeyId>(random.sample(hosts, random.between(1, hosts.length - 1)))
  for (const endpoint of random.sample(endpointsOf(world), Math.floor(world.endpoints.length / 2))) apart.add(endpoint)
  const [left, right] = [hosts.filter((host) => apart.has(host)), hosts.filter((host) => !apart.has(host))]
  const span = drawSpan(random, 50 * second)
  const there: Trouble = { kind: 'cut', from: left, to: right, ...span }
  return random.chance(0.3) ? [there] : [there, { kind: 'cut', from: right, to: left, ...span }]
}
