import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { decode, encode } from '@ipld/dag-cbor'
import { readCanonical } from '../../src/base/cbor-reader.ts'
import { writeCanonical } from '../../src/base/cbor-writer.ts'
import { decodeCbor, encodeCbor, sha256 } from '../../src/base/codec.ts'
import { utf8 } from '../../src/base/bytes.ts'

const leaf = fc.oneof(
  fc.boolean(),
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array()
)
const { plain } = fc.letrec((tie) => ({
  plain: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('plain'), { maxLength: 5 }), fc.dictionary(fc.string(), tie('plain'), { maxKeys: 5, noNullPrototype: true }))
}))

test('whatever is encoded decodes to the same value', (t) => {
  fc.assert(
    fc.property(plain, (value) => {
      const decoded = decodeCbor(encodeCbor(value))
      t.true(decoded.ok)
      if (decoded.ok) t.deepEqual(decoded.value, value)
    }),
    { numRuns: 300 }
  )
})

test('what is accepted encodes to the very bytes that were accepted', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      const decoded = decodeCbor(bytes)
      if (decoded.ok) t.deepEqual(encodeCbor(decoded.value), bytes)
      else t.is(decoded.code, 'malformed')
    }),
    { numRuns: 5000 }
  )
})

test('the writer of one pass writes what the library does, or leaves it to the library', (t) => {
  fc.assert(
    fc.property(plain, (value) => {
      const written = writeCanonical(value)
      if (written !== undefined) t.deepEqual(written, Uint8Array.from(encode(value)))
    }),
    { numRuns: 2000 }
  )
  for (const value of [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    for (const each of [value, -1 - value].filter(Number.isSafeInteger)) t.deepEqual(writeCanonical([each]), Uint8Array.from(encode([each])))
  }
  t.deepEqual(writeCanonical('€'.repeat(100_000)), Uint8Array.from(encode('€'.repeat(100_000))))
  t.deepEqual(writeCanonical({ by: new Uint8Array(70_000), at: [true, null] }), Uint8Array.from(encode({ by: new Uint8Array(70_000), at: [true, null] })))
  for (const value of [1.5, -0, undefined, 2n, { a: undefined }, new Map(), { é: 1 }, '\ud800', Number.NaN]) t.is(writeCanonical(value), undefined)
})

/** Bytes of the right kind with something altered: most of what a reader could get wrong is near what is right. */
const nearlyRight = fc.tuple(plain, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([value, place, change]) => {
  const bytes = Uint8Array.from(encodeCbor(value))
  const index = place % bytes.length
  bytes[index] = (bytes[index] ?? 0) ^ change
  return bytes
})

test('the reader of one pass accepts nothing but the one encoding of what it gives, as the library reads it', (t) => {
  fc.assert(
    fc.property(fc.oneof(nearlyRight, fc.uint8Array({ maxLength: 24 }), plain.map(encodeCbor)), fc.boolean(), (bytes, views) => {
      const value = readCanonical(bytes, { views })
      if (value === undefined) return
      t.deepEqual(encodeCbor(value), bytes)
      t.deepEqual(value, decode(bytes))
    }),
    { numRuns: 5000 }
  )
})

const read = test.macro({
  exec: (t, hex: string, value: unknown) => t.deepEqual(readCanonical(Buffer.from(hex, 'hex'), { views: false }), value),
  title: (name = '') => `the reader of one pass, given ${name}`
})
test('the largest safe integer', read, '1b001fffffffffffff', Number.MAX_SAFE_INTEGER)
test('the next integer, leaves it to the library', read, '1b0020000000000000', undefined)
test('the least safe integer', read, '3b001ffffffffffffe', Number.MIN_SAFE_INTEGER)
test('the integer below, leaves it to the library', read, '3b001fffffffffffff', undefined)
test('a float, leaves it to the library', read, 'fb3ff8000000000000', undefined)
test('a link, leaves it to the library', read, 'd82a41ff', undefined)
test('null', read, 'f6', null)
test('text that is no UTF-8, leaves it to the library', read, '62c328', undefined)
test('text beyond ASCII', read, '63e282ac', '€')
test('bytes after the value, leaves them to the library', read, '0000', undefined)
test('a map with a key that would change its prototype', read, 'a1695f5f70726f746f5f5f00', undefined)
test('a list that claims more items than there are', read, '9affffffff01', undefined)
test('lists within lists beyond any shape, leaves them to the library', read, `${'81'.repeat(40)}01`, undefined)

test('byte strings are copies unless views are wanted', (t) => {
  const bytes = encodeCbor([new Uint8Array([1, 2])])
  for (const views of [false, true]) {
    const [inner] = readCanonical(bytes, { views }) as [Uint8Array]
    t.is(inner.buffer === bytes.buffer, views)
  }
})

test('the order in which fields were set does not reach the bytes', (t) => {
  t.deepEqual(encodeCbor({ a: 1, bb: 2, c: 3 }), encodeCbor({ c: 3, bb: 2, a: 1 }))
})

const isRefused = test.macro({
  exec(t, hex: string) {
    const decoded = decodeCbor(new Uint8Array(Buffer.from(hex, 'hex')))
    t.like(decoded, { ok: false, code: 'malformed' })
  },
  title: (name = '') => `${name} is refused`
})

test('nothing at all', isRefused, '')
test('an integer in more bytes than it needs', isRefused, '1801')
test('a whole number as a float', isRefused, 'fb3ff0000000000000')
test('a float in half precision', isRefused, 'f93e00')
test('a text of indefinite length', isRefused, '7f6161ff')
test('an array of indefinite length', isRefused, '9f01ff')
test('a map whose keys are not sorted', isRefused, 'a2616201616101')
test('a map with one key twice', isRefused, 'a2616101616102')
test('a map with a key that is no text', isRefused, 'a10102')
test('an unknown tag', isRefused, 'c101')
test('undefined', isRefused, 'f7')
test('not-a-number', isRefused, 'fb7ff8000000000000')
test('a text that is not UTF-8', isRefused, '62c328')
test('a value with bytes after it', isRefused, '0100')
test('a value that breaks off', isRefused, '8201')

test('nesting deeper than the stack is refused, not thrown', (t) => {
  t.like(decodeCbor(new Uint8Array(200_000).fill(0x81)), { ok: false, code: 'malformed' })
})

test('a field called __proto__ is a field like any other and reaches no prototype', (t) => {
  const decoded = decodeCbor(encodeCbor(JSON.parse('{"__proto__":{"isAdmin":true}}')))
  t.true(decoded.ok)
  if (!decoded.ok) return
  t.deepEqual(Object.keys(Object(decoded.value)), ['__proto__'])
  t.false('isAdmin' in Object(decoded.value))
})

test('SHA-256 gives the digest of the standard\'s own example, in one part or several', (t) => {
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  t.is(Buffer.from(sha256(utf8('abc'))).toString('hex'), expected)
  t.is(Buffer.from(sha256(utf8('a'), utf8('bc'))).toString('hex'), expected)
})
