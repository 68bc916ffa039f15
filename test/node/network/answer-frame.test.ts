import test from 'ava'
import { fc } from '../../fixtures/properties.ts'
import { decodeAnswerFrame, encodeAnswer, encodeEnd, encodeRefusal } from '../../../src/node/network/answer-frame.ts'

test('answers, refusals and the end survive their encoding', (t) => {
  t.deepEqual(decodeAnswerFrame(encodeAnswer(Uint8Array.of(1, 2))), { ok: true, value: { kind: 'answer', bytes: Uint8Array.of(1, 2) } })
  t.deepEqual(decodeAnswerFrame(encodeAnswer(new Uint8Array())), { ok: true, value: { kind: 'answer', bytes: new Uint8Array() } })
  t.deepEqual(decodeAnswerFrame(encodeRefusal({ code: 'no-such-thing', detail: 'there is none' })), { ok: true, value: { kind: 'refused', code: 'no-such-thing', detail: 'there is none' } })
  t.deepEqual(decodeAnswerFrame(encodeEnd()), { ok: true, value: { kind: 'end' } })
})

test('a long detail is cut to what a reader accepts', (t) => {
  t.like(decodeAnswerFrame(encodeRefusal({ code: 'no', detail: 'x'.repeat(5000) })), { ok: true, value: { kind: 'refused', detail: 'x'.repeat(1024) } })
})

test('any other bytes are malformed, never an exception', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const decoded = decodeAnswerFrame(bytes)
      t.is(decoded.ok, bytes[0] === 0 || (bytes[0] === 2 && bytes.length === 1))
    })
  )
})
