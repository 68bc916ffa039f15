import { multiaddrConnectionPair, streamPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import test from 'ava'
import { utf8 } from '../../../src/base/bytes.ts'
import { encodeFrame } from '../../../src/base/framing.ts'
import { limits } from '../../../src/base/limits.ts'
import { reject } from '../../../src/base/result.ts'
import { WritError } from '../../../src/base/errors.ts'
import { silentLog } from '../../../src/base/log.ts'
import { decodeAnswerFrame } from '../../../src/node/network/answer-frame.ts'
import { FrameStream } from '../../../src/node/network/libp2p-frames.ts'
import { serve } from '../../../src/node/network/libp2p-exchange.ts'
import { keyFor } from '../../fixtures/mesh.ts'
import { admitGuest } from '../in-memory.ts'
import type { Stream } from '@libp2p/interface'
import type { Handler } from '../../../src/node/network/network.ts'

const never = new AbortController().signal

const metered = (sizeBytesMax = Number.POSITIVE_INFINITY) => {
  const meter = { heldBytes: 0, hold: (sizeBytes: number) => meter.heldBytes + sizeBytes <= sizeBytesMax && ((meter.heldBytes += sizeBytes), true), release: (sizeBytes: number) => void (meter.heldBytes -= sizeBytes) }
  return meter
}

/** A stream with a window, as connections have it; `meet` gets its other end. */
const muxedStream = async (meet: (far: Stream) => void): Promise<Stream> => {
  const [outbound, inbound] = multiaddrConnectionPair()
  const factory = yamux({ enableKeepAlive: false })()
  factory.createStreamMuxer(inbound).addEventListener('stream', ({ detail }) => meet(detail))
  return factory.createStreamMuxer(outbound).createStream()
}

const serving = (frames: FrameStream, patienceMs: number, handler: Handler = async (_, message) => message) =>
  serve({
    service: { protocol: '/test/1', who: () => true, handler },
    frames, patienceMs, admission: admitGuest(keyFor('asker').key), log: silentLog, turn: async () => undefined
  })

test('a question that is begun and not finished is given up in time', async (t) => {
  const [near, far] = await streamPair()
  const asker = new FrameStream(far, 1000)
  far.send(encodeFrame(utf8('half of it')).subarray(0, 8))
  const refusal = await serving(new FrameStream(near, 1000), 20)
  t.is(refusal?.code, 'request-timeout')
  t.like(decodeAnswerFrame((await asker.next(never)) ?? new Uint8Array()), { ok: true, value: { kind: 'refused', code: 'request-timeout' } })
  t.not(near.status, 'open')
})

const counts = test.macro({
  title: (_, what: string, code: string | undefined) => `${what} ${code === undefined ? 'does not count' : 'counts'} against the asker`,
  exec: async (t, _: string, code: string | undefined, handler: Handler) => {
    const [near, far] = await streamPair()
    const asker = new FrameStream(far, 1000)
    await asker.send([utf8('question')], never)
    t.is((await serving(new FrameStream(near, 1000), 10_000, handler))?.code, code)
    t.like(decodeAnswerFrame((await asker.next(never)) ?? new Uint8Array()), { ok: true, value: { kind: 'refused' } })
  }
})
test(counts, 'a question that is garbage', 'malformed', async () => reject('malformed', 'no'))
test(counts, 'an answer that got too large', undefined, async () => new Uint8Array(limits.network.messageBytesMax + 1))
test(counts, 'the silence of a peer that was asked for it', undefined, async () => { throw new WritError('request-timeout', 'no answer', { details: { peer: keyFor('third').key } }) })

test('a stream that its asker leaves open after the answer is ended in time', async (t) => {
  const [near, far] = await streamPair()
  const asker = new FrameStream(far, 1000)
  await asker.send([utf8('all of it')], never)
  t.is(await serving(new FrameStream(near, 1000, { stallMs: 20 }), 10_000), undefined)
  t.like(decodeAnswerFrame((await asker.next(never)) ?? new Uint8Array()), { ok: true, value: { kind: 'answer' } })
  t.is(near.status, 'aborted')
})

test('an answer that is not taken is given up in time, and its memory given back', async (t) => {
  const near = await muxedStream((far) => far.pause())
  const meter = metered()
  const frames = new FrameStream(near, 1000, { meter, stallMs: 20 })
  const sizeBytes = 1024 * 1024
  const sent = frames.send([new Uint8Array(sizeBytes)], never)
  t.is(meter.heldBytes, sizeBytes + 4)
  await t.throwsAsync(sent, { code: 'request-timeout' })
  t.is(meter.heldBytes, 0)
})

test('what is read counts until the stream is gone', async (t) => {
  const [near, far] = await streamPair()
  const meter = metered()
  const frames = new FrameStream(near, 1000, { meter })
  far.send(encodeFrame(new Uint8Array(500)))
  await frames.next(never)
  t.is(meter.heldBytes, 504)
  far.abort(new Error('away'))
  await new Promise<void>((resolve) => (frames.gone.aborted ? resolve() : frames.gone.addEventListener('abort', () => resolve())))
  t.is(meter.heldBytes, 0)
})

test('whoever may hold no more is told so, in both directions', async (t) => {
  const [near, far] = await streamPair()
  const frames = new FrameStream(near, 1000, { meter: metered(100) })
  await t.throwsAsync(frames.send([new Uint8Array(200)], never), { code: 'too-many-requests' })
  far.send(encodeFrame(new Uint8Array(200)))
  await t.throwsAsync(frames.next(never), { code: 'too-many-requests' })
})

test('an answer whose asker takes a little and leaves within one packet is not waited for', async (t) => {
  const near = await muxedStream((far) => far.pause())
  const sent = new FrameStream(near, 1000).send([new Uint8Array(1024 * 1024)], never)
  near.dispatchEvent(new Event('drain'))
  ;(near as Stream & { onRemoteReset(): void }).onRemoteReset()
  await t.throwsAsync(sent, { code: 'connection-lost' })
})
