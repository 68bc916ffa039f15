import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { isEqualBytes } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { blockKeyOf } from '../../src/content/block-store.ts'
import { describeWriteFailure, FileBlocks } from '../../src/content/file-blocks.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { readAll } from './content-suite.ts'
import { cidOf } from './memory-blocks.ts'

const open = async (t: Parameters<typeof temporaryDirectory>[0]) => {
  const directory = await temporaryDirectory(t)
  const warnings: string[] = []
  const blocks = await FileBlocks.open(directory, { log: { ...silentLog, warn: (message) => warnings.push(message) } })
  return { directory, blocks, warnings }
}

const bytes = new Uint8Array(randomBytes(1000))
const cid = cidOf(0x55, bytes)

const fileOf = async (directory: string): Promise<string> => {
  const name = (await readdir(directory, { recursive: true })).find((entry) => entry.endsWith('.data'))
  return join(directory, name ?? 'none')
}

test('a block is there after the store was opened again', async (t) => {
  const { directory, blocks } = await open(t)
  t.false(await blocks.has(cid))
  t.is(await blocks.load(cid), undefined)
  await t.throwsAsync(readAll(blocks.get(cid)), { name: 'NotFoundError' })
  await blocks.put(cid, bytes)
  const again = await FileBlocks.open(directory, { log: silentLog })
  t.true(await again.has(cid))
  t.true(isEqualBytes(await readAll(again.get(cid)), bytes))
})

test('a damaged block is removed, told about, and counts as missing', async (t) => {
  const { directory, blocks, warnings } = await open(t)
  await blocks.put(cid, bytes)
  await writeFile(await fileOf(directory), bytes.subarray(1))
  await t.throwsAsync(readAll(blocks.get(cid)), { name: 'NotFoundError' })
  t.false(await blocks.has(cid))
  t.is(warnings.length, 1)
})

test('a block that cannot be read is not taken for a missing one', async (t) => {
  const { directory, blocks } = await open(t)
  await blocks.put(cid, bytes)
  const file = await fileOf(directory)
  await rm(file)
  await mkdir(file)
  await t.throwsAsync(blocks.load(cid), { code: 'blocks-unreadable' })
})

test('one block written many times at once is whole', async (t) => {
  const { blocks } = await open(t)
  await Promise.all(Array.from({ length: 20 }, () => blocks.put(cid, bytes)))
  t.true(isEqualBytes((await blocks.load(cid)) ?? new Uint8Array(), bytes))
})

test('a block longer than a message carries is not kept', async (t) => {
  const { blocks } = await open(t)
  const large = new Uint8Array(limits.payload.blockBytesMax + 1)
  await t.throwsAsync(blocks.put(cidOf(0x55, large), large), { code: 'block-oversized' })
  t.false(await blocks.has(cidOf(0x55, large)))
})

test('the list names every block by its hash, and clears what a crash left behind', async (t) => {
  const { directory, blocks } = await open(t)
  const others = [randomBytes(1), randomBytes(2), randomBytes(3)]
  for (const other of others) await blocks.put(cidOf(0x70, other), other)
  const left = `${await fileOf(directory)}.tmp`
  await writeFile(left, 'half')
  const keys: string[] = []
  for await (const listed of blocks.list()) keys.push(blockKeyOf(listed))
  t.deepEqual(keys.sort(), others.map((other) => blockKeyOf(cidOf(0x70, other))).sort())
  t.false((await readdir(directory, { recursive: true })).some((name) => name.endsWith('.tmp')))
})

test('a file where the folder should be is told at the start', async (t) => {
  const file = join(await temporaryDirectory(t), 'blocks')
  await writeFile(file, '')
  await t.throwsAsync(FileBlocks.open(file, { log: silentLog }), { code: 'blocks-unusable' })
})

const failsAs = test.macro({
  title: (_, message: string, code: string) => `a write that fails with "${message}" is ${code}`,
  exec: (t, message: string, code: string) => {
    const error = describeWriteFailure('/blocks', new Error(message))
    t.like(error, { code, details: { directory: '/blocks' } })
  }
})
test(failsAs, 'Error: ENOSPC: no space left on device, write', 'disk-full')
test(failsAs, 'Error: EDQUOT: disk quota exceeded, write', 'disk-full')
test(failsAs, 'Error: EROFS: read-only file system, open', 'blocks-unwritable')
