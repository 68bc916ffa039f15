import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { put } from '../../src/base/key-value-store.ts'
import { limits } from '../../src/base/limits.ts'
import { AddressBook } from '../../src/node/address-book.ts'
import { keyFor } from '../fixtures/mesh.ts'
import type { EndpointAddress } from '../../src/trust/home-config.ts'

const at = (name: string, ...addresses: readonly string[]): EndpointAddress => ({ key: keyFor(name).key, name, addresses: [...addresses] })
const [one, two] = ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/2']

test('what was learned comes before what is configured, each address once', async (t) => {
  const book = await AddressBook.open(new MemoryStore(), [at('e1', one, two)])
  t.true(await book.learn([at('e1', two), at('e2', one)]))
  t.deepEqual(book.list(), [at('e1', two, one), at('e2', one)])
})

test('what is known already is no news, in whatever order it comes', async (t) => {
  const book = await AddressBook.open(new MemoryStore(), [])
  await book.learn([at('e1', one), at('e2', two)])
  t.false(await book.learn([at('e2', two), at('e1', one)]))
  t.false(await book.learn([]))
  t.is(book.list().length, 2)
})

test('what was learned is there after a restart', async (t) => {
  const store = new MemoryStore()
  await (await AddressBook.open(store, [])).learn([at('e1', one)])
  t.deepEqual((await AddressBook.open(store, [])).list(), [at('e1', one)])
})

test('a stored book that cannot be read counts as empty', async (t) => {
  const store = new MemoryStore()
  await store.write([put('address-book', new Uint8Array([1, 2, 3]))], { durable: false })
  t.deepEqual((await AddressBook.open(store, [at('e1', one)])).list(), [at('e1', one)])
})

test('no more endpoints are kept than a charter may list', async (t) => {
  const book = await AddressBook.open(new MemoryStore(), [])
  for (let start = 0; start < 100; start += 50) await book.learn(Array.from({ length: 50 }, (_, index) => at(`e${start + index}`, one)))
  t.is(book.list().length, limits.network.endpointsMax)
})
