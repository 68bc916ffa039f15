import test from 'ava'
import fc from 'fast-check'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { bytesOf, dump, foldedPrefixes, madeAt, receipts, said, World } from './world.ts'

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
  const reference = new MemoryStore()
  const straight = await world.queue({ store: reference })
  await straight.merge(entries, 'test')
  const wanted = await dump(reference, foldedPrefixes)
  const orders = await straight.orders()
  t.is(orders.length, 2)
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([...entries, ...entries.slice(0, 6)], { minLength: entries.length + 6 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 20, maxLength: 20 }),
      async (shuffled, sizes) => {
        const store = new MemoryStore()
        const queue = await world.queue({ store, name: 'other' })
        let rest = shuffled
        for (const size of [...sizes, shuffled.length]) {
          await queue.merge(rest.slice(0, size), 'test')
          rest = rest.slice(size)
        }
        if (Buffer.compare(queue.digest(), straight.digest()) !== 0) throw new Error('the digests differ')
        const found = await dump(store, foldedPrefixes)
        if (found.join('\n') !== wanted.join('\n')) throw new Error('the stored states differ')
        const views = await queue.orders()
        if (JSON.stringify(views) !== JSON.stringify(orders)) throw new Error(`the views differ: ${JSON.stringify(views)} ${JSON.stringify(orders)}`)
        if (queue.pendingCount() !== 0) throw new Error('entries still wait')
      }
    ),
    { numRuns: 60 }
  )
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
