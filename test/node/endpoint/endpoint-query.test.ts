import test from 'ava'
import { limits } from '../../../src/base/limits.ts'
import { answerQuery } from '../../../src/node/endpoint/endpoint-query.ts'
import { queryPageSchema, type QueryPage, type QueryRequest } from '../../../src/node/protocol/query.ts'
import { bytesOf, receipts, said } from '../../queue/world.ts'
import { keyFor } from '../../fixtures/mesh.ts'
import { ask, endpointWorld, madeAt, never, read } from '../endpoint-world.ts'
import { settled } from '../manual-time.ts'

const setUp = async (size = 3) => {
  const made = await endpointWorld()
  const { world, queue } = made
  const agents = Array.from({ length: size }, (_, index) => world.agent(`web-${String(index + 1).padStart(3, '0')}`))
  await queue.merge(agents.flatMap(({ entries }) => bytesOf(...entries)), 'test')
  const submit = async (): Promise<void> => void (await queue.merge(bytesOf(...world.admin.entries), 'test'))
  const pages = async (request: QueryRequest): Promise<QueryPage[]> => {
    const found: QueryPage[] = []
    for await (const page of answerQuery(made, ask(request), never)) found.push(read(queryPageSchema, page))
    return found
  }
  return { ...made, agents, submit, pages }
}

type SetUp = Awaited<ReturnType<typeof setUp>>
type OrderPage = Extract<QueryPage, { kind: 'order' }>

/** Follows an order in the background; `seen` grows with each page. */
const follow = (made: SetUp, prefix: string) => {
  const asker = new AbortController()
  const seen: OrderPage[] = []
  const state = { isOver: false }
  const reading = (async () => {
    for await (const page of answerQuery(made, ask({ kind: 'order', prefix, follow: true }), asker.signal)) {
      const decoded = read(queryPageSchema, page)
      if (decoded.kind === 'order') seen.push(decoded)
    }
    state.isOver = true
  })()
  return { asker, seen, state, reading }
}

const statesOf = (pages: readonly OrderPage[]): string[] => pages.flatMap(({ rows }) => rows.map(({ agentName, state }) => `${agentName} ${state}`))

test('an answer without rows is one empty page', async (t) => {
  const { pages } = await setUp(0)
  t.deepEqual(await pages({ kind: 'nodes' }), [{ kind: 'nodes', nodes: [] }])
  t.deepEqual(await pages({ kind: 'orders', since: 0 }), [{ kind: 'orders', orders: [] }])
})

test('a fleet that is larger than a page comes in pages, each node once', async (t) => {
  const size = limits.follow.rowsPerPageMax + 5
  const { world, submit, pages } = await setUp(size)
  const nodes = (await pages({ kind: 'nodes' })).map((page) => (page.kind === 'nodes' ? page.nodes : []))
  t.deepEqual(nodes.map(({ length }) => length), [limits.follow.rowsPerPageMax, 5])
  t.is(new Set(nodes.flat().map(({ key }) => key)).size, size)
  const order = world.order()
  await submit()
  const views = await pages({ kind: 'order', prefix: order.id, follow: false })
  t.deepEqual(views.map((page) => (page.kind === 'order' ? [page.rows.length, page.last] : [])), [[limits.follow.rowsPerPageMax, false], [5, true]])
})

test('an order is found by the beginning of its id', async (t) => {
  const { world, submit, pages } = await setUp()
  const [first, second] = [world.order(), world.order()]
  await submit()
  t.like((await pages({ kind: 'order', prefix: first.id.slice(0, 8), follow: false }))[0], { order: { indication: first.id, targeted: 3 } })
  t.not(first.id, second.id)
})

test('an order that nobody knows is refused', async (t) => {
  const { pages } = await setUp()
  for (const prefix of ['aaaa', '', '0189', '../x']) await t.throwsAsync(pages({ kind: 'order', prefix, follow: false }), { code: 'unknown-indication' })
})

test('a beginning that several orders share is refused', async (t) => {
  const { world, submit, pages } = await setUp()
  const ids = Array.from({ length: 40 }, () => world.order().id)
  await submit()
  const shared = ids.map((id) => id[0]).find((letter, index, all) => all.indexOf(letter) !== index)
  await t.throwsAsync(pages({ kind: 'order', prefix: shared ?? '', follow: false }), { code: 'ambiguous-indication' })
})

test('orders are those since a time', async (t) => {
  const { world, submit, pages } = await setUp()
  world.order({ name: 'early', createdAt: madeAt })
  world.order({ name: 'late', createdAt: madeAt + 10 })
  await submit()
  const [page] = await pages({ kind: 'orders', since: madeAt + 1 })
  t.deepEqual(page?.kind === 'orders' ? page.orders.map(({ name }) => name) : [], ['late'])
})

test('queues are those of one agent or all, in one state or any', async (t) => {
  const { world, queue, agents, submit, pages } = await setUp(2)
  const order = world.order()
  await submit()
  const [first] = agents
  if (first === undefined) return t.fail()
  first.say(receipts(said(order.id, 'received')))
  await queue.merge(bytesOf(...first.entries), 'test')
  const rows = async (agent: typeof first.key | null, status: 'queued' | 'received' | null): Promise<string[]> =>
    (await pages({ kind: 'queue', agent, status })).flatMap((page) => (page.kind === 'queue' ? page.rows.map(({ agentName, state }) => `${agentName} ${state}`) : []))
  t.deepEqual(await rows(null, null), ['web-001 received', 'web-002 queued'])
  t.deepEqual(await rows(first.key, null), ['web-001 received'])
  t.deepEqual(await rows(null, 'queued'), ['web-002 queued'])
  t.deepEqual(await rows(first.key, 'queued'), [])
  t.deepEqual(await rows(keyFor('nobody').key, null), [])
})

test('an order that has expired is shown as expired where it was not attempted, without an entry that says so', async (t) => {
  const { world, clock, submit, pages } = await setUp(1)
  const order = world.order({ expiresAt: madeAt + 1000 })
  await submit()
  const view = async (): Promise<string[]> => statesOf((await pages({ kind: 'order', prefix: order.id, follow: false })) as OrderPage[])
  t.deepEqual(await view(), ['web-001 queued'])
  await clock.pass(1001)
  t.deepEqual(await view(), ['web-001 expired'])
})

test('who follows an order sees it at once, then only what changed, until it has ended everywhere', async (t) => {
  const made = await setUp(2)
  const { world, queue, agents, clock, submit } = made
  const order = world.order()
  await submit()
  const { seen, state, reading } = follow(made, order.id)
  await settled()
  t.deepEqual(statesOf(seen), ['web-001 queued', 'web-002 queued'])
  for (const agent of agents) {
    agent.say(receipts(world.statement(agent.node.executor, order.id, 'succeeded')))
    await queue.merge(bytesOf(...agent.entries), 'test')
    t.false(state.isOver)
    await clock.pass(limits.follow.settleMs)
  }
  await reading
  t.deepEqual(statesOf(seen), ['web-001 queued', 'web-002 queued', 'web-001 succeeded', 'web-002 succeeded'])
  t.is(seen.at(-1)?.order.counts.succeeded, 2)
})

test('an order with many rows is looked at less often', async (t) => {
  const size = 2 * limits.follow.settleMs * limits.follow.rowsPerMs
  const made = await setUp(size)
  const { world, queue, agents, clock, submit } = made
  const order = world.order()
  await submit()
  const { asker, seen, reading } = follow(made, order.id)
  await settled()
  const before = seen.length
  const [first] = agents
  if (first === undefined) return t.fail()
  first.say(receipts(said(order.id, 'received')))
  await queue.merge(bytesOf(...first.entries), 'test')
  await clock.pass(limits.follow.settleMs)
  t.is(seen.length, before)
  await clock.pass(limits.follow.settleMs)
  t.is(seen.length, before + 1)
  asker.abort()
  await clock.pass(limits.follow.refreshMs)
  await reading
})

test('the last view of an order that ends while it is read counts what its rows say', async (t) => {
  const made = await setUp(1)
  const { world, queue, agents, submit } = made
  const order = world.order()
  await submit()
  const [agent] = agents
  if (agent === undefined) return t.fail()
  agent.say(receipts(world.statement(agent.node.executor, order.id, 'succeeded')))
  const { order: readOrder } = queue
  // Whichever of rows and counts is read first, the outcome comes right after the counts.
  queue.order = async (id) => {
    const row = await readOrder.call(queue, id)
    await queue.merge(bytesOf(...agent.entries), 'test')
    return row
  }
  const { seen, reading } = follow(made, order.id)
  await settled()
  await made.clock.pass(limits.follow.settleMs)
  await reading
  t.deepEqual([seen.at(-1)?.rows.map(({ state }) => state), seen.at(-1)?.order.counts.succeeded], [['succeeded'], 1])
})

test('changes that come together are shown together', async (t) => {
  const made = await setUp(3)
  const { world, queue, agents, clock, submit } = made
  const order = world.order()
  await submit()
  const { seen, reading } = follow(made, order.id)
  await settled()
  for (const agent of agents) {
    agent.say(receipts(world.statement(agent.node.executor, order.id, 'succeeded')))
    await queue.merge(bytesOf(...agent.entries), 'test')
  }
  await clock.pass(limits.follow.settleMs)
  await reading
  t.deepEqual(seen.map(({ rows }) => rows.length), [3, 3])
})

test('changes of other orders wake nobody', async (t) => {
  const made = await setUp(1)
  const { world, queue, agents, clock, submit } = made
  const [watched, other] = [world.order(), world.order()]
  await submit()
  const { asker, seen, reading } = follow(made, watched.id)
  await settled()
  const [agent] = agents
  agent?.say(receipts(said(other.id, 'received')))
  await queue.merge(bytesOf(...(agent?.entries ?? [])), 'test')
  await clock.pass(limits.follow.settleMs)
  t.is(seen.length, 1)
  asker.abort()
  await settled()
  await clock.pass(limits.follow.settleMs)
  await reading
})

test('the expiry of an order ends its following, though no entry tells of it', async (t) => {
  const made = await setUp(1)
  const { world, clock, submit } = made
  const order = world.order({ expiresAt: madeAt + 1000 })
  await submit()
  const { seen, reading } = follow(made, order.id)
  await settled()
  await clock.pass(limits.follow.refreshMs + limits.follow.settleMs)
  await reading
  t.deepEqual(statesOf(seen), ['web-001 queued', 'web-001 expired'])
})

test('a follower that goes away leaves nothing behind', async (t) => {
  const made = await setUp(1)
  const { world, clock, submit } = made
  const order = world.order()
  await submit()
  const { asker, reading } = follow(made, order.id)
  await settled()
  asker.abort()
  await settled()
  await clock.pass(limits.follow.settleMs)
  await reading
  t.deepEqual(clock.waits(), [])
})

test('where endpoints are is told with all charters', async (t) => {
  const { world, pages } = await setUp()
  t.deepEqual(await pages({ kind: 'endpoints' }), [{ kind: 'endpoints', endpoints: [], charters: world.mesh.charters }])
})

test('a question that cannot be read is refused', async (t) => {
  const made = await setUp(0)
  const first = async (message: Uint8Array): Promise<unknown> => {
    for await (const page of answerQuery(made, message, never)) return page
    return undefined
  }
  await t.throwsAsync(first(ask({ kind: 'everything' })), { code: 'malformed' })
  await t.throwsAsync(first(ask({ kind: 'queue', agent: 'x', status: null })), { code: 'malformed' })
  await t.throwsAsync(first(new Uint8Array(limits.network.messageBytesMax + 1)), { code: 'oversized' })
})

test('forks are shown with the names of their authors, and of whoever thawed them', async (t) => {
  const { world, queue, agents, pages } = await setUp(1)
  t.deepEqual(await pages({ kind: 'forks' }), [{ kind: 'forks', forks: [] }])
  const [agent] = agents
  if (agent === undefined) throw new Error('one agent')
  const order = world.order()
  const branch = agent.branch(1)
  const ours = agent.say(receipts(said(order.id, 'received')))
  const other = branch.say(receipts(said(order.id, 'validated')))
  await queue.merge(bytesOf(ours, other), 'test')
  const fork = { author: agent.key, authorName: 'web-001', incarnation: agent.incarnation, sequence: 2, branches: [ours.id, other.id].sort() }
  t.deepEqual(await pages({ kind: 'forks' }), [{ kind: 'forks', forks: [{ ...fork, thaw: null }] }])
  world.thaw(agent, 2, other, madeAt)
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  const adminName = world.mesh.chain.current.admins[0]?.name ?? ''
  t.deepEqual(await pages({ kind: 'forks' }), [{ kind: 'forks', forks: [{ ...fork, thaw: { keep: other.id, admin: world.mesh.admin.key, adminName, at: madeAt } }] }])
})

test('an answer has no more rows than the bound, however many there are', async (t) => {
  const { world, agents, submit, pages } = await setUp(128)
  while (world.admin.entries.length * agents.length <= limits.query.rowsMax) world.order()
  await submit()
  const rows = (await pages({ kind: 'queue', agent: null, status: null })).flatMap((page) => (page.kind === 'queue' ? page.rows : []))
  t.is(rows.length, limits.query.rowsMax)
})
