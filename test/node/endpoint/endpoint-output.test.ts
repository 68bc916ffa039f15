import test from 'ava'
import { isEqualBytes } from '../../../src/base/bytes.ts'
import { encodeCbor } from '../../../src/base/codec.ts'
import { WritError } from '../../../src/base/errors.ts'
import { limits } from '../../../src/base/limits.ts'
import { answerOutput, fetchOutput } from '../../../src/node/endpoint/endpoint-output.ts'
import { outputAnswerSchema } from '../../../src/node/protocol/output.ts'
import { keyFor, TestMesh } from '../../fixtures/mesh.ts'
import { ask, read } from '../endpoint-world.ts'
import { admitAdmin, admitGuest, admitNode, cidOf, FakeNetwork, MemoryOutputs, type Asked } from '../in-memory.ts'
import type { Admission } from '../../../src/node/network/network.ts'
import type { KeyId } from '../../../src/base/brand.ts'

const mesh = new TestMesh()
const agent = mesh.node('web-1')
const admin = admitAdmin(mesh)
const other = keyFor('other endpoint').key
const large = new Uint8Array(limits.executor.chunkBytesMax * 2 + 5).fill(7)
const cid = cidOf(large)

const setUp = () => {
  const network = new FakeNetwork(mesh.peer('endpoint-1'))
  const outputs = new MemoryOutputs()
  const deps = { network, outputs, holders: (): readonly KeyId[] => [other, agent.peer.key] }
  const answers = async (from: Admission, request: unknown): Promise<unknown[]> => {
    const found: unknown[] = []
    for await (const page of answerOutput(deps, from, ask(request))) found.push(read(outputAnswerSchema, page))
    return found
  }
  const get = async (from: Admission, local = false): Promise<Uint8Array> => {
    const parts = (await answers(from, { kind: 'get', cid, agent: agent.peer.key, local })) as { bytes: Uint8Array; last: boolean }[]
    if (parts.at(-1)?.last !== true) throw new Error('no end')
    return new Uint8Array(Buffer.concat(parts.map(({ bytes }) => bytes)))
  }
  return { network, outputs, deps, answers, get }
}

const pagesOf = (bytes: Uint8Array): Uint8Array[] => [...Array.from({ length: Math.ceil(bytes.length / 100_000) }, (_, index) => bytes.subarray(index * 100_000, (index + 1) * 100_000)), null].map((part) => encodeCbor({ kind: 'get', bytes: part ?? new Uint8Array(), last: part === null }))

test('an output that is here comes whole, in parts of bounded size', async (t) => {
  const { outputs, get } = setUp()
  outputs.whole.set(cid, large)
  t.true(isEqualBytes(await get(admin), large))
})

test('an output that is not here is asked of those who may hold it, one after the other', async (t) => {
  const { network, get } = setUp()
  network.answer = async ({ peer }: Asked) => {
    if (peer === other) throw new WritError('output-unavailable', 'no', { details: { by: 'peer' } })
    return pagesOf(large)
  }
  t.true(isEqualBytes(await get(admin), large))
  t.deepEqual(network.asked.map(({ peer }) => peer), [other, agent.peer.key])
})

test('an output that nobody holds is unavailable', async (t) => {
  const { get } = setUp()
  await t.throwsAsync(get(admin), { code: 'output-unavailable' })
})

test('an endpoint that is asked by another asks nobody else', async (t) => {
  const { network, get } = setUp()
  await t.throwsAsync(get(admitNode(mesh.node('endpoint-2')), true), { code: 'output-unavailable' })
  t.deepEqual(network.asked, [])
})

test('a holder that gives other bytes is passed over', async (t) => {
  const { network, get } = setUp()
  network.answer = async ({ peer }: Asked) => pagesOf(peer === other ? large.map((byte) => byte + 1) : large)
  t.true(isEqualBytes(await get(admin), large))
})

test('a holder that does not stop is passed over', async (t) => {
  const { network, get } = setUp()
  const flood = Array.from({ length: limits.output.streamBytesMax / 262_144 + 1 }, () => encodeCbor({ kind: 'get', bytes: new Uint8Array(262_144), last: false }))
  network.answer = async ({ peer }: Asked) => (peer === other ? flood : pagesOf(large))
  t.true(isEqualBytes(await get(admin), large))
})

test('outputs are not for agents, nor for guests', async (t) => {
  const { outputs, get } = setUp()
  outputs.whole.set(cid, large)
  await t.throwsAsync(get(admitNode(agent)), { code: 'not-permitted' })
  await t.throwsAsync(get(admitGuest(other)), { code: 'not-permitted' })
  t.true(isEqualBytes(await get(admitNode(mesh.node('endpoint-2'))), large))
})

test('an agent hands in an output part by part', async (t) => {
  const { outputs, answers } = setUp()
  const size = limits.executor.chunkBytesMax
  const held: unknown[] = []
  for (let offset = 0; offset < large.length; offset += size) held.push(...(await answers(admitNode(agent), { kind: 'put', cid, offset, sizeBytes: large.length, bytes: large.subarray(offset, offset + size) })))
  t.deepEqual(held, [{ kind: 'put', held: false }, { kind: 'put', held: false }, { kind: 'put', held: true }])
  t.deepEqual(outputs.whole.get(cid), large)
})

test('only nodes hand in outputs', async (t) => {
  const { answers } = setUp()
  await t.throwsAsync(answers(admin, { kind: 'put', cid, offset: 0, sizeBytes: 1, bytes: new Uint8Array(1) }), { code: 'not-permitted' })
})

test('a part that does not follow is refused', async (t) => {
  const { answers } = setUp()
  await t.throwsAsync(answers(admitNode(agent), { kind: 'put', cid, offset: 5, sizeBytes: 10, bytes: new Uint8Array(5) }), { code: 'bad-output-part' })
})

test('a request that cannot be read is refused', async (t) => {
  const { answers } = setUp()
  await t.throwsAsync(answers(admin, { kind: 'get' }), { code: 'malformed' })
  await t.throwsAsync(answers(admitNode(agent), { kind: 'put', cid, offset: 0, sizeBytes: limits.output.streamBytesMax + 1, bytes: new Uint8Array(1) }), { code: 'malformed' })
})

const fetches = test.macro({
  async exec(t, code: string, pages: readonly Uint8Array[]) {
    const { network } = setUp()
    network.answer = async () => pages
    await t.throwsAsync(Array.fromAsync(fetchOutput(network, other, { cid, agent: agent.peer.key, local: false })), { code })
  },
  title: (name = '', code) => `${name} is refused: ${code}`
})
test('an output that ends too early', fetches, 'bad-answer', pagesOf(large).slice(0, -1))
test('an output with an answer that cannot be read', fetches, 'bad-answer', [new Uint8Array([1])])
test('an output with other bytes than its name says', fetches, 'bad-output', pagesOf(large.subarray(1)))
