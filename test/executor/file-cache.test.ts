import test from 'ava'
import { readdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fc } from '../fixtures/properties.ts'
import { toText } from '../../src/base/bytes.ts'
import { FileCache } from '../../src/executor/file-cache.ts'
import { payloadOf } from '../fixtures/orders.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { commandOrder } from './workbench.ts'

const { id } = commandOrder(['true'])
const other = commandOrder(['true']).id
const { bytes, ref } = payloadOf(Buffer.from('#!/bin/sh\nexit 0\n'))

test('bytes in parts become an executable file in a directory that nobody else may enter', async (t) => {
  const directory = await temporaryDirectory(t)
  const cache = await FileCache.open(directory, path.join(directory, 'shared'))
  await cache.begin(id, ref)
  t.true((await cache.append(id, 0, bytes.slice(0, 5))).ok)
  t.true((await cache.append(id, 5, bytes.slice(5))).ok)
  const payload = await cache.finish(id)
  t.true(payload.ok)
  if (!payload.ok) return
  t.is(payload.value.sizeBytes, bytes.length)
  t.is(toText(await payload.value.readHead(1000)), toText(bytes))
  t.is(toText(await payload.value.readHead(3)), '#!/')
  t.is((await stat(payload.value.path)).mode & 0o777, 0o500)
  t.is((await stat(path.join(directory, 'jobs'))).mode & 0o777, 0o700)
  await cache.discard(id)
  t.deepEqual(await readdir(path.join(directory, 'jobs')), [])
})

/** Parts that do not make the payload: refused, and gone from disk. */
const isRefused = test.macro({
  async exec(t, parts: readonly (readonly [offset: number, bytes: Uint8Array])[]) {
    const directory = await temporaryDirectory(t)
    const cache = await FileCache.open(directory, path.join(directory, 'shared'))
    await cache.begin(id, ref)
    const codes: string[] = []
    for (const [offset, part] of parts) {
      const appended = await cache.append(id, offset, part)
      if (!appended.ok) codes.push(appended.code)
    }
    const finished = await cache.finish(id)
    codes.push(finished.ok ? 'accepted' : finished.code)
    t.is(codes[0], 'payload-mismatch')
    t.false(codes.includes('accepted'))
    t.deepEqual(await readdir(path.join(directory, 'jobs')), [])
  },
  title: (name = '') => `${name}: refused, and deleted`
})
test('another digest', isRefused, [[0, bytes.map((byte) => byte ^ 1)]])
test('too few bytes', isRefused, [[0, bytes.slice(1)]])
test('too many bytes', isRefused, [[0, bytes], [bytes.length, Uint8Array.of(0)]])
test('a gap', isRefused, [[0, bytes.slice(0, 4)], [5, bytes.slice(5)]])
test('a part twice', isRefused, [[0, bytes.slice(0, 4)], [0, bytes.slice(0, 4)]])
test('no bytes', isRefused, [])

test('any cut of the right bytes is accepted, any changed byte is not', async (t) => {
  const directory = await temporaryDirectory(t)
  const cache = await FileCache.open(directory, path.join(directory, 'shared'))
  const cuts = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 5 }).map((places) => [0, bytes.length].concat(places).sort((left, right) => left - right))
  await fc.assert(
    fc.asyncProperty(cuts, fc.option(fc.nat(bytes.length - 1)), async (places, changed) => {
      const sent = bytes.map((byte, index) => (index === changed ? byte ^ 0x20 : byte))
      await cache.begin(id, ref)
      for (const [index, place] of places.slice(0, -1).entries()) await cache.append(id, place, sent.slice(place, places[index + 1]))
      t.is((await cache.finish(id)).ok, changed === null)
      await cache.discard(id)
    }),
    { numRuns: 100 }
  )
})

test('a payload that is begun again forgets what came before', async (t) => {
  const directory = await temporaryDirectory(t)
  const cache = await FileCache.open(directory, path.join(directory, 'shared'))
  await cache.begin(id, ref)
  await cache.append(id, 0, bytes.slice(0, 9))
  await cache.begin(id, ref)
  t.true((await cache.append(id, 0, bytes)).ok)
  t.true((await cache.finish(id)).ok)
})

test('all payloads together stay within the bound, and a discard makes room', async (t) => {
  const directory = await temporaryDirectory(t)
  const cache = await FileCache.open(directory, path.join(directory, 'shared'), ref.sizeBytes + 1)
  t.true((await cache.begin(id, ref)).ok)
  const refused = await cache.begin(other, ref)
  t.is(refused.ok ? '' : refused.code, 'cache-full')
  await cache.discard(id)
  t.true((await cache.begin(other, ref)).ok)
  await cache.discard(other)
})

test('a start empties the cache of an earlier life', async (t) => {
  const directory = await temporaryDirectory(t)
  const cache = await FileCache.open(directory, path.join(directory, 'shared'))
  const { work } = await cache.prepareWorkspace(id)
  await writeFile(path.join(work, 'left'), 'over')
  await FileCache.open(directory, path.join(directory, 'shared'))
  t.deepEqual(await readdir(path.join(directory, 'jobs')), [])
})

test('a cache that cannot be written is an error that says where', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'file'), '')
  await t.throwsAsync(FileCache.open(path.join(directory, 'file'), path.join(directory, 'shared')), { code: 'cache-unusable', message: /file/ })
})
