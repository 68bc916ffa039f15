/** The quick look must never say yes where encoding again would say no. */
import test from 'ava'
import fc from 'fast-check'
import { decode, encode } from '@ipld/dag-cbor'
import { isPlainCbor } from '../../src/base/plain-cbor.ts'

const isCanonical = (bytes: Uint8Array): boolean => {
  try {
    return Buffer.compare(encode(decode(bytes)), bytes) === 0
  } catch {
    return false
  }
}

const ascii = fc.string({ unit: 'binary-ascii', maxLength: 30 })
const key = fc.oneof(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 26 }), fc.constantFrom('a', 'b', 'aa', 'ab', '10', '9', 'constructor')).filter((name) => name !== '__proto__')
const { plain } = fc.letrec((tie) => ({
  plain: fc.oneof({ depthSize: 'small' }, fc.maxSafeInteger().filter((value) => Math.abs(value) < Number.MAX_SAFE_INTEGER), fc.integer({ min: -300, max: 300 }), fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -24, -25, -256, -257), fc.boolean(), fc.constant(null), ascii, fc.uint8Array({ maxLength: 300 }), fc.array(tie('plain'), { maxLength: 30 }), fc.dictionary(key, tie('plain'), { maxKeys: 30 }))
}))

test('plain data is told to be plain', (t) => {
  fc.assert(fc.property(plain, (value) => isPlainCbor(encode(value))))
  t.pass()
})

test('what is told to be plain is canonical, however it was altered', (t) => {
  const alteration = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'remove') })
  fc.assert(
    fc.property(plain, fc.array(alteration, { minLength: 1, maxLength: 3 }), (value, alterations) => {
      const bytes = [...encode(value)]
      for (const { at, byte, kind } of alterations) bytes.splice(at % bytes.length, kind === 'insert' ? 0 : 1, ...(kind === 'remove' && bytes.length > 1 ? [] : [byte]))
      const altered = Uint8Array.from(bytes)
      return !isPlainCbor(altered) || isCanonical(altered)
    }),
    { numRuns: 5000 }
  )
  t.pass()
})

test('any few bytes that are told to be plain are canonical', (t) => {
  for (let first = 0; first < 256; first += 1) {
    for (let second = 0; second < 256; second += 1) {
      for (const bytes of [Uint8Array.of(first), Uint8Array.of(first, second), ...[0, 1, 0x60, 0x61, 0xa0, 0xff].map((third) => Uint8Array.of(first, second, third))]) {
        if (isPlainCbor(bytes) && !isCanonical(bytes)) t.fail(`${Buffer.from(bytes).toString('hex')}`)
      }
    }
  }
  t.pass()
})

const isNotPlain = test.macro({
  exec(t, hex: string) {
    t.false(isPlainCbor(Buffer.from(hex, 'hex')))
  },
  title: (name = '') => `not plain: ${name}`
})
test('nothing', isNotPlain, '')
test('a number in more bytes than it needs', isNotPlain, '1817')
test('a number of eight bytes that needs four', isNotPlain, '1b00000000ffffffff')
test('a number beyond the safe ones', isNotPlain, '1b0020000000000000')
test('a list of no fixed length', isNotPlain, '9fff')
test('a list that ends too early', isNotPlain, '8201')
test('something after the end', isNotPlain, '0000')
test('bytes that end too early', isNotPlain, '4201')
test('text beyond ASCII', isNotPlain, '62c3a4')
test('keys that descend', isNotPlain, 'a2616201616101')
test('a longer key before a shorter one', isNotPlain, 'a262616101616201')
test('a key twice', isNotPlain, 'a2616101616102')
test('a key that is no text', isNotPlain, 'a10101')
test('a key that objects take for something else', isNotPlain, `a169${Buffer.from('__proto__').toString('hex')}01`)
test('a fraction', isNotPlain, 'fb3ff8000000000000')
test('a tag', isNotPlain, 'd82a00')
test('undefined', isNotPlain, 'f7')
test('lists in lists without end', isNotPlain, '81'.repeat(100_000))
