/** The scenarios: under what weather a mesh lives, who goes away, and what is ordered meanwhile. */
import { calmWeather, type Weather } from './fabric.ts'
import { groups } from './world.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { OrderDraft } from './simulated-admin.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

const second = 1000
const minute = 60 * second

export interface Absence {
  readonly host: KeyId
  readonly fromMs: Millis
  readonly untilMs: Millis
}

export interface PlannedOrder {
  readonly atMs: Millis
  readonly draft: OrderDraft
  /** After the order was given; null for one that is let run. */
  readonly cancelAfterMs: Millis | null
}

/** All that a seed decides about a run, before it starts. Times are from its start. */
export interface Story {
  readonly gossip: boolean
  readonly weather: Weather
  readonly absences: readonly Absence[]
  readonly orders: readonly PlannedOrder[]
  /** From then on nothing is lost and everybody is there. */
  readonly healAtMs: Millis
}

export interface Scenario {
  readonly name: string
  readonly tell: (world: World, random: SeededRandom) => Story
}

const drawBadWeather = (random: SeededRandom): Weather => ({
  delayMsMin: random.between(1, 20),
  delayMsMax: random.between(100, 2000),
  lossShare: 0.1 + 0.1 * random.fraction(),
  duplicateShare: 0.2 * random.fraction()
})

const stormMs = 90 * second

/** One order to all, when everybody is there: what is measured against the size of the fleet. */
export const oneOrder: Scenario = {
  name: 'one-order',
  tell: (world) => {
    const everybody = [...world.endpoints, ...world.agents].map(({ peer }) => peer.key)
    const draft: OrderDraft = {
      name: 'one', argv: ['true'], target: { kind: 'select', selector: '', enrolledUntil: world.startedAt }, targets: everybody,
      expiresInMs: 30 * minute, timeoutMs: 20 * minute, result: 'succeeded'
    }
    return { gossip: true, weather: calmWeather, absences: [], orders: [{ atMs: oneOrderAtMs, draft, cancelAfterMs: null }], healAtMs: oneOrderAtMs }
  }
}

export const oneOrderAtMs = 15 * second
/** Above it a calm mesh is given one order alone: seven would say no more about it, and take seven times as long. */
const calmNodesMax = 1000

export const scenarios: readonly Scenario[] = [
  {
    name: 'calm',
    tell: (world, random) => {
      if (world.agents.length > calmNodesMax) return oneOrder.tell(world, random)
      const orders = planOrders(world, random, [])
      const lastMs = Math.max(...orders.map(({ atMs, cancelAfterMs }) => atMs + (cancelAfterMs ?? 0)))
      return { gossip: true, weather: calmWeather, absences: [], orders, healAtMs: lastMs + 5 * second }
    }
  },
  { name: 'lossy', tell: (world, random) => tellStorm(world, random, true) },
  { name: 'gossip-off', tell: (world, random) => tellStorm(world, random, false) }
]

const tellStorm = (world: World, random: SeededRandom, gossip: boolean): Story => {
  const sleepers = random.sample(world.agents, Math.ceil(world.agents.length / 10)).map(({ peer }) => peer.key)
  const orders = planOrders(world, random, sleepers)
  const expiring = orders.find(({ draft }) => draft.result === 'expired')
  const absences = sleepers.map((host) => ({ host, fromMs: 0, untilMs: (expiring?.atMs ?? 0) + (expiring?.draft.expiresInMs ?? 0) + 5 * second }))
  for (const { peer } of [...world.endpoints, ...world.agents]) {
    if (sleepers.includes(peer.key) || random.chance(0.5)) continue
    const fromMs = random.between(5 * second, stormMs - 25 * second)
    absences.push({ host: peer.key, fromMs, untilMs: fromMs + random.between(2 * second, 40 * second) })
  }
  return { gossip, weather: drawBadWeather(random), absences, orders, healAtMs: stormMs }
}

/** One of each kind: by label, by name, all; one that succeeds, fails, takes too long, is cancelled, is large, expires. */
const planOrders = (world: World, random: SeededRandom, sleepers: readonly KeyId[]): PlannedOrder[] => {
  const everybody = [...world.endpoints, ...world.agents]
  const all = { target: { kind: 'select' as const, selector: '', enrolledUntil: world.startedAt }, targets: everybody.map(({ peer }) => peer.key) }
  const group = random.sample(groups, 1)[0] ?? groups[0]
  const grouped = {
    target: { kind: 'select' as const, selector: `group=${group}`, enrolledUntil: world.startedAt },
    targets: world.agents.filter(({ membership }) => membership.credential.body.labels['group'] === group).map(({ peer }) => peer.key)
  }
  const usual = { expiresInMs: 30 * minute, timeoutMs: 20 * minute }
  const plan = (draft: OrderDraft, cancelAfterMs: Millis | null = null): PlannedOrder => ({ atMs: random.between(8 * second, 30 * second), draft, cancelAfterMs })
  // Beyond what travels beside an order: one block, or several.
  const padding = Array.from({ length: random.between(5, 150) }, () => 'x'.repeat(4000))
  return [
    plan({ ...usual, ...all, name: 'succeeds', argv: ['true'], result: 'succeeded' }),
    plan({ ...usual, ...grouped, name: 'fails', argv: ['false'], result: 'failed' }),
    plan({ ...usual, ...byName(random.sample(everybody, 5).map(({ peer }) => peer.key)), name: 'by-name', argv: ['true', 'named'], result: 'succeeded' }),
    plan({ ...usual, ...grouped, name: 'large', argv: ['true', ...padding], result: 'succeeded' }),
    plan({ ...usual, ...grouped, name: 'too-slow', argv: ['sleep', '60'], timeoutMs: 3 * second, result: 'failed' }),
    plan({ ...usual, ...all, name: 'cancelled', argv: ['sleep', String(20 * 60)], result: 'cancelled' }, random.between(0, 25 * second)),
    ...(sleepers.length === 0 ? [] : [plan({ ...byName(sleepers), name: 'expires', argv: ['true'], expiresInMs: 40 * second, timeoutMs: minute, result: 'expired' })])
  ]
}

const byName = (nodes: readonly KeyId[]): Pick<OrderDraft, 'target' | 'targets'> => ({ target: { kind: 'nodes', nodes: [...nodes].sort() }, targets: nodes })
