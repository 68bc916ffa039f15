import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { isWritError } from '../../src/base/errors.ts'
import { put, remove } from '../../src/base/key-value-store.ts'
import { LevelStore } from '../../src/base/level-store.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { testKeyValueStore } from './key-value-store.ts'

testKeyValueStore('level', async (t) => {
  const store = await LevelStore.open(await temporaryDirectory(t))
  t.teardown(() => store.close())
  return store
})

test('what was written is there after the store was closed and opened again', async (t) => {
  const directory = path.join(await temporaryDirectory(t), 'made', 'on', 'the', 'way')
  const before = await LevelStore.open(directory)
  await before.write([put('a', Uint8Array.of(1)), put('b', Uint8Array.of(2))], { durable: true })
  await before.write([remove('a')], { durable: false })
  await before.close()

  const after = await LevelStore.open(directory)
  t.teardown(() => after.close())
  t.is(await after.get('a'), undefined)
  t.deepEqual([...((await after.get('b')) ?? [])], [2])
})

test('a directory that is open already is refused as locked, and says which', async (t) => {
  const directory = await temporaryDirectory(t)
  const holder = await LevelStore.open(directory)
  t.teardown(() => holder.close())
  const error = await t.throwsAsync(LevelStore.open(directory))
  t.true(isWritError(error, 'store-locked'))
  t.true(error?.message.includes(directory))
  t.true(isWritError(error) && error.details['directory'] === directory)
})

/** What another process hears when it opens `directory`. */
const openElsewhere = async (directory: string): Promise<string> => {
  const source = `import { LevelStore } from ${JSON.stringify(import.meta.resolve('../../src/base/level-store.ts'))}
    LevelStore.open(process.argv[1]).then(() => console.log('opened'), ({ code }) => console.log(code))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source, directory])
  return stdout.trim()
}

test('a store that is open stays locked to other processes, though this one tries to open it again', async (t) => {
  const directory = await temporaryDirectory(t)
  const holder = await LevelStore.open(directory)
  t.is(await openElsewhere(directory), 'store-locked')
  await t.throwsAsync(LevelStore.open(directory), { code: 'store-locked' })
  await t.throwsAsync(LevelStore.open(`${directory}/`), { code: 'store-locked' })
  t.is(await openElsewhere(directory), 'store-locked')
  await holder.close()
  t.is(await openElsewhere(directory), 'opened')
})

test('a directory that could not be opened is not held', async (t) => {
  const file = path.join(await temporaryDirectory(t), 'file')
  await writeFile(file, 'no directory')
  for (let attempt = 0; attempt < 2; attempt += 1) await t.throwsAsync(LevelStore.open(file), { code: 'store-unusable' })
})

test('a directory is free again as soon as its store was closed', async (t) => {
  const directory = await temporaryDirectory(t)
  await (await LevelStore.open(directory)).close()
  const again = await LevelStore.open(directory)
  await t.notThrowsAsync(again.close())
})

test('a path that can hold no store is refused as unusable, with its cause', async (t) => {
  const file = path.join(await temporaryDirectory(t), 'file')
  await writeFile(file, 'no directory')
  const error = await t.throwsAsync(LevelStore.open(file))
  t.true(isWritError(error, 'store-unusable'))
  t.true(error?.cause instanceof Error)
})

test('a write to a closed store is refused with a code', async (t) => {
  const store = await LevelStore.open(await temporaryDirectory(t))
  await store.close()
  const error = await t.throwsAsync(store.write([put('a', Uint8Array.of(1))], { durable: true }))
  t.true(isWritError(error, 'store-write-failed'))
})
