import test from 'ava'
import { decodeCbor, encodeCbor } from '../../../src/base/codec.ts'
import { MemoryStore } from '../../../src/base/memory-store.ts'
import { WritError } from '../../../src/base/errors.ts'
import { limits } from '../../../src/base/limits.ts'
import { OutputShelf } from '../../../src/node/agent/output-shelf.ts'
import { keyFor } from '../../fixtures/mesh.ts'
import { cidOf, FakeNetwork, MemoryOutputs, RecordingLog } from '../in-memory.ts'
import type { OutputRequest } from '../../../src/node/protocol/output.ts'

const endpoint = keyFor('endpoint').key
const large = new Uint8Array(limits.executor.chunkBytesMax * 2 + 5).fill(7)
const small = new Uint8Array(10).fill(1)

const putOf = (message: Uint8Array): Extract<OutputRequest, { kind: 'put' }> => {
  const decoded = decodeCbor(message)
  if (!decoded.ok) throw new Error(decoded.detail)
  return decoded.value as Extract<OutputRequest, { kind: 'put' }>
}

const make = (store = new MemoryStore()) => {
  const network = new FakeNetwork(keyFor('agent').key)
  const outputs = new MemoryOutputs()
  const log = new RecordingLog()
  const taken = new MemoryOutputs()
  network.answer = async ({ message }) => {
    const { cid, offset, sizeBytes, bytes } = putOf(message)
    const kept = await taken.append({ cid, offset, sizeBytes, bytes })
    if (!kept.ok) throw new WritError(kept.code, kept.detail)
    return encodeCbor({ kind: 'put', held: kept.value.complete })
  }
  return { network, outputs, log, taken, store, shelf: new OutputShelf({ store, outputs, network, log }) }
}

test('an output that is owed is handed in whole, part by part, and once', async (t) => {
  const { network, taken, outputs, shelf } = make()
  const cid = cidOf(large)
  outputs.whole.set(cid, large)
  await shelf.due(cid)
  await shelf.pay(endpoint)
  t.deepEqual(taken.whole.get(cid), large)
  t.is(network.asked.length, 3)
  await shelf.pay(endpoint)
  t.is(network.asked.length, 3)
})

test('an output that the endpoint holds already is not sent again', async (t) => {
  const { network, taken, outputs, shelf } = make()
  const cid = cidOf(large)
  outputs.whole.set(cid, large)
  taken.whole.set(cid, large)
  await shelf.due(cid)
  await shelf.pay(endpoint)
  t.is(network.asked.length, 1)
})

test('what is owed survives a restart', async (t) => {
  const first = make()
  await first.shelf.due(cidOf(small))
  const second = make(first.store)
  second.outputs.whole.set(cidOf(small), small)
  await second.shelf.pay(endpoint)
  t.deepEqual(second.taken.whole.get(cidOf(small)), small)
})

test('what an endpoint did not take is still owed', async (t) => {
  const { network, outputs, taken, shelf } = make()
  outputs.whole.set(cidOf(small), small)
  await shelf.due(cidOf(small))
  const { answer } = network
  network.answer = async () => {
    throw new WritError('connection-lost', 'gone')
  }
  await t.throwsAsync(shelf.pay(endpoint), { code: 'connection-lost' })
  network.answer = answer
  await shelf.pay(endpoint)
  t.deepEqual(taken.whole.get(cidOf(small)), small)
})

test('an output that an endpoint refuses does not hold up the others', async (t) => {
  const { network, outputs, taken, log, shelf } = make()
  const cids = [small, large, new Uint8Array([9])].map((bytes) => {
    outputs.whole.set(cidOf(bytes), bytes)
    return cidOf(bytes)
  })
  for (const cid of cids) await shelf.due(cid)
  const [refused] = [...cids].sort()
  const { answer } = network
  network.answer = async (asked) => {
    if (putOf(asked.message).cid === refused) throw new WritError('bad-output-part', 'no', { details: { by: 'peer' } })
    return answer(asked)
  }
  await shelf.pay(endpoint)
  t.deepEqual([...taken.whole.keys()].sort(), [...cids].sort().slice(1))
  t.is(log.problems().length, 1)
  network.answer = answer
  await shelf.pay(endpoint)
  t.is(taken.whole.size, 3)
})

test('an output that is no longer here is no longer owed', async (t) => {
  const { network, shelf, store } = make()
  await shelf.due(cidOf(small))
  await shelf.pay(endpoint)
  t.deepEqual(network.asked, [])
  t.deepEqual(await Array.fromAsync(store.entries({ from: '', to: '~' })), [])
})

test('an endpoint owes nothing to itself', async (t) => {
  const { network, outputs, shelf } = make()
  outputs.whole.set(cidOf(small), small)
  await shelf.due(cidOf(small))
  await shelf.pay(network.self)
  await shelf.pay(endpoint)
  t.deepEqual(network.asked, [])
})

test('an answer that cannot be read leaves the output owed', async (t) => {
  const { network, outputs, shelf, store } = make()
  outputs.whole.set(cidOf(small), small)
  await shelf.due(cidOf(small))
  network.answer = async () => new Uint8Array([0xff])
  await shelf.pay(endpoint).catch(() => undefined)
  t.is((await Array.fromAsync(store.entries({ from: '', to: '~' }))).length, 1)
})

test('a disk that is full costs the output, not the agent', async (t) => {
  const { outputs, log, shelf } = make()
  outputs.failure = new WritError('disk-full', 'no space left')
  await t.notThrowsAsync(shelf.keep({ cid: cidOf(small), offset: 0, sizeBytes: small.length, bytes: small }))
  t.deepEqual(log.problems(), ['an output could not be kept'])
})

test('a part that does not fit is dropped, and the log says so', async (t) => {
  const { log, shelf } = make()
  await shelf.keep({ cid: cidOf(small), offset: 5, sizeBytes: small.length, bytes: small.subarray(5) })
  t.deepEqual(log.problems(), ['an output could not be kept'])
})
