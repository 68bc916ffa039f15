import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { duplexPair } from 'node:stream'
import { encodeCbor } from '../../src/base/codec.ts'
import { encodeFrame } from '../../src/base/framing.ts'
import { limits } from '../../src/base/limits.ts'
import { openChannel } from '../../src/executor/child-channel.ts'
import { decodeToAgent, decodeToExecutor, encodeMessage, type ToAgent, type ToExecutor } from '../../src/executor/ipc.ts'
import { eventually } from '../fixtures/eventually.ts'
import { headOf } from '../../src/trust/charter-chain.ts'
import { commandOrder, mesh, node, openWorkbench } from './workbench.ts'

const order = commandOrder(['true'])
const bytes = Uint8Array.of(1, 2, 3)

const toAgent: ToAgent[] = [
  { kind: 'settings', settings: { mesh: mesh.mesh, name: 'web-1', role: 'agent', endpoints: [], listen: [], gossip: true, pullIntervalMs: 1000, syncIntervalMs: 1000, retention: { mode: 'label', ageMs: 1000 }, logLevel: 'info', formats: ['own'], restoredAt: null } },
  { kind: 'ready', executor: node.executor.key, charterVersion: 1, charterHead: headOf(mesh.chain) },
  { kind: 'payload-wanted', indication: order.id, ranges: [{ offset: 0, sizeBytes: 4 }] },
  { kind: 'validated', indication: order.id, at: mesh.now },
  { kind: 'statement', statement: bytes },
  { kind: 'output-chunk', cid: 'bafy', offset: 0, sizeBytes: 3, bytes },
  { kind: 'written', batch: 1 },
  { kind: 'refused', indication: null, code: 'busy', detail: '' }
]
const toExecutor: ToExecutor[] = [
  { kind: 'charters', charters: [bytes] },
  { kind: 'order', bundle: order.bundle },
  { kind: 'control', control: bytes },
  { kind: 'payload-chunk', indication: order.id, offset: 0, bytes },
  { kind: 'payload-end', indication: order.id },
  { kind: 'payload-failed', indication: order.id, code: 'timed-out', detail: 'nobody answered' },
  { kind: 'adopt', batch: 1, statements: [bytes] },
  { kind: 'retell', batch: 2 },
  { kind: 'caught-up' },
  { kind: 'kept', statement: order.id }
]

test('every message survives its encoding, in its own direction only', (t) => {
  for (const message of toAgent) {
    t.deepEqual(decodeToAgent(encodeMessage(message)), { ok: true, value: message })
    t.false(decodeToExecutor(encodeMessage(message)).ok)
  }
  for (const message of toExecutor) {
    t.deepEqual(decodeToExecutor(encodeMessage(message)), { ok: true, value: message })
    t.false(decodeToAgent(encodeMessage(message)).ok)
  }
})

const isRefused = test.macro({
  exec(t, value: unknown, code: string) {
    const decoded = decodeToExecutor(encodeCbor(value))
    t.is(decoded.ok ? 'accepted' : decoded.code, code)
  },
  title: (name = '') => `${name} is refused`
})
test('an unknown kind', isRefused, { kind: 'shutdown' }, 'malformed')
test('an unknown field', isRefused, { kind: 'payload-end', indication: order.id, extra: 1 }, 'malformed')
test('an id of the wrong length', isRefused, { kind: 'payload-end', indication: 'abc' }, 'malformed')
test('a path as an id', isRefused, { kind: 'payload-end', indication: `../${'a'.repeat(49)}` }, 'malformed')
test('a negative offset', isRefused, { kind: 'payload-chunk', indication: order.id, offset: -1, bytes }, 'malformed')
test('a chunk over the limit', isRefused, { kind: 'payload-chunk', indication: order.id, offset: 0, bytes: new Uint8Array(limits.executor.chunkBytesMax + 1) }, 'malformed')
test('a message over the limit', isRefused, new Uint8Array(limits.executor.frameBytesMax), 'oversized')

test('no bytes make a decoder throw', (t) => {
  const valid = fc.constantFrom(...[...toAgent, ...toExecutor].map(encodeMessage))
  const mutated = fc.tuple(valid, fc.nat(), fc.nat(255)).map(([message, place, value]) => message.map((byte, index) => (index === place % message.length ? value : byte)))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (input) => {
      t.is(typeof decodeToExecutor(input).ok, 'boolean')
      t.is(typeof decodeToAgent(input).ok, 'boolean')
    }),
    { numRuns: 2000 }
  )
})

interface Ear {
  readonly messages: ToExecutor[]
  readonly malformed: string[]
  readonly closed: string[]
}

const listen = (handle: () => Promise<void> = () => Promise.resolve()) => {
  const [near, far] = duplexPair()
  const ear: Ear = { messages: [], malformed: [], closed: [] }
  openChannel<ToExecutor, ToAgent>(far, decodeToExecutor, {
    message: (message) => {
      ear.messages.push(message)
      return handle()
    },
    malformed: (code) => void ear.malformed.push(code),
    closed: (reason) => void ear.closed.push(reason)
  })
  return { near, far, ear }
}

test('messages arrive whole and in order, however the pipe cuts them', async (t) => {
  const { near, ear } = listen()
  const all = Buffer.concat(toExecutor.map((message) => encodeFrame(encodeMessage(message))))
  for (let offset = 0; offset < all.length; offset += 7) near.write(all.subarray(offset, offset + 7))
  near.end()
  await eventually(() => ear.closed.length, (count) => count === 1)
  t.deepEqual(ear.messages, toExecutor)
  t.deepEqual(ear.malformed, [])
})

test('a message that cannot be read is dropped, and the next is read', async (t) => {
  const { near, ear } = listen()
  near.write(encodeFrame(Uint8Array.of(0xff, 0xff)))
  near.write(encodeFrame(encodeMessage({ kind: 'payload-end', indication: order.id })))
  await eventually(() => ear.messages.length, (count) => count === 1)
  t.deepEqual(ear.malformed, ['malformed'])
})

test('a frame over the limit closes the channel before its bytes have come', async (t) => {
  const { near, ear } = listen()
  near.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
  await eventually(() => ear.closed.length, (count) => count === 1)
  t.deepEqual(ear.malformed, ['oversized'])
})

test('garbage of any kind never throws, and closes the channel at most once', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 64 }), { maxLength: 20 }), async (chunks) => {
      const { near, ear } = listen()
      near.on('error', () => undefined)
      for (const chunk of chunks) near.write(chunk)
      near.end()
      await eventually(() => ear.closed.length, (count) => count > 0)
      t.is(ear.closed.length, 1)
    }),
    { numRuns: 100 }
  )
})

test('the next message is not read before the one before was handled', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { near, ear } = listen(() => gate.promise)
  const frame = encodeFrame(encodeMessage({ kind: 'payload-end', indication: order.id }))
  near.write(Buffer.concat([frame, frame]))
  await eventually(() => ear.messages.length, (count) => count === 1)
  t.is(ear.messages.length, 1)
  gate.resolve()
  await eventually(() => ear.messages.length, (count) => count === 2)
})

test('a send waits while the other side does not read, and says when the pipe is gone', async (t) => {
  const [near, far] = duplexPair({ highWaterMark: 1024 })
  const channel = openChannel<ToAgent, ToExecutor>(near, decodeToAgent, { message: () => undefined, malformed: () => undefined, closed: () => undefined })
  const chunk: ToExecutor = { kind: 'payload-chunk', indication: order.id, offset: 0, bytes: new Uint8Array(10_000) }
  const results: boolean[] = []
  const sends = [channel.send(chunk), channel.send(chunk), channel.send(chunk)].map((send) => send.then((sent) => results.push(sent)))
  await new Promise(setImmediate)
  t.true(results.length < 3)
  far.destroy()
  channel.close()
  await Promise.all(sends)
  t.is(results.at(-1), false)
  t.false(await channel.send(chunk))
})

test('an executor that hears garbage goes on', async (t) => {
  const { agent } = await openWorkbench(t)
  for (const value of [null, [], { kind: 'order' }, { kind: 'order', bundle: { indication: bytes, controls: [], payload: null } }, { kind: 'charters', charters: [bytes] }, { kind: 'control', control: bytes }, { kind: 'kept', statement: order.id }]) {
    agent.pipe.write(encodeFrame(encodeCbor(value)))
  }
  for (const message of toExecutor.filter(({ kind }) => kind.startsWith('payload'))) await agent.send(message)
  const good = commandOrder(['true'])
  await agent.send({ kind: 'order', bundle: good.bundle })
  t.is((await agent.outcome(good.id)).state, 'succeeded')
  t.deepEqual(agent.malformed, ['malformed', 'malformed', 'malformed'])
  t.deepEqual(agent.kinds().filter((kind) => kind === 'refused').length, 1)
})
