import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { comesOutAlike } from './any-order.ts'
import { bytesOf, madeAt, receipts, said, World } from './world.ts'

/** A history with everything in it: two lives of a log, receipts of a non-target, a cancel, an order given twice. */
const history = (): { world: World; entries: Uint8Array[] } => {
  const world = new World()
  const [a, b, outsider] = [world.agent('a', { labels: { role: 'web' } }), world.agent('b', { labels: { role: 'web' } }), world.agent('outsider')]
  const again = world.agent('a', { labels: { role: 'web' }, life: 'second' })
  const target = { kind: 'select' as const, selector: 'role=web', enrolledUntil: madeAt }
  const [first, second] = [world.order({ target }), world.order({ target })]
  world.admin.say({ kind: 'indication', indication: first.bytes })
  world.cancel(second.id)
  a.say(receipts(said(first.id, 'received'), said(second.id, 'received')))
  a.say(receipts(said(first.id, 'validated')))
  a.say(receipts(world.statement(a.node.executor, first.id, 'running')))
  again.say(receipts(world.statement(a.node.executor, first.id, 'interrupted')))
  again.say({ kind: 'credential', credential: world.renewed('a', world.mesh.key('executor:a renewed')).bytes })
  b.say(receipts(world.statement(b.node.executor, first.id, 'succeeded'), world.statement(b.node.executor, second.id, 'failed')))
  outsider.say(receipts(world.statement(outsider.node.executor, first.id, 'succeeded')))
  outsider.say({ kind: 'fault', fault: { kind: 'disk', subject: '/', detail: 'full' } })
  return { world, entries: bytesOf(...world.admin.entries, ...a.entries, ...again.entries, ...b.entries, ...outsider.entries) }
}

test('the same entries give byte-identical state, whatever their order, duplication and grouping', async (t) => {
  const { world, entries } = history()
  t.is((await comesOutAlike(world, entries)).length, 2)
})

test('a store that is opened again shows what it showed before', async (t) => {
  const { world, entries } = history()
  const store = new MemoryStore()
  const before = await world.queue({ store })
  await before.merge(entries, 'test')
  const after = await world.queue({ store })
  t.deepEqual(after.nodes(), before.nodes())
  t.deepEqual(await after.orders(), await before.orders())
  t.deepEqual(after.digest(), before.digest())
  t.is(after.history.storeId, before.history.storeId)
  for (const { indication } of await before.orders()) t.deepEqual(await after.rowsOf(indication), await before.rowsOf(indication))
})
