import test from 'ava'
import { encodeCbor } from '../../src/base/codec.ts'
import { encodeFrame } from '../../src/base/framing.ts'
import { limits } from '../../src/base/limits.ts'
import { Attacked, deaf, die, heard, listening, raw, say } from './hostile-setting.ts'
import { buildRelease, end, removeRelease, type Release } from './executor-process.ts'
import { keyFor } from '../fixtures/mesh.ts'
import type { Plan, WriteDeed } from './hostile-plan.ts'
import type { IndicationId } from '../../src/base/brand.ts'
import type { ToExecutor } from '../../src/executor/ipc.ts'

const MiB = 1 << 20
/** With the heap that these executors are given, and some frames of the largest size on their way. */
const peakMiBMax = 160
let release: Release

test.before(async () => {
  release = await buildRelease('either-agent.ts')
})
test.after.always(() => removeRelease(release))

const strangersOrder = (attacked: Attacked, name: string): WriteDeed => attacked.order(name, { admin: keyFor('stranger').key }, keyFor('stranger')).deed
const strayChunk: ToExecutor = { kind: 'payload-chunk', indication: 'a'.repeat(52) as IndicationId, offset: 0, bytes: new Uint8Array(limits.executor.chunkBytesMax) }

/** A plan that is carried through to its end: the heap of an executor that hoards what it hears would not be enough. */
const isBorne = test.macro({
  async exec(t, plan: (attacked: Attacked) => Plan) {
    const attacked = await Attacked.prepare(t, release)
    await attacked.start(plan(attacked))
    await attacked.done()
    t.true((await attacked.peakMiB()) < peakMiBMax)
    t.deepEqual(await attacked.recover(), ['good'])
    t.is(await end(attacked.executor, 'SIGTERM'), 0)
  },
  title: (name = '') => `an executor bears ${name}`
})

const nested = (depth: number): Uint8Array => Buffer.concat([Buffer.alloc(depth, 0x81), Buffer.of(0xf6)])
const garbage: readonly Uint8Array[] = [
  new Uint8Array(),
  Buffer.alloc(1000, 0xff),
  nested(100_000),
  nested(MiB - 1),
  Buffer.from('9bffffffffffffffff', 'hex'), // an array of 2^64 - 1 entries
  Buffer.from('5bffffffffffffffff', 'hex'), // as many bytes
  Buffer.from('bb00000000ffffffff', 'hex'), // a map of 2^32 - 1 fields
  Buffer.concat([Buffer.from('9a000fffff', 'hex'), Buffer.alloc(MiB - 5, 0xf6)]),
  encodeCbor({ kind: 'order', bundle: { indication: Buffer.alloc(1000, 7), controls: [], payload: null } }),
  encodeCbor({ kind: 'order', bundle: null }),
  encodeCbor({ kind: 'statement', statement: new Uint8Array(100) }),
  encodeCbor({ kind: 'payload-end', indication: `../${'a'.repeat(49)}` }),
  encodeCbor({ kind: 'kept', statement: 'a'.repeat(52), __proto__: null, constructor: 1 }),
  encodeCbor({ kind: 'x'.repeat(MiB - 100) })
]

test.serial('frames of garbage', isBorne, () => listening(...garbage.map((bytes) => raw(encodeFrame(bytes)))))
test.serial('a flood of frames that cannot be read', isBorne, () => listening(raw(encodeFrame(new Uint8Array()), 200_000)))
test.serial('a flood of garbage in frames of the largest size', isBorne, () => listening(raw(encodeFrame(nested(MiB - 1)), 100)))
test.serial('payloads that nobody wants', isBorne, () => listening(say(strayChunk, 1000)))
test.serial('a flood of the word that orders may start', isBorne, () => listening(say({ kind: 'caught-up' }, 10_000)))
test.serial('a flood of claims that an endpoint answers', isBorne, () => listening(say({ kind: 'contact' }, 300_000), say({ kind: 'up', release: '9.9.9' }, 100_000)))
test.serial('a flood of orders that no admin has signed', isBorne, (attacked) => listening(...Array.from({ length: 2000 }, (_, index) => strangersOrder(attacked, `own ${index}`)), heard('refused', 2000)))
test.serial('a frame that comes byte by byte', isBorne, () => listening(raw(Buffer.from('00100000', 'hex')), { ...raw(Buffer.of(0), 100_000), apart: true }))
test.serial('an agent that never reads', isBorne, () => deaf())
test.serial('an agent that never reads the answers to its orders', isBorne, (attacked) => deaf({ ...strangersOrder(attacked, 'unread'), times: 20_000 }))
test.serial('an agent that never reads what was written down for it', isBorne, () => deaf(say({ kind: 'adopt', batch: 1, statements: [] }, 300_000)))
test.serial('an agent that says nothing at all', isBorne, () => listening())

/** Each of them is the end of this agent, and of the next ones, until the honest agent comes. */
const endsAgent = test.macro({
  async exec(t, bytes: Uint8Array, ending: 'dies' | 'stays') {
    const attacked = await Attacked.prepare(t, release)
    await attacked.start(listening(raw(bytes), ...(ending === 'dies' ? [die] : [])))
    await attacked.hears((all) => all.filter(({ kind }) => kind === 'hostile').length === 2)
    t.deepEqual(await attacked.recover(), ['good'])
    t.is(await end(attacked.executor, 'SIGTERM'), 0)
  },
  title: (name = '') => `an executor bears an agent that ${name}`
})
const frame = encodeFrame(encodeCbor(strayChunk))
test.serial('dies within the length of a frame', endsAgent, frame.subarray(0, 2), 'dies')
test.serial('dies within a frame', endsAgent, frame.subarray(0, 1000), 'dies')
test.serial('dies between two frames', endsAgent, frame, 'dies')
test.serial('announces a frame over the limit', endsAgent, Buffer.from('00100001', 'hex'), 'stays')
test.serial('announces the largest length', endsAgent, Buffer.from('ffffffff', 'hex'), 'stays')

test.serial('a stop waits for no agent that ignores it', async (t) => {
  const attacked = await Attacked.prepare(t, release)
  const running = attacked.order('running', {}, undefined, attacked.markWith('running', 'sleep 60'))
  await attacked.start(listening(say({ kind: 'caught-up' }), running.deed, heard('statement')))
  await attacked.done()
  t.is(await end(attacked.executor, 'SIGTERM'), 0)
  t.deepEqual(await attacked.marks(), ['running'])
})
