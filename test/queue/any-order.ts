/** What a queue comes to must not depend on the order or the portions in which its entries came, nor on repetitions. */
import { fc } from '../fixtures/properties.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { dump, foldedPrefixes, type World } from './world.ts'
import type { OrderRow } from '../../src/queue/views.ts'

/** The orders of a queue that got the entries at once; throws where another that got them otherwise differs. */
export const comesOutAlike = async (world: World, entries: readonly Uint8Array[]): Promise<OrderRow[]> => {
  const reference = new MemoryStore()
  const straight = await world.queue({ store: reference })
  await straight.merge(entries, 'test')
  const wanted = await dump(reference, foldedPrefixes)
  const orders = await straight.orders()
  const repeated = [...entries, ...entries.slice(0, 6)]
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(repeated, { minLength: repeated.length }),
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
        if (found.join('\n') !== wanted.join('\n')) throw new Error(`the stored states differ:\n${found.filter((line) => !wanted.includes(line)).join('\n')}\n--\n${wanted.filter((line) => !found.includes(line)).join('\n')}`)
        const views = await queue.orders()
        if (JSON.stringify(views) !== JSON.stringify(orders)) throw new Error(`the views differ: ${JSON.stringify(views)} ${JSON.stringify(orders)}`)
        const again = await world.queue({ store, name: 'other' })
        if (JSON.stringify(await again.orders()) !== JSON.stringify(views)) throw new Error('memory and store differ')
      }
    ),
    { numRuns: 60 }
  )
  return orders
}
