import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { bytesOf, dayMs, dump, foldedPrefixes, madeAt, receipts, said, signerOf, World } from './world.ts'

test('an order is queued on all of its targets, and on no other', async (t) => {
  const world = new World()
  const [web, db] = [world.agent('web', { labels: { role: 'web' } }), world.agent('db', { labels: { role: 'db' } })]
  const order = world.order({ target: { kind: 'select', selector: 'role=web', enrolledUntil: madeAt + dayMs } })
  const queue = await world.queue()
  const report = await queue.merge(bytesOf(...web.entries, ...db.entries, ...world.admin.entries), 'test')
  t.deepEqual(report.rejections, [])
  t.is(report.accepted.length, 3)
  t.deepEqual(report.indications.map(({ id }) => id), [order.id])
  const rows = await queue.rowsOf(order.id)
  t.deepEqual(rows.map(({ agentName, state }) => [agentName, state]), [['web', 'queued']])
  t.deepEqual((await queue.queueOf(db.key)), [])
  t.is((await queue.queueOf(web.key))[0]?.indication, order.id)
})

test('receipts lead an order from queued to its outcome', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const queue = await world.queue()
  await queue.merge(bytesOf(...agent.entries, ...world.admin.entries), 'test')
  const seen: (string | undefined)[] = []
  const steps = [receipts(said(order.id, 'received')), receipts(said(order.id, 'validated')), receipts(world.statement(agent.node.executor, order.id, 'running')), receipts(world.statement(agent.node.executor, order.id, 'succeeded'))]
  for (const step of steps) {
    const report = await queue.merge(bytesOf(agent.say(step)), 'test')
    t.deepEqual(report.changed, [{ agent: agent.key, indication: order.id }])
    seen.push((await queue.rowsOf(order.id))[0]?.state)
  }
  t.deepEqual(seen, ['received', 'validated', 'running', 'succeeded'])
  const row = await queue.order(order.id)
  t.is(row?.counts.succeeded, 1)
  t.is(row?.targeted, 1)
})

test('a credential counts once its entry does: not while that waits for those before it', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  agent.say(receipts(said(world.order().id, 'received')))
  const checkpoint = world.checkpoint(agent)
  const queue = await world.queue()
  const report = await queue.merge(bytesOf(checkpoint), 'test')
  t.deepEqual(report.gaps.map(({ from }) => from), [1])
  t.deepEqual(queue.nodes(), [])
  await queue.merge(bytesOf(...agent.entries.slice(0, 2)), 'test')
  t.deepEqual(queue.nodes().map(({ name }) => name), ['a'])
  t.is((await queue.headsOf(agent.key))[0]?.head.sequence, 3)
})

test('a credential that came only in an entry that waited counts when that one is taken in', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const next = signerOf('next')
  agent.say(receipts(said(world.order().id, 'received')))
  const renewed = agent.say({ kind: 'credential', credential: world.renewed('a', next).bytes })
  const [piecemeal, whole] = [new MemoryStore(), new MemoryStore()]
  const queue = await world.queue({ store: piecemeal })
  await queue.merge(bytesOf(renewed), 'test')
  await queue.merge(bytesOf(...agent.entries.slice(0, 2)), 'test')
  await (await world.queue({ store: whole })).merge(bytesOf(...agent.entries), 'test')
  t.deepEqual(await dump(piecemeal, foldedPrefixes), await dump(whole, foldedPrefixes))
})

test('a receipt that arrives before its indication is kept', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  agent.say(receipts(world.statement(agent.node.executor, order.id, 'failed', { exitCode: 3 })))
  const queue = await world.queue()
  await queue.merge(bytesOf(...agent.entries), 'test')
  t.deepEqual(await queue.rowsOf(order.id), [])
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  const [row] = await queue.rowsOf(order.id)
  t.is(row?.state, 'failed')
  t.is(row?.exitCode, 3)
  t.is((await queue.order(order.id))?.counts.failed, 1)
  t.deepEqual(queue.notAttempted(agent.key, madeAt, new Set(), { countMax: 10, sizeBytesMax: 1e6 }).orders, [])
})

test('a receipt of a node that is no target shows nowhere', async (t) => {
  const world = new World()
  const [target, other] = [world.agent('target'), world.agent('other')]
  const order = world.order({ target: { kind: 'nodes', nodes: [target.key] } })
  other.say(receipts(world.statement(other.node.executor, order.id, 'succeeded')))
  const queue = await world.queue()
  await queue.merge(bytesOf(...target.entries, ...other.entries, ...world.admin.entries), 'test')
  t.deepEqual((await queue.rowsOf(order.id)).map(({ agentName, state }) => [agentName, state]), [['target', 'queued']])
  t.is((await queue.order(order.id))?.targeted, 1)
  t.deepEqual(await queue.queueOf(other.key), [])
})

test('a statement that another key than the executor of the credential signed is refused, and its entry kept', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const forged = agent.say(receipts(world.statement(agent.node.peer, order.id, 'succeeded'), said(order.id, 'received')))
  const queue = await world.queue()
  const report = await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  t.deepEqual(report.rejections.map(({ code, entry }) => [code, entry]), [['wrong-executor', forged.id]])
  t.is((await queue.rowsOf(order.id))[0]?.state, 'received')
  t.is((await queue.head(agent.key, agent.incarnation)).sequence, 2)
})

test('a statement with a broken signature keeps its entry out of the log', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const statement = world.statement(agent.node.executor, order.id, 'succeeded')
  if (statement.kind !== 'executor') return t.fail()
  const altered = statement.statement.slice()
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
  agent.say(receipts({ kind: 'executor', statement: altered }, said(order.id, 'retrieving')))
  const queue = await world.queue()
  const report = await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  t.deepEqual(report.rejections.map(({ code }) => code), ['bad-signature'])
  t.is((await queue.rowsOf(order.id))[0]?.state, 'queued')
  t.is((await queue.head(agent.key, agent.incarnation)).sequence, 1)
})

test('a gap is reported, the entry after it waits, and counts once the gap is filled', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  const first = agent.say(receipts(said(order.id, 'received')))
  const second = agent.say(receipts(said(order.id, 'validated')))
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries, ...agent.entries.slice(0, 1)), 'test')
  for (const attempt of [1, 2]) {
    const report = await queue.merge(bytesOf(second), `attempt ${attempt}`)
    t.deepEqual(report.gaps, [{ author: agent.key, incarnation: agent.incarnation, from: 2 }])
    t.is(report.logs[0]?.sequence, 1)
  }
  const report = await queue.merge(bytesOf(first), 'test')
  t.is(report.accepted.length, 2)
  t.deepEqual(report.gaps, [])
  t.is(report.logs[0]?.sequence, 3)
  t.is((await queue.rowsOf(order.id))[0]?.state, 'validated')
})

test('what is held already is counted and changes nothing', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  world.order()
  const all = bytesOf(...world.admin.entries, ...agent.entries)
  const queue = await world.queue()
  await queue.merge(all, 'test')
  const [digest, arrival] = [queue.digest(), queue.history.arrival]
  const report = await queue.merge(all, 'again')
  t.is(report.duplicates, 2)
  t.is(report.accepted.length, 0)
  t.deepEqual(report.logs.map(({ sequence }) => sequence), [1, 1])
  t.deepEqual([queue.digest(), queue.history.arrival], [digest, arrival])
})

const refused = test.macro({
  exec: async (t, make: (world: World) => Uint8Array, code: string) => {
    const world = new World()
    const good = world.agent('good')
    const queue = await world.queue()
    const report = await queue.merge([make(world), ...bytesOf(...good.entries)], 'test')
    t.deepEqual(report.rejections.map((rejection) => rejection.code), [code])
    t.deepEqual(report.accepted.map(({ body }) => body.author), [good.key])
  },
  title: (name) => `${name} is refused, and the good entry beside it is not`
})

test('an entry that is no dag-cbor', refused, () => new Uint8Array([0xff, 1, 2]), 'malformed')
test('an entry over the limit', refused, () => new Uint8Array(200_000), 'oversized')
test('a first entry of somebody unknown', refused, (world) => {
  const stranger = world.agent('stranger')
  return stranger.branch(0).forge(receipts(said(world.sealOrder().id, 'received')), {}).bytes
}, 'unknown-author')
test("a log that begins with another node's credential", refused, (world) => {
  const [thief, victim] = [world.agent('thief'), world.agent('victim')]
  return thief.branch(0).forge({ kind: 'credential', credential: victim.node.credential.bytes }, {}).bytes
}, 'bad-credential')
test('an entry that another key signed', refused, (world) => {
  const [thief, victim] = [world.agent('thief'), world.agent('victim')]
  return thief.branch(0).forge({ kind: 'credential', credential: victim.node.credential.bytes }, { author: victim.key }).bytes
}, 'bad-signature')
test('an entry of another mesh', refused, (world) => {
  const agent = world.agent('a')
  return agent.branch(0).forge({ kind: 'credential', credential: agent.node.credential.bytes }, { mesh: signerOf('elsewhere').key as never }).bytes
}, 'wrong-mesh')
test('a first entry that names one before it', refused, (world) => {
  const agent = world.agent('a')
  return agent.branch(0).forge({ kind: 'credential', credential: agent.node.credential.bytes }, { previous: agent.entries[0]?.id ?? null }).bytes
}, 'bad-link')

const ineffective = test.macro({
  exec: async (t, say: (world: World, agent: ReturnType<World['agent']>) => void, code: string) => {
    const world = new World()
    const agent = world.agent('a')
    say(world, agent)
    const queue = await world.queue()
    const report = await queue.merge(bytesOf(...agent.entries, ...world.admin.entries), 'test')
    t.deepEqual(report.rejections.map((rejection) => rejection.code), [code])
    t.is(report.accepted.length, agent.entries.length + world.admin.entries.length)
    t.deepEqual(await queue.orders(), [])
  },
  title: (name) => `${name} has no effect, and its entry stays in the log`
})

test("an order in a node's log", ineffective, (world, agent) => {
  agent.say({ kind: 'indication', indication: world.sealOrder({ admin: agent.key }, agent.node.peer).bytes })
}, 'not-an-admin')
test('an order of another admin', ineffective, (world) => {
  world.admin.say({ kind: 'indication', indication: world.sealOrder({ admin: signerOf('mallory').key }, signerOf('mallory')).bytes })
}, 'wrong-author')
test('an order that is not readable', ineffective, (world) => {
  world.admin.say({ kind: 'indication', indication: new Uint8Array([1, 2, 3]) })
}, 'malformed')
test('a later credential of another node', ineffective, (world, agent) => {
  agent.say({ kind: 'credential', credential: world.agent('b').node.credential.bytes })
}, 'bad-credential')

test('statements count by the executor of the newest credential before them in the log', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const target = { kind: 'select' as const, selector: '', enrolledUntil: madeAt + dayMs }
  const [early, late] = [world.order({ target }), world.order({ target })]
  const next = world.mesh.key('executor:a renewed')
  agent.say(receipts(world.statement(next, early.id, 'running')))
  agent.say({ kind: 'credential', credential: world.renewed('a', next).bytes })
  agent.say(receipts(world.statement(next, late.id, 'running'), world.statement(agent.node.executor, early.id, 'running')))
  const queue = await world.queue()
  const report = await queue.merge(bytesOf(...world.admin.entries, ...agent.entries), 'test')
  t.deepEqual(report.rejections.map(({ code }) => code), ['wrong-executor', 'wrong-executor'])
  t.is((await queue.rowsOf(early.id))[0]?.state, 'queued')
  t.is((await queue.rowsOf(late.id))[0]?.state, 'running')
  t.is(queue.node(agent.key)?.executor, next.key)
})

test('a log whose enroller is not known yet is refused, and accepted when the charter is known', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const empty = { ...world.mesh.chain, versions: [] }
  let chain = empty
  const queue = await world.queue({ chain: () => chain })
  const report = await queue.merge(bytesOf(...agent.entries), 'test')
  t.deepEqual(report.rejections.map(({ code }) => code), ['not-an-enroller'])
  chain = { ...world.mesh.chain, versions: [...world.mesh.chain.versions] } as never
  t.is((await queue.merge(bytesOf(...agent.entries), 'test')).accepted.length, 1)
})

test('a cancelled order is not handed out, and shows as cancelled where nothing ran', async (t) => {
  const world = new World()
  const [idle, busy] = [world.agent('idle'), world.agent('busy')]
  const order = world.order()
  busy.say(receipts(world.statement(busy.node.executor, order.id, 'running')))
  world.cancel(order.id)
  const queue = await world.queue()
  await queue.merge(bytesOf(...world.admin.entries.toReversed(), ...idle.entries, ...busy.entries), 'test')
  t.deepEqual((await queue.rowsOf(order.id)).map(({ agentName, state, at }) => [agentName, state, at]), [['busy', 'running', madeAt + 2], ['idle', 'cancelled', madeAt + 1]])
  t.deepEqual(queue.notAttempted(idle.key, madeAt, new Set(), { countMax: 10, sizeBytesMax: 1e6 }).orders, [])
  t.is(queue.controlsForHave([order.id]).length, 1)
  const row = await queue.order(order.id)
  t.true(row?.cancelled)
  t.deepEqual([row?.counts.cancelled, row?.counts.running], [1, 1])
})

test('listeners hear of what was accepted, and of nothing else', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const queue = await world.queue()
  const heard: number[] = []
  const stop = queue.onChange(({ accepted }) => heard.push(accepted.length))
  await queue.merge(bytesOf(...agent.entries), 'test')
  await queue.merge(bytesOf(...agent.entries), 'test')
  stop()
  world.order()
  await queue.merge(bytesOf(...world.admin.entries), 'test')
  t.deepEqual(heard, [1])
})

test('merges that overlap are applied in the order of their calls', async (t) => {
  const world = new World()
  const agent = world.agent('a')
  const order = world.order()
  for (let index = 0; index < 20; index += 1) agent.say(receipts(said(order.id, 'received', madeAt + index)))
  const queue = await world.queue()
  const reports = await Promise.all([world.admin.entries, ...agent.entries.map((entry) => [entry])].map((entries) => queue.merge(bytesOf(...entries), 'test')))
  t.true(reports.every(({ accepted, gaps }) => accepted.length === 1 && gaps.length === 0))
  t.is((await queue.head(agent.key, agent.incarnation)).sequence, 21)
})
