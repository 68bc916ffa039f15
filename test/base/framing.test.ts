import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { concatBytes } from '../../src/base/bytes.ts'
import { encodeFrame, FrameDecoder } from '../../src/base/framing.ts'

const sizeBytesMax = 64

/** Cuts `bytes` at the given places and pushes the parts one after another. */
const pushInChunks = (decoder: FrameDecoder, bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [0, ...[...cuts].sort((left, right) => left - right), bytes.length]
  return places.slice(1).flatMap((end, index) => {
    const pushed = decoder.push(bytes.subarray(places[index], end))
    if (!pushed.ok) throw new Error(pushed.detail)
    return pushed.value
  })
}

test('any chunking of a stream gives the same frames', (t) => {
  const frames = fc.array(fc.uint8Array({ maxLength: sizeBytesMax }), { maxLength: 8 })
  fc.assert(
    fc.property(frames, fc.array(fc.nat({ max: 600 })), (sent, cuts) => {
      const stream = concatBytes(sent.map(encodeFrame))
      t.deepEqual(pushInChunks(new FrameDecoder(sizeBytesMax), stream, cuts.map((cut) => cut % (stream.length + 1))), sent)
    }),
    { numRuns: 500 }
  )
})

test('a stream that arrives byte by byte gives its frames, the empty one included', (t) => {
  const sent = [Uint8Array.of(1, 2, 3), new Uint8Array(), Uint8Array.of(4)]
  const stream = concatBytes(sent.map(encodeFrame))
  t.deepEqual(pushInChunks(new FrameDecoder(sizeBytesMax), stream, stream.keys().toArray()), sent)
})

test('a frame does not change when the chunk that it came in is reused', (t) => {
  const chunk = encodeFrame(Uint8Array.of(7))
  const pushed = new FrameDecoder(sizeBytesMax).push(chunk)
  chunk.fill(0)
  t.deepEqual(pushed, { ok: true, value: [Uint8Array.of(7)] })
})

test('a frame of just the limit passes, one more byte is refused', (t) => {
  t.true(new FrameDecoder(sizeBytesMax).push(encodeFrame(new Uint8Array(sizeBytesMax))).ok)
  t.like(new FrameDecoder(sizeBytesMax).push(encodeFrame(new Uint8Array(sizeBytesMax + 1))), { ok: false, code: 'oversized' })
})

test('an oversized frame is refused by its header, before any of its bytes arrived', (t) => {
  const header = Uint8Array.of(0xff, 0xff, 0xff, 0xff)
  t.like(new FrameDecoder(sizeBytesMax).push(header), { ok: false, code: 'oversized' })

  const decoder = new FrameDecoder(sizeBytesMax)
  t.true(decoder.push(header.subarray(0, 3)).ok)
  t.like(decoder.push(header.subarray(3)), { ok: false, code: 'oversized' })
})

test('an oversized frame is refused when its header arrives behind a good frame', (t) => {
  const stream = concatBytes([encodeFrame(Uint8Array.of(1)), Uint8Array.of(0, 0, 1, 0)])
  t.like(new FrameDecoder(sizeBytesMax).push(stream), { ok: false, code: 'oversized' })
})

test('a large frame in many small chunks costs what it holds, not the square of it', (t) => {
  const frameBytes = 16 << 20
  const stream = encodeFrame(new Uint8Array(frameBytes))
  const decoder = new FrameDecoder(frameBytes)
  const startedAt = performance.now()
  let frames = 0
  for (let start = 0; start < stream.length; start += 1000) {
    const pushed = decoder.push(stream.subarray(start, start + 1000))
    frames += pushed.ok ? pushed.value.length : 0
  }
  t.is(frames, 1)
  // Copying all that is buffered for each chunk would move 140 GB: half a minute at best, against some milliseconds.
  t.true(performance.now() - startedAt < 5000)
})
