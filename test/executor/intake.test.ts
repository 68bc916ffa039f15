/**
 * Releases that come in pieces: a real cache, real files of the release that runs, a real graph of blocks, and an agent that
 * asks one peer for what the executor wants of it.
 */
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { KiB } from '../../src/base/units.ts'
import { systemTimers } from '../../src/base/system-clock.ts'
import { systemRandom } from '../../src/base/system-random.ts'
import { packTree } from '../../src/api/file-tree.ts'
import { HeliaContent } from '../../src/content/helia-content.ts'
import { FileCache } from '../../src/executor/file-cache.ts'
import { FileReleaseFiles } from '../../src/executor/file-release-files.ts'
import { PayloadIntake } from '../../src/executor/intake.ts'
import { MemoryBlocks, MemoryPeers } from '../content/memory-blocks.ts'
import { peerIdOf } from '../content/loopback-node.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { mesh } from './workbench.ts'
import { orderOf } from '../fixtures/orders.ts'
import type { ByteRange } from '../../src/base/byte-range.ts'
import type { ExecutionContext } from 'ava'
import type { Order } from '../../src/executor/job-events.ts'

const { blockBytesMax } = limits.payload
const signal = new AbortController().signal
const clock = { now: () => Date.now(), monotonic: () => performance.now() }

const contentOver = (blocks: MemoryBlocks, peers: MemoryPeers) => new HeliaContent({ helia: peers, blocks, peerIdOf, clock, timers: systemTimers, random: systemRandom, log: silentLog })

const smallFiles = 120

/** A release as large as one that carries its runtime, but for the runtime's size, which is 12 MiB here. */
const writeRelease = (directory: string): void => {
  mkdirSync(path.join(directory, 'pages'), { recursive: true })
  for (const [name, sizeBytes] of Object.entries({ 'agent.js': 3_100_000, 'executor.js': 900_007, 'jobs.js': 300_000, node: 12 << 20, 'binding.node': 777_777 })) writeFileSync(path.join(directory, name), randomBytes(sizeBytes))
  for (let index = 0; index < smallFiles; index += 1) writeFileSync(path.join(directory, 'pages', `page-${index}.txt`), randomBytes(100 + 37 * index))
  writeFileSync(path.join(directory, 'start'), '#!/bin/sh\n')
}

interface Intaken {
  /** What came from the peer. */
  readonly fetchedBytes: number
  readonly rounds: number
  readonly outcome: string
}

interface Sides {
  readonly running: string
  readonly next: string
  /** What the release is said to run from. */
  readonly from?: string
  readonly spoil?: (bytes: Uint8Array) => Uint8Array
  readonly whenPlanned?: () => void
}

const takeIn = async (t: ExecutionContext, { running, next, from = running, spoil = (bytes) => bytes, whenPlanned }: Sides): Promise<Intaken> => {
  const blocks = new MemoryBlocks()
  const peers = new MemoryPeers(blocks)
  const source = peers.addPeer()
  const { bytes, cuts } = await packTree(next, { owner: null, group: null })
  const ref = await contentOver(source.blocks, new MemoryPeers(source.blocks)).add(bytes, cuts)
  const content = contentOver(blocks, peers)
  const indication = orderOf(mesh, { format: 'release', payload: ref })
  const order: Order = { id: indication.id, body: indication.body, bundle: { indication: indication.bytes, controls: [], payload: null } }
  const directory = await temporaryDirectory(t)
  const cache = await FileCache.open(directory, path.join(directory, 'shared'))
  const { promise, resolve } = Promise.withResolvers<string>()
  let rounds = 0
  const bring = async (ranges: readonly ByteRange[]): Promise<void> => {
    rounds += 1
    if (rounds === 3) whenPlanned?.()
    t.like(await content.retrieve(ref, () => [source.key], { signal, deadlineMs: 5000, ranges }), { ok: true })
    for (const range of ranges) {
      let { offset } = range
      for await (const part of content.read(ref, range)) {
        await intake.receive(order.id, offset, spoil(part))
        offset += part.length
      }
    }
    await intake.end(order.id)
  }
  const intake: PayloadIntake = new PayloadIntake({
    begin: ({ id, body }) => cache.begin(id, body.payload),
    cache,
    ask: (_id, ranges) => void bring(ranges).catch(resolve),
    ended: async (id) => {
      const finished = await cache.finish(id)
      resolve(finished.ok ? 'whole' : finished.code)
    },
    failed: (_id, code) => resolve(code),
    files: new FileReleaseFiles(from, process.execPath, silentLog)
  })
  await intake.begin(order)
  const outcome = await promise
  return { fetchedBytes: [...blocks.blocks.values()].reduce((sum, block) => sum + block.bytes.length, 0), rounds, outcome }
}

const twoReleases = async (t: ExecutionContext) => {
  const [running, next] = [path.join(await temporaryDirectory(t), 'running'), path.join(await temporaryDirectory(t), 'next')]
  writeRelease(running)
  writeRelease(next)
  for (const name of ['agent.js', 'executor.js', 'jobs.js', 'node', 'binding.node', 'start', ...Array.from({ length: smallFiles }, (_, index) => `pages/page-${index}.txt`)]) writeFileSync(path.join(next, name), readFileSync(path.join(running, name)))
  return { running, next }
}

const besides = 64 * KiB

test('of a release that differs in one small file no more than 64 KiB travel besides that file', async (t) => {
  const sides = await twoReleases(t)
  for (const name of ['start', 'pages/page-0.txt', 'pages/page-60.txt', `pages/page-${smallFiles - 1}.txt`]) {
    writeFileSync(path.join(sides.next, name), randomBytes(5000))
    const { outcome, fetchedBytes, rounds } = await takeIn(t, sides)
    t.is(outcome, 'whole')
    t.true(fetchedBytes <= 5000 + besides, `${name}: ${fetchedBytes} bytes`)
    t.is(rounds, 3)
    writeFileSync(path.join(sides.next, name), readFileSync(path.join(sides.running, name)))
  }
})

test('a changed bundle travels, and what lies around it does not', async (t) => {
  const sides = await twoReleases(t)
  appendFileSync(path.join(sides.next, 'executor.js'), 'more')
  const { outcome, fetchedBytes } = await takeIn(t, sides)
  t.is(outcome, 'whole')
  t.true(fetchedBytes > 900_000 && fetchedBytes <= 900_011 + besides, `${fetchedBytes} bytes`)
})

test('a file is known by its bytes, whatever its name', async (t) => {
  const sides = await twoReleases(t)
  mkdirSync(path.join(sides.next, 'bin'))
  renameSync(path.join(sides.next, 'node'), path.join(sides.next, 'bin', 'runtime'))
  const { outcome, fetchedBytes } = await takeIn(t, sides)
  t.is(outcome, 'whole')
  t.true(fetchedBytes <= besides, `${fetchedBytes} bytes`)
})

test('the same release again costs its manifest', async (t) => {
  const { outcome, fetchedBytes, rounds } = await takeIn(t, await twoReleases(t))
  t.is(outcome, 'whole')
  t.is(rounds, 2)
  t.true(fetchedBytes <= besides, `${fetchedBytes} bytes`)
})

test('a file that was damaged on this node travels', async (t) => {
  const sides = await twoReleases(t)
  const bytes = readFileSync(path.join(sides.running, 'agent.js'))
  bytes[1_000_000] = (bytes[1_000_000] ?? 0) ^ 1
  writeFileSync(path.join(sides.running, 'agent.js'), bytes)
  const { outcome, fetchedBytes } = await takeIn(t, sides)
  t.is(outcome, 'whole')
  t.true(fetchedBytes >= 3_100_000 && fetchedBytes <= 3_100_000 + besides, `${fetchedBytes} bytes`)
})

test('where there is no release beside it, all of it travels', async (t) => {
  const sides = await twoReleases(t)
  const { outcome, fetchedBytes } = await takeIn(t, { ...sides, from: path.join(sides.running, 'nowhere') })
  t.is(outcome, 'whole')
  t.true(fetchedBytes > 17_000_000)
})

test('the runtime that the node runs on is not fetched, wherever it lies', async (t) => {
  const sides = await twoReleases(t)
  writeFileSync(path.join(sides.next, 'node'), readFileSync(process.execPath))
  const { outcome, fetchedBytes } = await takeIn(t, sides)
  t.is(outcome, 'whole')
  t.true(fetchedBytes <= besides, `${fetchedBytes} bytes`)
})

test('a file that changes or goes after it was looked at is noticed: nothing of it is run', async (t) => {
  const damage = (change: (file: string) => void) => async (): Promise<string> => {
    const sides = await twoReleases(t)
    writeFileSync(path.join(sides.next, 'agent.js'), randomBytes(10))
    const { outcome } = await takeIn(t, { ...sides, whenPlanned: () => change(path.join(sides.running, 'node')) })
    return outcome
  }
  for (const change of [(file: string) => writeFileSync(file, randomBytes(12 << 20)), (file: string) => appendFileSync(file, 'x'), (file: string) => writeFileSync(file, 'short'), (file: string) => rmSync(file)]) t.is(await damage(change)(), 'payload-mismatch')
})

test('an agent that brings other bytes, or more than was asked for, brings nothing to run', async (t) => {
  const sides = await twoReleases(t)
  writeFileSync(path.join(sides.next, 'agent.js'), randomBytes(2 * blockBytesMax))
  t.is((await takeIn(t, { ...sides, spoil: (bytes) => (bytes.length > 1000 ? randomBytes(bytes.length) : bytes) })).outcome, 'payload-mismatch')
  t.is((await takeIn(t, { ...sides, spoil: (bytes) => (bytes.length > 1000 ? Buffer.concat([bytes, bytes]) : bytes) })).outcome, 'payload-mismatch')
  t.is((await takeIn(t, { ...sides, spoil: (bytes) => bytes.subarray(0, 3) })).outcome, 'payload-mismatch')
})
