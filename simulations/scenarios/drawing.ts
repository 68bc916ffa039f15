/** What several scenarios draw alike. */
import { limits } from '../../src/base/limits.ts'
import { calmWeather, type Weather } from '../fabric.ts'
import type { KeyId, Millis } from '../../src/base/brand.ts'
import type { OrderDraft } from '../simulated-admin.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Aftermath, Span, Story } from '../story.ts'
import type { World } from '../world.ts'

export const second: Millis = 1000
export const minute: Millis = 60 * second

/** While things go wrong. */
export const stormMs: Millis = 75 * second

/** Nothing goes wrong. */
export const peace: Omit<Story, 'orders'> = { gossip: true, weather: calmWeather, troubles: [], intruders: [], equivocation: null, thawsAtMs: [], charters: [], checkpointEntries: limits.ownLog.checkpointEntries, healAtMs: stormMs, retentionMs: limits.queue.labelRetentionMs, aftermath: null }

/** Nothing goes wrong, in a mesh with a past: logs meet checkpoints, and the charter may change. Drawn apart, so that all else is drawn as without. */
export const drawPeace = (world: World, random: SeededRandom): typeof peace => {
  const drawn = random.stream('past')
  const charters = Array.from({ length: drawn.between(0, 2) }, () => drawn.between(10 * second, 40 * second)).flatMap((atMs) =>
    drawn.chance(0.4) ? [{ atMs, by: 'admin' as const }, { atMs: atMs + drawn.between(0, second), by: 'rival' as const }] : [{ atMs, by: drawn.chance(0.5) ? ('admin' as const) : ('rival' as const) }]
  )
  const aftermath = drawAftermath(world, random.stream('aftermath'))
  return { ...peace, charters, checkpointEntries: drawn.between(3, 12), retentionMs: aftermath === null ? peace.retentionMs : 0, aftermath }
}

/** In few runs: an hour without anything to do takes as long to simulate as three storms. */
const drawAftermath = (world: World, drawn: SeededRandom): Aftermath | null => {
  if (!drawn.chance(0.1)) return null
  const [wiped = null] = world.endpoints.length > 1 && drawn.chance(0.7) ? drawn.sample(endpointsOf(world), 1) : []
  return { wiped, draft: { ...usual, ...toAll(world), name: 'aftermath', argv: ['true', 'again'], result: 'succeeded' } }
}

export const endpointsOf = (world: World): KeyId[] => world.endpoints.map(({ peer }) => peer.key)
export const agentsOf = (world: World): KeyId[] => world.agents.map(({ peer }) => peer.key)
export const everybody = (world: World): KeyId[] => [...endpointsOf(world), ...agentsOf(world)]

/** Of most orders. */
export const usual = { expiresInMs: 30 * minute, timeoutMs: 20 * minute, idempotent: false } as const

export const toAll = (world: World): Pick<OrderDraft, 'target' | 'targets'> => ({ target: { kind: 'select', selector: '', enrolledUntil: world.startedAt }, targets: everybody(world) })

export const byName = (nodes: readonly KeyId[]): Pick<OrderDraft, 'target' | 'targets'> => ({ target: { kind: 'nodes', nodes: [...nodes].sort() }, targets: nodes })

export const drawMs = (random: SeededRandom, { fromMs, untilMs }: Span): Millis => random.between(fromMs, untilMs)

/** Within the storm, after most have started. */
export const drawSpan = (random: SeededRandom, longestMs: Millis): Span => {
  const fromMs = random.between(5 * second, stormMs - longestMs / 2)
  return { fromMs, untilMs: fromMs + random.between(2 * second, longestMs) }
}

export const drawBadWeather = (random: SeededRandom): Weather => ({
  delayMsMin: random.between(1, 20),
  delayMsMax: random.between(100, 2000),
  lossShare: 0.1 + 0.1 * random.fraction(),
  duplicateShare: 0.2 * random.fraction()
})

/** As between cities: now and then something is lost. */
export const drawMildWeather = (random: SeededRandom): Weather => ({ delayMsMin: 1, delayMsMax: random.between(20, 200), lossShare: 0.02 * random.fraction(), duplicateShare: 0.05 })

/** From `least` to 7, few more often, and always leaving an agent. */
export const drawEndpoints =
  (least: number) =>
  (nodes: number, random: SeededRandom): number =>
    Math.min(nodes - 1, least + Math.floor((8 - least) * random.fraction() ** 1.5))
