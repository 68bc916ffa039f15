/** What is ordered in every scenario: one of each kind. */
import { groups, type World } from '../world.ts'
import { byName, drawMs, everybody, minute, second, toAll, usual } from './drawing.ts'
import type { KeyId, Millis } from '../../src/base/brand.ts'
import type { OrderDraft } from '../simulated-admin.ts'
import type { PlannedOrder, Span } from '../story.ts'
import type { SeededRandom } from '../seeded-random.ts'

/** While orders are given. */
const givingMs: Span = { fromMs: 8 * second, untilMs: 30 * second }

/**
 * By label, by name, all; one that succeeds, fails, takes too long, is cancelled, is large, takes a while, may be
 * repeated; and one that expires before these, who are away, can hear of it.
 */
export const planOrders = (world: World, random: SeededRandom, sleepers: readonly KeyId[] = [], giving: Span = givingMs): PlannedOrder[] => {
  const all = toAll(world)
  const group = random.sample(groups, 1)[0] ?? groups[0]
  const grouped = {
    target: { kind: 'select' as const, selector: `group=${group}`, enrolledUntil: world.startedAt },
    targets: world.agents.filter(({ membership }) => membership.credential.body.labels['group'] === group).map(({ peer }) => peer.key)
  }
  const plan = (draft: OrderDraft, cancelAfterMs: Millis | null = null): PlannedOrder => ({ atMs: drawMs(random, giving), draft, cancelAfterMs })
  // Beyond what travels beside an order: one block, or several.
  const padding = Array.from({ length: random.between(5, 150) }, () => 'x'.repeat(4000))
  return [
    plan({ ...usual, ...all, name: 'succeeds', argv: ['true'], result: 'succeeded' }),
    plan({ ...usual, ...grouped, name: 'fails', argv: ['false'], result: 'failed' }),
    plan({ ...usual, ...byName(random.sample(everybody(world), 5)), name: 'by-name', argv: ['true', 'named'], result: 'succeeded' }),
    plan({ ...usual, ...grouped, name: 'large', argv: ['true', ...padding], result: 'succeeded' }),
    plan({ ...usual, ...grouped, name: 'too-slow', argv: ['sleep', '60'], timeoutMs: 3 * second, result: 'failed' }),
    plan({ ...usual, ...grouped, name: 'takes-a-while', argv: ['sleep', String(random.between(2, 20))], result: 'succeeded' }),
    plan({ ...usual, ...byName(random.sample(everybody(world), 8)), name: 'may-be-repeated', argv: ['sleep', String(random.between(5, 15))], idempotent: true, result: 'succeeded' }),
    plan({ ...usual, ...all, name: 'cancelled', argv: ['sleep', String(20 * 60)], result: 'cancelled' }, random.between(0, 25 * second)),
    ...(sleepers.length === 0 ? [] : [plan({ ...byName(sleepers), name: 'expires', argv: ['true'], expiresInMs: 40 * second, timeoutMs: minute, idempotent: false, result: 'expired' })])
  ]
}
