import test from 'ava'
import { credentialKind } from '../../src/record/credential.ts'
import { sealRecord } from '../../src/record/record.ts'
import { keyFor } from '../fixtures/mesh.ts'
import { bytesOf, madeAt, receipts, said, spoil, World } from '../queue/world.ts'
import type { AgentState, Receipt } from '../../src/record/entry.ts'
import type { StatementBody } from '../../src/record/statement.ts'
import type { Indication } from '../../src/trust/order.ts'

type Agent = ReturnType<World['agent']>

interface Setting {
  readonly world: World
  readonly agent: Agent
  readonly order: Indication
}

const claims: readonly StatementBody['state'][] = ['running', 'succeeded']
const bytesIn = (receipt: Receipt): Uint8Array => (receipt.kind === 'executor' ? receipt.statement : new Uint8Array())

/** Whoever owns an agent has its key and its log, and not the executor's key. */
const isNotBelieved = test.macro({
  async exec(t, claim: (setting: Setting, state: StatementBody['state']) => Receipt) {
    for (const state of claims) {
      const world = new World()
      const agent = world.agent('a')
      const order = world.order()
      const queue = await world.queue()
      await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
      agent.say(receipts(claim({ world, agent, order }, state)))
      await queue.merge(bytesOf(...agent.entries), 'test')
      const [row] = await queue.rowsOf(order.id)
      t.deepEqual([row?.state, row?.startedAt, row?.exitCode], ['queued', null, null])
      const honest = world.agent('a', { life: 'after' })
      honest.say(receipts(world.statement(honest.node.executor, order.id, state)))
      await queue.merge(bytesOf(...honest.entries), 'test')
      t.is((await queue.rowsOf(order.id))[0]?.state, state)
    }
  },
  title: (name = '') => `no endpoint believes ${name}`
})

test('a statement that the agent signed as if it were the executor', isNotBelieved, ({ world, agent, order }, state) => world.statement(agent.node.peer, order.id, state))
test('a statement in the name of the executor that the agent signed', isNotBelieved, ({ world, agent, order }, state) => ({
  kind: 'executor', statement: spoil(bytesIn(world.statement(agent.node.executor, order.id, state)))
}))
test("a statement of another node's executor", isNotBelieved, ({ world, order }, state) => world.statement(world.mesh.node('b').executor, order.id, state))
test('a statement of an executor that nobody enrolled', isNotBelieved, ({ world, order }, state) => world.statement(keyFor('stranger'), order.id, state))
test('a statement about another order', isNotBelieved, ({ world, agent }, state) => world.statement(agent.node.executor, world.order().id, state))
test('a statement of the same executor in another mesh', isNotBelieved, ({ world, agent, order }, state) =>
  world.statement(agent.node.executor, order.id, state, { mesh: keyFor('elsewhere').key as string as typeof world.mesh.mesh }))

test('no endpoint believes an executor key that the agent alone has put into its credential', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  const stranger = keyFor('stranger')
  const body = { ...agent.node.credential.body, executor: stranger.key, enrolledAt: madeAt + 1 }
  agent.say({ kind: 'credential', credential: sealRecord(credentialKind, body, [agent.node.peer, stranger]).bytes })
  agent.say(receipts(world.statement(stranger, order.id, 'succeeded')))
  await queue.merge(bytesOf(...agent.entries), 'test')
  t.is((await queue.rowsOf(order.id))[0]?.state, 'queued')
})

test('an agent cannot even write in its own name that an order has started or succeeded', (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  for (const state of claims) {
    t.throws(() => agent.forge(receipts(said(order.id, state as AgentState)), {}), { message: /of the wrong shape: content\.receipts\.0\.state/ })
  }
})
