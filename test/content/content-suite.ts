/** What every content keeps, whatever its blocks are kept in. The factory gives content that reaches no peer. */
import { randomBytes } from 'node:crypto'
import type { ExecutionContext, TestFn } from 'ava'
import { concatBytes, isEqualBytes } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/codec.ts'
import { isWritError } from '../../src/base/errors.ts'
import { limits } from '../../src/base/limits.ts'
import type { BlockStore } from '../../src/content/block-store.ts'
import type { Content } from '../../src/content/content.ts'
import { planRoot } from '../../src/content/payload-dag.ts'

export interface ContentUnderTest {
  readonly content: Content
  readonly blocks: BlockStore
  /** Moves the clock beyond the time that an unreferenced payload is kept. */
  age(): void
}

const { blockBytesMax, inlineBytesMax, sizeBytesMax } = limits.payload

export const readAll = async (source: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return concatBytes(parts)
}

const countBlocks = async (blocks: BlockStore): Promise<number> => {
  let count = 0
  for await (const _ of blocks.list()) count += 1
  return count
}

async function* inChunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) yield bytes.subarray(offset, offset + chunkBytes)
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const testContent = (test: TestFn, name: string, create: (t: ExecutionContext) => Promise<ContentUnderTest>): void => {
  const comesBack = test.macro({
    title: (_, sizeBytes: number) => `${name}: a payload of ${sizeBytes} bytes comes back as it was`,
    exec: async (t, sizeBytes: number, codec: number) => {
      const { content } = await create(t)
      const bytes = randomBytes(sizeBytes)
      const ref = await content.add(inChunks(bytes, 100_003))
      t.is(ref.sizeBytes, sizeBytes)
      t.is(ref.sha256, hex(sha256(bytes)))
      const root = planRoot(ref)
      t.is(root.ok && root.value.cid.code, codec)
      t.true(await content.has(ref))
      t.true(isEqualBytes(await readAll(content.read(ref)), bytes))
      t.deepEqual(await content.add(bytes), ref, 'the same bytes are the same payload')
    }
  })
  test(comesBack, 0, 0x55)
  test(comesBack, 1, 0x55)
  test(comesBack, blockBytesMax, 0x55)
  test(comesBack, blockBytesMax + 1, 0x70)
  test(comesBack, 5 * blockBytesMax + 17, 0x70)

  test(`${name}: what lies between two cuts keeps its blocks, whatever lies before it`, async (t) => {
    const { content, blocks } = await create(t)
    const large = randomBytes(2 * blockBytesMax + 5)
    for (const before of [randomBytes(10), randomBytes(blockBytesMax)]) {
      const bytes = concatBytes([before, large, randomBytes(3)])
      const ref = await content.add(inChunks(bytes, 100_003), [before.length, before.length + large.length])
      t.true(isEqualBytes(await readAll(content.read(ref)), bytes))
    }
    t.is(await countBlocks(blocks), 3 + 2 * 3, 'three are shared; what is before, what is behind, and the root are not')
  })

  test(`${name}: a payload over the limit is refused while it is read`, async (t) => {
    const { content } = await create(t)
    let isReadOn = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(5)
      yield new Uint8Array(sizeBytesMax - 4)
      isReadOn = true
    }
    await t.throwsAsync(content.add(endless()), { code: 'payload-too-large' })
    t.false(isReadOn)
  })

  test(`${name}: bytes beside an order are taken only if they are those it names`, async (t) => {
    const { content, blocks } = await create(t)
    const bytes = randomBytes(inlineBytesMax)
    const other = await create(t)
    const ref = await other.content.add(bytes)
    for (const wrong of [new Uint8Array(), bytes.subarray(1), randomBytes(bytes.length), randomBytes(bytes.length + 1)]) {
      t.like(await content.addInline(ref, wrong), { ok: false, code: 'bad-inline-payload' })
    }
    t.like(await content.addInline({ ...ref, sha256: '0'.repeat(64) }, bytes), { ok: false, code: 'bad-location' })
    t.is(await countBlocks(blocks), 0)
    t.is(await content.readInline(ref), null)
    t.like(await content.addInline(ref, bytes), { ok: true })
    t.true(isEqualBytes((await content.readInline(ref)) ?? new Uint8Array(), bytes))
  })

  test(`${name}: a payload too large to travel beside an order is not read inline`, async (t) => {
    const { content } = await create(t)
    t.is(await content.readInline(await content.add(randomBytes(inlineBytesMax + 1))), null)
  })

  test(`${name}: a payload with a missing block is not held and cannot be read`, async (t) => {
    const { content, blocks } = await create(t)
    const ref = await content.add(randomBytes(3 * blockBytesMax))
    for await (const cid of blocks.list()) {
      const bytes = await blocks.load(cid)
      if (bytes === undefined || bytes.length < blockBytesMax) continue
      await blocks.delete(cid)
      break
    }
    t.false(await content.has(ref))
    const error = await t.throwsAsync(readAll(content.read(ref)))
    t.true(isWritError(error, 'payload-incomplete'))
  })

  test(`${name}: retain collects what is neither needed nor new`, async (t) => {
    const { content, blocks, age } = await create(t)
    const shared = randomBytes(blockBytesMax)
    const needed = await content.add(concatBytes([shared, randomBytes(2 * blockBytesMax)]))
    const over = await content.add(concatBytes([shared, randomBytes(3 * blockBytesMax)]))
    t.deepEqual(await content.retain([]), { removedBlocks: 0 }, 'what was just added stays')
    age()
    const fresh = await content.add(randomBytes(10))
    t.deepEqual(await content.retain([needed]), { removedBlocks: 4 })
    t.true(await content.has(needed))
    t.true(await content.has(fresh))
    t.false(await content.has(over))
    t.is(await countBlocks(blocks), 5)
    age()
    t.deepEqual(await content.retain([]), { removedBlocks: 5 })
  })

  test(`${name}: retain leaves a payload alone that is being added`, async (t) => {
    const { content, age } = await create(t)
    const bytes = randomBytes(4 * blockBytesMax)
    age()
    async function* interrupted(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 3 * blockBytesMax)
      t.deepEqual(await content.retain([]), { removedBlocks: 0 })
      yield bytes.subarray(3 * blockBytesMax)
    }
    t.true(await content.has(await content.add(interrupted())))
  })
}
