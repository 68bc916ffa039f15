import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { reject } from '../../src/base/result.ts'
import { commandOrder, machineOptions, mesh } from './workbench.ts'
import { JobWorld, success } from './job-world.ts'
import type { JobEvent, Order } from '../../src/executor/job-events.ts'

const { now } = mesh

/** Signed once: the properties need ids, not fresh signatures. */
const orders: readonly Order[] = [
  {}, { idempotent: true }, { priority: 9 }, { notBefore: now + 4000 }, { expiresAt: now + 3000 }, { idempotent: true, timeoutMs: 500 }
].map((change) => {
  const { id, indication, bundle } = commandOrder(['true'], change)
  return { id, body: indication.body, bundle }
})

type Action =
  | { readonly kind: 'order' | 'cancelled-order' | 'cancel' | 'bring' | 'exit' | 'fail-payload' | 'stray-exit' | 'stray-prepared' | 'stray-judged' | 'stray-recalled'; readonly index: number }
  | { readonly kind: 'advance'; readonly byMs: number }
  | { readonly kind: 'crash' | 'agent-started' | 'trust-changed' | 'disk-full' | 'disk-free' }

const onOrder = fc.record({
  kind: fc.constantFrom<'order' | 'cancelled-order' | 'cancel' | 'bring' | 'exit' | 'fail-payload' | 'stray-exit' | 'stray-prepared' | 'stray-judged' | 'stray-recalled'>(
    'order', 'order', 'order', 'bring', 'bring', 'bring', 'exit', 'cancelled-order', 'cancel', 'fail-payload', 'stray-exit', 'stray-prepared', 'stray-judged', 'stray-recalled'
  ),
  index: fc.nat(orders.length - 1)
})
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof({ weight: 12, arbitrary: onOrder }, { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), byMs: fc.nat(1500) }) }, { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'agent-started' as const, 'trust-changed' as const, 'disk-full' as const, 'disk-free' as const) }) }),
  { maxLength: 60, size: 'max' }
)

const strayEvent = (kind: Action['kind'], indication: Order['id']): JobEvent | undefined => {
  if (kind === 'stray-prepared') return { kind: 'prepared', indication, verdict: reject('payload-mismatch') }
  if (kind === 'stray-judged') return { kind: 'judged', indication, verdict: reject('not-an-admin') }
  if (kind === 'stray-recalled') return { kind: 'recalled', indication, history: { kind: 'fresh' } }
  if (kind === 'fail-payload') return { kind: 'payload-failed', indication, code: 'payload-unavailable', detail: '' }
  if (kind === 'cancel') return { kind: 'cancel', indication }
  return undefined
}

/** Found out at the next start. */
const fill = (world: JobWorld, isFull: boolean): void => {
  world.fails = isFull
  if (!isFull) world.step({ kind: 'journal-free' })
}

const act = (world: JobWorld, action: Action): void => {
  if (action.kind === 'advance') return world.advance(world.now + action.byMs)
  if (action.kind === 'crash') return world.crash()
  if (action.kind === 'disk-full' || action.kind === 'disk-free') return fill(world, action.kind === 'disk-full')
  if (!('index' in action)) return world.step({ kind: action.kind })
  const order = orders[action.index]
  if (order === undefined) return
  if (action.kind === 'order' || action.kind === 'cancelled-order') return world.order(order, action.kind === 'cancelled-order')
  if (action.kind === 'bring') return world.bring(order.id)
  if (action.kind === 'exit') return world.exit(order.id)
  if (action.kind === 'stray-exit' && !world.running.has(order.id)) return world.step({ kind: 'exited', indication: order.id, report: success })
  const stray = strayEvent(action.kind, order.id)
  if (stray !== undefined) world.step(stray)
}

test('whatever comes in whatever order, nothing starts twice, each start was durable first, and each outcome is the only one', (t) => {
  fc.assert(
    fc.property(actions, (list) => {
      const world = new JobWorld(machineOptions, now)
      for (const action of list) act(world, action)
      t.deepEqual(world.problems, [])
    }),
    { numRuns: 500 }
  )
})

test('when payloads come, processes end and time passes, every order gets its outcome', (t) => {
  fc.assert(
    fc.property(actions, (list) => {
      const world = new JobWorld(machineOptions, now)
      for (const action of list) act(world, action)
      fill(world, false)
      for (const order of orders) world.order(order)
      for (let round = 0; round < 40; round += 1) {
        for (const id of world.wanted) world.bring(id)
        for (const id of world.running) world.exit(id)
        world.advance(Math.max(world.now + 1, world.nextTickAt() ?? 0))
      }
      t.deepEqual(world.problems, [])
      for (const order of orders) t.is(world.outcomes.get(order.id)?.length, 1)
      t.is(world.nextTickAt(), undefined)
    }),
    { numRuns: 300 }
  )
})

test('a tick is due in the future, or now, but never again and again', (t) => {
  fc.assert(
    fc.property(actions, (list) => {
      const world = new JobWorld(machineOptions, now)
      for (const action of list) {
        act(world, action)
        world.step({ kind: 'tick' })
        t.true((world.nextTickAt() ?? Infinity) > world.now)
      }
    }),
    { numRuns: 200 }
  )
})

/** What happens between a restore and the word that all is adopted. */
type EarlyAction = Action | { readonly kind: 'adopt'; readonly index: number; readonly state: 'running' | 'succeeded' | 'interrupted'; readonly isRepeated: boolean }
const earlyActions: fc.Arbitrary<EarlyAction[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('order' as const, 'bring' as const), index: fc.nat(orders.length - 1) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('adopt' as const), index: fc.nat(orders.length - 1), state: fc.constantFrom('running' as const, 'succeeded' as const, 'interrupted' as const), isRepeated: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) }
  ),
  { maxLength: 20 }
)

test('what is adopted before the first start never starts twice, unless it is idempotent, and then as often as it may', (t) => {
  fc.assert(
    fc.property(earlyActions, actions, (early, list) => {
      const world = new JobWorld(machineOptions, now, false)
      for (const [position, action] of early.entries()) {
        const order = 'index' in action ? orders[action.index] : undefined
        if (action.kind !== 'adopt') act(world, action)
        else if (order !== undefined) for (let times = 0; times < (action.isRepeated ? 2 : 1); times += 1) world.adopt(order, action.state, now - 1000 + position)
      }
      t.is(world.running.size, 0)
      world.catchUp()
      for (const action of list) act(world, action)
      t.deepEqual(world.problems, [])
    }),
    { numRuns: 500 }
  )
})
