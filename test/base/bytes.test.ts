import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { compareBytes, compareCodePoints, compareText, concatBytes, fromBase32, isEqualBytes, toBase32, toText, utf8 } from '../../src/base/bytes.ts'

test('base32 is lower-case, unpadded and reversible', (t) => {
  t.is(toBase32(utf8('foobar')), 'mzxw6ytboi') // RFC 4648, section 10
  fc.assert(fc.property(fc.uint8Array(), (bytes) => t.deepEqual(fromBase32(toBase32(bytes)), bytes)))
})

test('base32 whose last character carries bits beyond the last byte is no base32', (t) => {
  t.is(toBase32(new Uint8Array(1)), 'aa')
  t.throws(() => fromBase32('ab'))
})

test('bytes compare as Buffer compares them', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (left, right) => {
      t.true(compareBytes(left, right) === Math.sign(Buffer.compare(left, right)))
      t.is(isEqualBytes(left, right), Buffer.compare(left, right) === 0)
    })
  )
})

test('code points compare as their UTF-8 bytes do', (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u{e9}', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{10000}', '\u{10ffff}'), maxLength: 4 })
  fc.assert(
    fc.property(text, text, (left, right) => {
      t.is(compareCodePoints(left, right), compareBytes(utf8(left), utf8(right)))
    }),
    { numRuns: 500 }
  )
})

test('text compares by code unit, whatever the locale', (t) => {
  t.deepEqual(['b', 'a', 'B', 'ä', '10', '9'].sort(compareText), ['10', '9', 'B', 'a', 'b', 'ä'])
  t.is(compareText('a', 'a'), 0)
})

test('joined parts keep their order and are a copy', (t) => {
  const part = utf8('ab')
  const joined = concatBytes([part, new Uint8Array(), utf8('c')])
  part[0] = 0
  t.is(toText(joined), 'abc')
})

test('bytes that are no UTF-8 become the replacement character', (t) => {
  t.is(toText(Uint8Array.of(0x61, 0xff)), 'a\u{fffd}')
})
