/** What every key-value store promises, as tests over a factory: in memory and on disk alike. */
import test, { type ExecutionContext } from 'ava'
import { fc } from '../fixtures/properties.ts'
import { compareBytes, utf8 } from '../../src/base/bytes.ts'
import { put, remove, withPrefix, type Change, type KeyValueStore, type Range } from '../../src/base/key-value-store.ts'

export type OpenStore = (t: ExecutionContext) => Promise<KeyValueStore>

const value = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)
const letters = ['a', 'b', 'c', 'd', 'e']

const keysIn = async (store: KeyValueStore, range: Range): Promise<string[]> => (await Array.fromAsync(store.entries(range))).map(([key]) => key)

const openWithLetters = async (t: ExecutionContext, open: OpenStore): Promise<KeyValueStore> => {
  const store = await open(t)
  await store.write(letters.map((key, index) => put(key, value(index))), { durable: false })
  return store
}

export const testKeyValueStore = (name: string, open: OpenStore): void => {
  testReadsAndWrites(name, open)
  testRanges(name, open)
  testAgainstModel(name, open)
}

const testReadsAndWrites = (name: string, open: OpenStore): void => {
  test(`${name}: what was written is read, what was not is undefined`, async (t) => {
    const store = await open(t)
    await store.write([put('a', value(1, 2)), put('empty', value())], { durable: true })
    t.deepEqual([...((await store.get('a')) ?? [])], [1, 2])
    t.is((await store.get('empty'))?.length, 0)
    t.is(await store.get('b'), undefined)
  })

  test(`${name}: many keys are read in the order they were asked for`, async (t) => {
    const store = await openWithLetters(t, open)
    const found = await store.getMany(['c', 'none', 'a', 'c'])
    t.deepEqual(found.map((bytes) => bytes?.[0]), [2, undefined, 0, 2])
    t.deepEqual(await store.getMany([]), [])
  })

  test(`${name}: the last change of a key in a batch wins`, async (t) => {
    const store = await open(t)
    await store.write([put('a', value(1)), remove('a'), put('a', value(2)), put('b', value(3)), remove('b')], { durable: false })
    t.deepEqual((await store.get('a'))?.[0], 2)
    t.is(await store.get('b'), undefined)
  })

  test(`${name}: removing what is not there is no error, nor is an empty batch`, async (t) => {
    const store = await openWithLetters(t, open)
    await store.write([remove('zzz')], { durable: false })
    await store.write([], { durable: true })
    t.deepEqual(await keysIn(store, { from: '', to: 'z' }), letters)
  })

  test(`${name}: a batch with one bad change changes nothing`, async (t) => {
    const store = await openWithLetters(t, open)
    const bad = { kind: 'put', key: 'f', value: undefined } as unknown as Change
    await t.throwsAsync(store.write([put('a', value(9)), remove('b'), bad], { durable: true }))
    t.deepEqual(await keysIn(store, { from: '', to: 'z' }), letters)
    t.is((await store.get('a'))?.[0], 0)
  })

  test(`${name}: a value does not change when the writer reuses its bytes`, async (t) => {
    const store = await open(t)
    const bytes = value(1)
    await store.write([put('a', bytes)], { durable: false })
    bytes[0] = 2
    t.is((await store.get('a'))?.[0], 1)
  })
}

const testRanges = (name: string, open: OpenStore): void => {
  const selects = test.macro({
    async exec(t, range: Range, expected: string) {
      const store = await openWithLetters(t, open)
      t.is((await keysIn(store, range)).join(''), expected)
    },
    title: (title = '') => `${name}: ${title}`
  })

  test('a range holds its lower bound and not its upper one', selects, { from: 'b', to: 'd' }, 'bc')
  test('a range whose bounds are no keys holds what is between', selects, { from: 'aa', to: 'cc' }, 'bc')
  test('an empty range holds nothing', selects, { from: 'c', to: 'c' }, '')
  test('a range the wrong way round holds nothing', selects, { from: 'd', to: 'b' }, '')
  test('a reversed range starts at its end', selects, { from: 'b', to: 'e', reverse: true }, 'dcb')
  test('a limit counts from the start', selects, { from: 'a', to: 'z', limit: 2 }, 'ab')
  test('a limit on a reversed range counts from the end', selects, { from: 'a', to: 'z', limit: 2, reverse: true }, 'ed')
  test('a limit of none gives none', selects, { from: 'a', to: 'z', limit: 0 }, '')
  test('a limit beyond the range gives all', selects, { from: 'a', to: 'z', limit: 100 }, 'abcde')

  test(`${name}: a prefix selects its keys and no neighbours`, async (t) => {
    const store = await open(t)
    const keys = ['log', 'log/', 'log/1', 'log/\u{ffff}', 'log/\u{10000}', 'log0', 'loh']
    await store.write(keys.map((key) => put(key, value(1))), { durable: false })
    t.deepEqual(await keysIn(store, withPrefix('log/')), ['log/', 'log/1', 'log/\u{ffff}', 'log/\u{10000}'])
  })

  test(`${name}: what is written while a range is read stays unseen`, async (t) => {
    const store = await openWithLetters(t, open)
    const seen: string[] = []
    for await (const [key] of store.entries({ from: 'a', to: 'z' })) {
      if (key === 'a') await store.write([remove('c'), put('cc', value(1))], { durable: false })
      seen.push(key)
    }
    t.deepEqual(seen, letters)
    t.deepEqual(await keysIn(store, { from: 'a', to: 'z' }), ['a', 'b', 'cc', 'd', 'e'])
  })
}

const testAgainstModel = (name: string, open: OpenStore): void => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\u{e9}', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{1f600}'), minLength: 1, maxLength: 3 })
  const change = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(key, fc.uint8Array({ maxLength: 3 })).map(([name, bytes]): Change => put(name, bytes)) },
    key.map((name): Change => remove(name))
  )

  test(`${name}: any batches leave what a plain map would hold, in the order of the keys' UTF-8 bytes`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 5 }), key, key, async (batches, from, to) => {
        const store = await open(t)
        const model = new Map<string, Uint8Array>()
        for (const batch of batches) {
          await store.write(batch, { durable: false })
          for (const item of batch) {
            if (item.kind === 'put') model.set(item.key, item.value)
            else model.delete(item.key)
          }
        }
        const isBelow = (left: string, right: string): boolean => compareBytes(utf8(left), utf8(right)) < 0
        const expected = [...model].filter(([name]) => !isBelow(name, from) && isBelow(name, to)).sort(([left], [right]) => compareBytes(utf8(left), utf8(right)))
        const found = await Array.fromAsync(store.entries({ from, to }))
        t.deepEqual(found.map(([name, bytes]) => [name, [...bytes]]), expected.map(([name, bytes]) => [name, [...bytes]]))
        await store.close()
      }),
      { numRuns: 40 }
    )
  })
}
