import test from 'ava'
import { utf8 } from '../../../src/base/bytes.ts'
import { limits } from '../../../src/base/limits.ts'
import { PayloadKeeper } from '../../../src/node/endpoint/payload-keeper.ts'
import { keyFor } from '../../fixtures/mesh.ts'
import { payloadOf } from '../../fixtures/orders.ts'
import { MemoryContent, RecordingLog } from '../in-memory.ts'
import type { KeyId } from '../../../src/base/brand.ts'
import type { PayloadRef } from '../../../src/record/indication.ts'

const [one, two] = [payloadOf(utf8('one')), payloadOf(utf8('two'))]
const other = keyFor('other endpoint').key

const make = () => {
  const content = new MemoryContent()
  const log = new RecordingLog()
  const state: { needed: PayloadRef[]; providers: KeyId[] } = { needed: [one.ref], providers: [other] }
  const keeper = new PayloadKeeper({ content, log, needed: () => state.needed, providers: () => state.providers })
  const replicate = async (): Promise<void> => {
    keeper.replicate()
    await keeper.settled()
  }
  return { content, log, state, keeper, replicate }
}

test('the payload of an order is fetched from other endpoints, and once it is held not again', async (t) => {
  const { content, replicate } = make()
  content.elsewhere.set(one.ref.cid, one.bytes)
  await replicate()
  await replicate()
  t.deepEqual(content.retrieved, [{ cid: one.ref.cid, providers: [other] }])
})

test('a payload that nobody had is tried again', async (t) => {
  const { content, log, replicate } = make()
  await replicate()
  t.is(log.problems().length, 1)
  content.elsewhere.set(one.ref.cid, one.bytes)
  await replicate()
  t.true(content.held.has(one.ref.cid))
})

test('a payload that is being fetched is not fetched twice at once', async (t) => {
  const { content, keeper } = make()
  const gate = Promise.withResolvers<void>()
  const retrieve = content.retrieve.bind(content)
  content.retrieve = async (...options) => (await gate.promise, retrieve(...options))
  keeper.replicate()
  keeper.replicate()
  gate.resolve()
  await keeper.settled()
  t.is(content.retrieved.length, 1)
})

test('a disk that is full is told, and the payload is tried again', async (t) => {
  const { content, log, replicate } = make()
  const retrieve = content.retrieve.bind(content)
  content.retrieve = async () => {
    throw new Error('no space left')
  }
  await replicate()
  t.deepEqual(log.problems(), ['a payload could not be replicated'])
  content.retrieve = retrieve
  content.elsewhere.set(one.ref.cid, one.bytes)
  await replicate()
  t.true(content.held.has(one.ref.cid))
})

test('without another endpoint nothing is asked for', async (t) => {
  const { content, state, replicate } = make()
  state.providers = []
  await replicate()
  t.deepEqual(content.retrieved, [])
})

test('a payload that was no longer needed is fetched again when an order needs it anew', async (t) => {
  const { content, state, replicate } = make()
  content.elsewhere.set(one.ref.cid, one.bytes)
  await replicate()
  state.needed = [two.ref]
  await replicate()
  content.held.delete(one.ref.cid)
  state.needed = [one.ref]
  await replicate()
  t.is(content.retrieved.filter(({ cid }) => cid === one.ref.cid).length, 2)
})

test('after the stop a fetch that fails is no news', async (t) => {
  const { log, keeper, replicate } = make()
  keeper.stop()
  await replicate()
  t.deepEqual(log.problems(), [])
  t.true(limits.fetch.deadlineMs > 0)
})
