import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { keys, putRow } from '../../src/queue/queue-store.ts'
import { QueueWatch } from '../../simulations/queue-watch.ts'
import type { KeyId } from '../../src/base/brand.ts'

test('the last change of any endpoint counts, and a look that finds none changes nothing', async (t) => {
  const diskOf = (key: string) => {
    const store = new MemoryStore()
    return { key: key as KeyId, store, agentDisk: { peek: () => store } }
  }
  const [first, second] = [diskOf('a'), diskOf('b')]
  let now = 5
  const watch = new QueueWatch({ now: () => now }, () => [first, second])
  const look = async (at: number, arrived?: { readonly store: MemoryStore; readonly arrival: number }): Promise<number> => {
    now = at
    if (arrived !== undefined) await arrived.store.write([putRow(keys.meta, { storeId: 'x', arrival: arrived.arrival, digest: new Uint8Array(32) })], { durable: false })
    await watch.look()
    return watch.changedAt
  }
  t.is(await look(6), 5)
  t.is(await look(7, { store: second.store, arrival: 0 }), 5)
  t.is(await look(8, { store: second.store, arrival: 1 }), 8)
  t.is(await look(9), 8)
  t.is(await look(10, { store: first.store, arrival: 1 }), 10)
  t.is(await look(11, { store: first.store, arrival: 2 }), 11)
})
