import { randomBytes } from 'node:crypto'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { silentLog } from '../../src/base/log.ts'
import { limits } from '../../src/base/limits.ts'
import { systemTimers } from '../../src/base/system-clock.ts'
import { systemRandom } from '../../src/base/system-random.ts'
import type { BlockStore } from '../../src/content/block-store.ts'
import { FileBlocks } from '../../src/content/file-blocks.ts'
import { HeliaContent } from '../../src/content/helia-content.ts'
import { leafPart, planFloor } from '../../src/content/payload-dag.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { readAll, testContent } from './content-suite.ts'
import { peerIdOf } from './loopback-node.ts'
import { cidOf, MemoryBlocks, MemoryPeers } from './memory-blocks.ts'

const { blockBytesMax, unreferencedMsMax } = limits.payload

const build = (blocks: BlockStore) => {
  let skippedMs = 0
  const peers = new MemoryPeers(blocks)
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + skippedMs }
  const content = new HeliaContent({ helia: peers, blocks, peerIdOf, clock, timers: systemTimers, random: systemRandom, log: silentLog })
  const age = () => {
    skippedMs += unreferencedMsMax + 1
  }
  return { content, blocks, peers, age }
}

testContent(test, 'blocks in memory', async () => build(new MemoryBlocks()))
testContent(test, 'blocks in files', async (t: ExecutionContext) => build(await FileBlocks.open(await temporaryDirectory(t), { log: silentLog })))

const signal = new AbortController().signal

/** A node, and a peer of it that holds a payload of so many bytes. */
const withSource = async (bytes: Uint8Array) => {
  const node = build(new MemoryBlocks())
  const source = node.peers.addPeer()
  const ref = await build(source.blocks).content.add(bytes)
  return { ...node, source, ref, from: () => [source.key] }
}

test('a retrieval asks for each block once, however often the payload repeats it', async (t) => {
  const { content, peers, ref, from } = await withSource(new Uint8Array(6 * blockBytesMax))
  const progress: number[] = []
  t.like(await content.retrieve(ref, from, { signal, onProgress: (held) => progress.push(held) }), { ok: true })
  t.is(peers.asked.length, 2, 'the root and the one leaf')
  t.is(progress.at(-1), ref.sizeBytes)
})

test('a peer that has nothing does not keep the others from giving', async (t) => {
  const { content, peers, ref, source } = await withSource(randomBytes(4 * blockBytesMax))
  const empty = [peers.addPeer(), peers.addPeer(), peers.addPeer(), peers.addPeer()].map(({ key }) => key)
  t.like(await content.retrieve(ref, () => [...empty, source.key], { signal, deadlineMs: 5000 }), { ok: true })
  t.true(await content.has(ref))
})

test('peers that connect during a retrieval are asked', async (t) => {
  const { content, ref, source } = await withSource(randomBytes(blockBytesMax))
  let looks = 0
  t.like(await content.retrieve(ref, () => ((looks += 1) < 2 ? [] : [source.key]), { signal, deadlineMs: 5000 }), { ok: true })
})

test('a cancelled retrieval says so, and the next one fetches only what is missing', async (t) => {
  const { content, peers, ref, from } = await withSource(randomBytes(20 * blockBytesMax))
  const stop = new AbortController()
  const onProgress = (held: number) => held >= 5 * blockBytesMax && stop.abort()
  t.like(await content.retrieve(ref, from, { signal: stop.signal, onProgress }), { ok: false, code: 'retrieve-cancelled' })
  t.false(await content.has(ref))
  t.like(await content.retrieve(ref, from, { signal }), { ok: true })
  t.is(new Set(peers.asked).size, 21)
  t.is(peers.asked.length, 21, 'no block was asked for twice')
})

test('two retrievals of one payload share its blocks', async (t) => {
  const { content, peers, ref, from } = await withSource(randomBytes(8 * blockBytesMax))
  const results = await Promise.all([content.retrieve(ref, from, { signal }), content.retrieve(ref, from, { signal })])
  t.true(results.every(({ ok }) => ok))
  t.is(peers.asked.length, 9)
})

test('retain leaves a payload alone that is being fetched', async (t) => {
  const { content, peers, ref, from, age } = await withSource(randomBytes(12 * blockBytesMax))
  age()
  let looks = 0
  peers.serve = async () => {
    looks += 1
    if (looks === 10) t.deepEqual(await content.retain([]), { removedBlocks: 0 })
  }
  t.like(await content.retrieve(ref, from, { signal }), { ok: true })
  t.true(await content.has(ref))
})

/** A chain of nodes with one child each: as large as announced, and deeper than any honest payload. */
const chain = async (blocks: MemoryBlocks, floors: number) => {
  const leaf = randomBytes(100)
  let part = leafPart(cidOf(0x55, leaf), leaf.length)
  await blocks.put(part.cid, leaf)
  for (let floor = 0; floor < floors; floor += 1) {
    const [node] = planFloor([part])
    if (node === undefined) throw new Error('no node')
    await blocks.put(node.part.cid, node.bytes)
    part = node.part
  }
  return part
}

const refuses = test.macro({
  title: (what) => `a graph ${what} is refused, after few blocks`,
  exec: async (t, announcedBytes: number | undefined, make: (blocks: MemoryBlocks) => Promise<{ cid: unknown; sizeBytes: number }>, askedMax: number) => {
    const { content, peers } = build(new MemoryBlocks())
    const source = peers.addPeer()
    const { cid, sizeBytes } = await make(source.blocks)
    const ref = { cid: String(cid), sizeBytes: announcedBytes ?? sizeBytes, sha256: '0'.repeat(64) }
    t.like(await content.retrieve(ref, () => [source.key], { signal }), { ok: false, code: 'bad-payload' })
    t.true(peers.asked.length <= askedMax, `${peers.asked.length} blocks were asked for`)
    await t.throwsAsync(readAll(content.read(ref)), { code: 'payload-incomplete' })
  }
})

const flat = (leafBytes: number, leaves: number) => async (blocks: MemoryBlocks) => {
  const parts = await Promise.all(
    Array.from({ length: leaves }, async () => {
      const leaf = randomBytes(leafBytes)
      await blocks.put(cidOf(0x55, leaf), leaf)
      return leafPart(cidOf(0x55, leaf), leafBytes)
    })
  )
  const [root] = planFloor(parts)
  if (root === undefined) throw new Error('no root')
  await blocks.put(root.part.cid, root.bytes)
  return root.part
}

test('of endless depth', refuses, undefined, (blocks: MemoryBlocks) => chain(blocks, 50), limits.payload.depthMax + 1)
test('larger than announced', refuses, 1000, flat(1000, 5), 1)
test('smaller than announced', refuses, 10_000, flat(1000, 5), 1)
test('of very many tiny blocks', refuses, undefined, flat(8, 1000), 1)
test('with a leaf above the limit', refuses, undefined, flat(blockBytesMax + 1, 2), 1)
test('that is no graph of a payload', refuses, 50, async (blocks: MemoryBlocks) => {
  const bytes = randomBytes(50)
  await blocks.put(cidOf(0x70, bytes), bytes)
  return { cid: cidOf(0x70, bytes), sizeBytes: 50 }
}, 1)

test('a location of another hash or codec is refused before anyone is asked', async (t) => {
  const { content, peers, from } = await withSource(randomBytes(10))
  const bad = { cid: cidOf(0x71, randomBytes(3)).toString(), sizeBytes: 3, sha256: '0'.repeat(64) }
  t.like(await content.retrieve(bad, from, { signal }), { ok: false, code: 'bad-location' })
  t.is(peers.asked.length, 0)
})
