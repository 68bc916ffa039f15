import test from 'ava'
import { LevelStore } from '../../src/base/level-store.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { noteWrites, testJournal } from './journal.ts'
import { commandOrder, openWorkbench } from './workbench.ts'

testJournal('in memory', async () => {
  const store = new MemoryStore()
  return { reopen: async () => store }
})

testJournal('on disk', async (t) => {
  const directory = await temporaryDirectory(t)
  let store: LevelStore | undefined
  t.teardown(() => store?.close())
  return {
    async reopen() {
      await store?.close()
      store = await LevelStore.open(directory)
      return store
    }
  }
})

test('an order costs two durable writes: one before its process is spawned, one for its outcome', async (t) => {
  const { store, writes } = noteWrites(new MemoryStore())
  const spawnedAfter: number[] = []
  const { agent } = await openWorkbench(t, {
    store,
    runner: (real) => ({
      start(request) {
        spawnedAfter.push(writes.filter(({ durable }) => durable).length)
        return real.start(request)
      }
    })
  })
  const order = commandOrder(['true'])
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.outcome(order.id)
  const durable = writes.filter((write) => write.durable).map(({ keys }) => keys.map((key) => key.split('/')[0]))
  t.deepEqual(durable, [['active', 'newest', 'statement', 'last'], ['active', 'finished', 'expiry', 'statement', 'last']])
  t.deepEqual(spawnedAfter, [1])
})
