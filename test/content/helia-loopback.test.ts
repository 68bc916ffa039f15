import { createHash, randomBytes } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { isEqualBytes } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { connect, startNode } from './loopback-node.ts'
import { readAll } from './content-suite.ts'

const signal = new AbortController().signal
const MiB = 1024 * 1024

test('a payload of 3 MB crosses from one node to another', async (t) => {
  const [source, sink] = await Promise.all([startNode(t), startNode(t)])
  await connect(sink, source)
  const bytes = randomBytes(3 * MiB + 5)
  const ref = await source.content.add(bytes)
  t.like(await sink.content.retrieve(ref, () => [source.key], { signal, deadlineMs: 20_000 }), { ok: true })
  const read = await readAll(sink.content.read(ref))
  t.is(createHash('sha256').update(read).digest('hex'), ref.sha256)
  t.true(isEqualBytes(read, bytes))
})

test('a payload that nobody has fails by its deadline, and who lacked it delays nobody later', async (t) => {
  const [lacking, source, sink] = await Promise.all([startNode(t), startNode(t), startNode(t)])
  await Promise.all([connect(sink, lacking), connect(sink, source)])
  const ref = await source.content.add(randomBytes(MiB))
  const result = await sink.content.retrieve(ref, () => [lacking.key], { signal, deadlineMs: 800 })
  t.like(result, { ok: false, code: 'payload-unavailable' })
  t.regex(result.ok ? '' : result.detail, /did not have a block/)
  t.like(await sink.content.retrieve(ref, () => [lacking.key, source.key], { signal, deadlineMs: 10_000 }), { ok: true })
})

test('an interrupted retrieval goes on with the blocks that are here, over the same connection', async (t) => {
  const [source, sink] = await Promise.all([startNode(t), startNode(t)])
  await connect(sink, source)
  const ref = await source.content.add(randomBytes(6 * MiB))
  const stop = new AbortController()
  const interrupted = await sink.content.retrieve(ref, () => [source.key], { signal: stop.signal, onProgress: (held) => held > 2 * MiB && stop.abort() })
  t.like(interrupted, { ok: false, code: 'retrieve-cancelled' })
  const seen: number[] = []
  t.like(await sink.content.retrieve(ref, () => [source.key], { signal, deadlineMs: limits.fetch.blockTimeoutMs - 5000, onProgress: (held) => seen.push(held) }), { ok: true })
  t.true(await sink.content.has(ref))
  t.is(seen.at(-1), ref.sizeBytes)
})

test('a block damaged on disk is noticed, and fetched again from the peer that sent it before', async (t) => {
  const [source, sink] = await Promise.all([startNode(t), startNode(t)])
  await connect(sink, source)
  const ref = await source.content.add(randomBytes(100_000))
  t.like(await sink.content.retrieve(ref, () => [source.key], { signal, deadlineMs: 10_000 }), { ok: true })
  const file = (await readdir(sink.blocks.path, { recursive: true })).find((name) => name.endsWith('.data'))
  await writeFile(join(sink.blocks.path, file ?? ''), 'something else')
  t.true(await sink.content.has(ref), 'only reading tells')
  await t.throwsAsync(readAll(sink.content.read(ref)), { code: 'payload-incomplete' })
  t.false(await sink.content.has(ref))
  t.like(await sink.content.retrieve(ref, () => [source.key], { signal, deadlineMs: 10_000 }), { ok: true })
  t.is((await readAll(sink.content.read(ref))).length, ref.sizeBytes)
})
