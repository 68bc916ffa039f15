/** Scenarios of clocks, of members that mean harm, and of everything together. */
import { agentsOf, byName, drawBadWeather, drawEndpoints, drawMildWeather, drawSpan, everybody, minute, drawPeace, second, stormMs } from './drawing.ts'
import { drawCrashes } from './churn.ts'
import { drawPartition, drawSlowLinks } from './weather.ts'
import { planOrders } from './orders.ts'
import type { KeyId, Millis } from '../../src/base/brand.ts'
import type { OrderDraft } from '../simulated-admin.ts'
import type { Scenario, Trouble } from '../story.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { World } from '../world.ts'

const toleranceMs = 10 * minute
const day = 24 * 60 * minute

/** Clocks are wrong by up to what is tolerated, and jump; a few, for a while, by much more. */
export const clockChaos: Scenario = {
  name: 'clock-chaos',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => {
    const sleepers = random.sample(agentsOf(world), 2)
    const orders = planOrders(world, random, sleepers)
    // Either the nodes' clocks are wrong or the admin's: both together could be too far apart.
    const admin = world.admin.peer.key
    const hosts = random.chance(0.7) ? everybody(world) : [admin]
    // What an admin signs for tomorrow is not done today: its clock stays within what is tolerated.
    const troubles = hosts.flatMap((host) => drawClocks(host, random, host === admin ? 0 : 0.05))
    troubles.push(...sleepers.map((host): Trouble => ({ kind: 'away', host, fromMs: 0, untilMs: 80 * second })))
    return { ...drawPeace(world, random), healAtMs: 85 * second, gossip: random.chance(0.8), weather: drawMildWeather(random), troubles, orders }
  }
}

const drawClocks = (host: KeyId, random: SeededRandom, farShare: number): Trouble[] => {
  const set = (atMs: Millis, aheadMs: Millis): Trouble => ({ kind: 'clock', host, atMs, aheadMs })
  const within = (): Millis => random.between(-toleranceMs, toleranceMs)
  const clocks = [set(0, random.chance(0.7) ? within() : 0)]
  if (random.chance(0.4)) clocks.push(set(random.between(10 * second, stormMs), within()))
  if (random.chance(farShare)) clocks.push(set(random.between(10 * second, 40 * second), random.between(-day, day)), set(random.between(50 * second, stormMs), within()))
  return clocks
}

/** Some members say far too much: what is right, what is wrong, and what is no message at all. */
export const flood: Scenario = {
  name: 'flood',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => ({
    ...drawPeace(world, random),
    healAtMs: 60 * second,
    weather: drawMildWeather(random),
    intruders: random.sample(agentsOf(world), random.between(1, 2)).map((host) => ({ host, kind: 'flooder' as const })),
    orders: planOrders(world, random)
  })
}

/** An agent process in the hands of an attacker: it has the peer key, and not its executor's. */
export const hostileAgent: Scenario = {
  name: 'hostile-agent',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => ({
    ...drawPeace(world, random),
    gossip: random.chance(0.7),
    healAtMs: 60 * second,
    weather: drawMildWeather(random),
    intruders: random.sample(agentsOf(world), random.between(1, 2)).map((host) => ({ host, kind: 'forger' as const })),
    orders: planOrders(world, random)
  })
}

/** A node, and an admin, that write two logs under one name and show each to other endpoints. */
export const equivocator: Scenario = {
  name: 'equivocator',
  drawEndpoints: drawEndpoints(2),
  tell: (world, random) => ({
    ...drawPeace(world, random),
    gossip: random.chance(0.7),
    healAtMs: 60 * second,
    weather: drawMildWeather(random),
    intruders: random.sample(agentsOf(world), 1).map((host) => ({ host, kind: 'equivocator' as const })),
    orders: planOrders(world, random),
    equivocation: { atMs: random.between(10 * second, 30 * second), drafts: [drawRivalOrder(world, random, 'before'), drawRivalOrder(world, random, 'left'), drawRivalOrder(world, random, 'right')] },
    // Once everything has been told to everybody; whoever chose may choose otherwise.
    thawsAtMs: [70 * second, 80 * second].slice(0, random.stream('thaws').between(0, 2))
  })
}

const drawRivalOrder = (world: World, random: SeededRandom, name: string): OrderDraft => ({
  ...byName(random.sample(everybody(world), random.between(2, 6))), name: `rival-${name}`, argv: ['true', name], expiresInMs: 30 * minute, timeoutMs: minute, idempotent: false, result: 'succeeded'
})

/** Some of everything that is not evil. */
export const mixed: Scenario = {
  name: 'mixed',
  drawEndpoints: drawEndpoints(1),
  tell: (world, random) => ({
    ...drawPeace(world, random),
    healAtMs: 85 * second,
    gossip: random.chance(0.7),
    weather: random.chance(0.5) ? drawBadWeather(random) : drawMildWeather(random),
    troubles: [
      ...drawPartition(world, random),
      ...drawSlowLinks(world, random),
      ...everybody(world).flatMap((host): Trouble[] => [
        ...(random.chance(0.4) ? drawCrashes(host, random) : []),
        ...(random.chance(0.3) ? [{ kind: 'away' as const, host, ...drawSpan(random, 30 * second) }] : []),
        ...(random.chance(0.3) ? [{ kind: 'clock' as const, host, atMs: 0, aheadMs: random.between(-5 * minute, 5 * minute) }] : [])
      ])
    ],
    intruders: random.chance(0.3) ? random.sample(agentsOf(world), 1).map((host) => ({ host, kind: 'forger' as const })) : [],
    orders: planOrders(world, random)
  })
}
