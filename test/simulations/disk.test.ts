import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { put, remove, withPrefix, type KeyValueStore } from '../../src/base/key-value-store.ts'
import { utf8, toText } from '../../src/base/bytes.ts'
import { Disk } from '../../simulations/disk.ts'
import { Life } from '../../simulations/life.ts'
import { SeededRandom } from '../../simulations/seeded-random.ts'
import { VirtualTime } from '../../simulations/virtual-time.ts'

const time = new VirtualTime(0)
const newLife = (): Life => new Life(time)

const contentOf = async (store: KeyValueStore): Promise<Record<string, string>> => {
  const content: Record<string, string> = {}
  for await (const [key, value] of store.entries(withPrefix(''))) content[key] = toText(value)
  return content
}

const isOpen = async (promise: Promise<unknown>): Promise<boolean> => {
  let isSettled = false
  const settle = (): void => {
    isSettled = true
  }
  promise.then(settle, settle)
  await new Promise((resolve) => setImmediate(resolve))
  return !isSettled
}

test('what is durable survives a power cut, and takes along what was written before it', async (t) => {
  const disk = new Disk()
  const store = disk.open(newLife())
  await store.write([put('a', utf8('1'))], { durable: false })
  await store.write([put('b', utf8('2'))], { durable: true })
  t.is(await disk.loseUnsynced(new SeededRandom('1')), 0)
  t.deepEqual(await contentOf(disk.peek()), { a: '1', b: '2' })
})

test('a power cut loses a last part of what was not synced, whole batches, never the middle', async (t) => {
  const batch = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), value: fc.option(fc.nat(9).map(String), { nil: null }) }), { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ changes: batch, durable: fc.boolean() }), { maxLength: 10 }), fc.string(), async (batches, seed) => {
      const disk = new Disk()
      const store = disk.open(newLife())
      const before: string[] = [JSON.stringify({})]
      let durableAt = 0
      for (const [index, { changes, durable }] of batches.entries()) {
        await store.write(changes.map(({ key, value }) => (value === null ? remove(key) : put(key, utf8(value)))), { durable })
        before.push(JSON.stringify(await contentOf(store)))
        if (durable) durableAt = index + 1
      }
      const lost = await disk.loseUnsynced(new SeededRandom(seed))
      t.true(lost <= batches.length - durableAt)
      t.is(JSON.stringify(await contentOf(disk.peek())), before[batches.length - lost] ?? '')
    })
  )
})

test('a full disk refuses writes with store-write-failed, and can be read', async (t) => {
  const disk = new Disk()
  const store = disk.open(newLife())
  await store.write([put('a', utf8('1'))], { durable: true })
  disk.isFull = true
  await t.throwsAsync(store.write([put('b', utf8('2'))], { durable: false }), { code: 'store-write-failed' })
  t.deepEqual(await contentOf(store), { a: '1' })
})

const springs = test.macro({
  async exec(t, at: 'before' | 'after', expected: Record<string, string>) {
    const disk = new Disk()
    const life = newLife()
    const store = disk.open(life)
    disk.trap = { at, spring: () => life.end() }
    await store.write([put('a', utf8('1'))], { durable: false })
    t.true(await isOpen(store.write([put('b', utf8('2'))], { durable: true })))
    t.deepEqual(await contentOf(disk.peek()), expected)
    await disk.open(newLife()).write([put('c', utf8('3'))], { durable: true })
    t.is(toText((await disk.peek().get('c')) ?? new Uint8Array()), '3')
  },
  title: (_, at) => `a trap ends the process ${at} its next durable write, once`
})
test(springs, 'before', { a: '1' })
test(springs, 'after', { a: '1', b: '2' })

test('a process that has ended writes nothing and reads nothing', async (t) => {
  const disk = new Disk()
  const life = newLife()
  const store = disk.open(life)
  life.end()
  t.true(await isOpen(store.write([put('a', utf8('1'))], { durable: true })))
  t.true(await isOpen(store.get('a')))
  t.deepEqual(await contentOf(disk.peek()), {})
})

test('an image is all that was there, whatever is written later', async (t) => {
  const disk = new Disk()
  const store = disk.open(newLife())
  await store.write([put('a', utf8('1')), put('b', utf8('1'))], { durable: true })
  const image = disk.image()
  await store.write([put('a', utf8('2')), remove('b'), put('c', utf8('2'))], { durable: true })
  const { generation } = disk
  await disk.restore(image)
  t.deepEqual(await contentOf(disk.peek()), { a: '1', b: '1' })
  t.true(disk.generation > generation)
})

test('only durable batches are told of, each once', async (t) => {
  const told: string[] = []
  const disk = new Disk((changes) => told.push(...changes.map(({ key }) => key)))
  const store = disk.open(newLife())
  await store.write([put('a', utf8('1'))], { durable: false })
  await store.write([put('b', utf8('1'))], { durable: true })
  await disk.restore(disk.image())
  t.deepEqual(told, ['b'])
})
