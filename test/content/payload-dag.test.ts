import { unixfs } from '@helia/unixfs'
import test from 'ava'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { randomBytes } from 'node:crypto'
import { limits } from '../../src/base/limits.ts'
import { walkDag } from '../../src/content/dag-walk.ts'
import { isLeaf, leafPart, planChildren, planFloor, planRoot, planWithin, type DagPart } from '../../src/content/payload-dag.ts'
import { computeBlocksMax } from '../../src/record/payload-location.ts'
import { accept, reject } from '../../src/base/result.ts'
import { cidOf, MemoryBlocks } from './memory-blocks.ts'

const { blockBytesMax, linksPerNodeMax, sizeBytesMax } = limits.payload

/** The tree over leaves of 8 bytes each, all kept. */
const buildTree = async (leaves: number) => {
  const blocks = new MemoryBlocks()
  let parts: DagPart[] = []
  const payload = randomBytes(8 * leaves)
  for (let index = 0; index < leaves; index += 1) {
    const leaf = new Uint8Array(payload.subarray(8 * index, 8 * index + 8))
    await blocks.put(cidOf(0x55, leaf), leaf)
    parts.push(leafPart(cidOf(0x55, leaf), leaf.length))
  }
  while (parts.length > 1) {
    const floor = planFloor(parts)
    for (const { part, bytes } of floor) await blocks.put(part.cid, bytes)
    parts = floor.map(({ part }) => part)
  }
  return { payload, root: parts[0], blocks }
}

const agrees = test.macro({
  title: (_, leaves: number) => `the graph over ${leaves} leaves is the one that Helia's UnixFS makes`,
  exec: async (t, leaves: number) => {
    const { payload, root } = await buildTree(leaves)
    const store = { put: async (cid: unknown) => cid, get: () => t.fail(), has: async () => false }
    const files = unixfs({ blockstore: store } as unknown as Parameters<typeof unixfs>[0])
    const cid = await files.addBytes(payload, { chunker: fixedSize({ chunkSize: 8 }) })
    t.is(root?.cid.toString(), cid.toString())
    t.is(root?.sizeBytes, payload.length)
  }
})
test(agrees, 2)
test(agrees, linksPerNodeMax)
test(agrees, linksPerNodeMax + 1)
test(agrees, 2 * linksPerNodeMax + 5)

test('the largest payload is within the bounds of depth and blocks', (t) => {
  const leaves = Math.ceil(sizeBytesMax / blockBytesMax)
  t.true(leaves + Math.ceil(leaves / linksPerNodeMax) + 1 <= computeBlocksMax(sizeBytesMax))
})

test('a location that contradicts itself has no root', (t) => {
  const leaf = randomBytes(5)
  const ref = { cid: cidOf(0x55, leaf).toString(), sizeBytes: 5, sha256: '0'.repeat(64) }
  t.like(planRoot(ref), { ok: false, code: 'bad-location' })
  const sha256 = Buffer.from(cidOf(0x55, leaf).multihash.digest).toString('hex')
  t.like(planRoot({ ...ref, sha256 }), { ok: true })
  t.like(planRoot({ ...ref, sha256, sizeBytes: blockBytesMax + 1 }), { ok: false, code: 'bad-payload' })
})

test('children come in order and with their sizes', (t) => {
  const parts = [3, 4, 5].map((sizeBytes) => leafPart(cidOf(0x55, randomBytes(sizeBytes)), sizeBytes))
  const [node] = planFloor(parts)
  const children = node === undefined ? undefined : planChildren({ ...node.part, offset: 0, depth: 0 }, node.bytes)
  t.deepEqual(children?.ok === true ? children.value.map(({ cid, sizeBytes, depth }) => [cid.toString(), sizeBytes, depth]) : [], parts.map(({ cid, sizeBytes }) => [cid.toString(), sizeBytes, 1]))
})

test('of the children only those are wanted that hold something of what is', (t) => {
  const parts = [3, 4, 5].map((sizeBytes) => leafPart(cidOf(0x55, randomBytes(sizeBytes)), sizeBytes))
  const [node] = planFloor(parts)
  if (node === undefined) return t.fail()
  const offsetsOf = (...ranges: readonly (readonly [number, number])[]) => {
    const within = planWithin({ ...node.part, offset: 100, depth: 0 }, node.bytes, ranges.map(([offset, sizeBytes]) => ({ offset, sizeBytes })))
    return within.ok ? within.value.map(({ offset }) => offset) : within.code
  }
  t.deepEqual(offsetsOf([100, 12]), [100, 103, 107])
  t.deepEqual(offsetsOf([103, 4]), [103])
  t.deepEqual(offsetsOf([102, 2]), [100, 103])
  t.deepEqual(offsetsOf([0, 101], [111, 1]), [100, 107])
  t.deepEqual(offsetsOf([0, 100], [112, 50], [104, 0]), [])
})

test('a part of no bytes is refused', (t) => {
  const [node] = planFloor([leafPart(cidOf(0x55, new Uint8Array()), 0), leafPart(cidOf(0x55, randomBytes(3)), 3)])
  t.like(node === undefined ? undefined : planChildren({ ...node.part, offset: 0, depth: 0 }, node.bytes), { ok: false, code: 'bad-payload' })
})

test('a walk visits every node and never more at once than its lanes', async (t) => {
  const { root, blocks } = await buildTree(12)
  if (root === undefined) return t.fail()
  let running = 0
  let most = 0
  let leaves = 0
  const walked = await walkDag(
    { ...root, offset: 0, depth: 0 },
    async (node) => {
      running += 1
      most = Math.max(most, running)
      const bytes = await blocks.load(node.cid)
      await Promise.resolve()
      running -= 1
      leaves += isLeaf(node) ? 1 : 0
      return bytes === undefined ? reject('missing') : planChildren(node, bytes)
    },
    4
  )
  t.true(walked.ok)
  t.is(most, 4)
  t.is(leaves, 12)
})

test('a walk ends with the first refusal, and passes on what a visit throws', async (t) => {
  const node = { cid: cidOf(0x55, randomBytes(3)), offset: 0, sizeBytes: 3, depth: 0 }
  t.like(await walkDag(node, async () => reject('missing'), 4), { ok: false, code: 'missing' })
  await t.throwsAsync(walkDag(node, () => Promise.reject(new Error('disk')), 4), { message: 'disk' })
  t.like(await walkDag(node, async () => accept(Array.from({ length: 100 }, () => node)), 4), { ok: false, code: 'bad-payload' })
})
