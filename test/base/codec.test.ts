import test from 'ava'
import fc from 'fast-check'
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
