import { fc } from '../fixtures/properties.ts'
import test from 'ava'
import { crc32c } from '../../src/base/crc32c.ts'
import { decompressSnappy } from '../../src/base/snappy.ts'
import { encodeVarint, readVarint } from '../../src/base/varint.ts'
import { toText, utf8 } from '../../src/base/bytes.ts'

const unpacks = test.macro({
  exec(t, bytes: readonly number[], expected: string | null) {
    const unpacked = decompressSnappy(Uint8Array.from(bytes), 1000)
    t.is(unpacked === null ? null : toText(unpacked), expected)
  },
  title: (name = '') => `a Snappy block ${name}`
})
test('of one literal', unpacks, [3, 2 << 2, 97, 98, 99], 'abc')
test('with a literal whose length has a byte of its own', unpacks, [61, 60 << 2, 60, ...Array.from({ length: 61 }, () => 120)], 'x'.repeat(61))
test('with a copy that reads what it writes', unpacks, [8, 1 << 2, 97, 98, ((6 - 4) << 2) | 1, 2], 'abababab')
test('with a copy of two bytes of offset', unpacks, [6, 2 << 2, 97, 98, 99, (2 << 2) | 2, 3, 0], 'abcabc')
test('with a copy of four bytes of offset', unpacks, [6, 2 << 2, 97, 98, 99, (2 << 2) | 3, 3, 0, 0, 0], 'abcabc')
test('that copies from before its beginning is refused', unpacks, [4, 0, 97, (2 << 2) | 2, 9, 0], null)
test('that is longer than it says is refused', unpacks, [1, 2 << 2, 97, 98, 99], null)
test('that is shorter than it says is refused', unpacks, [9, 2 << 2, 97, 98, 99], null)
test('that is larger than is allowed is refused', unpacks, [0xe9, 7, 0, 97], null)
test('that ends in a literal is refused', unpacks, [3, 2 << 2, 97], null)
test('that is empty is refused', unpacks, [], null)

test('no bytes make the decompression throw', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    const unpacked = decompressSnappy(bytes, 4096)
    return unpacked === null || unpacked.length <= 4096
  }))
  t.pass()
})

test('a varint reads as it was written, and one that does not end is none', (t) => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 48 }), (value) => {
    const bytes = encodeVarint(value)
    const read = readVarint(bytes, 0)
    return read !== null && read.value === value && read.next === bytes.length && readVarint(bytes.subarray(0, -1), 0) === null
  }))
  t.is(readVarint(Uint8Array.from({ length: 9 }, () => 0xff), 0), null)
})

test('CRC-32C gives the sums of RFC 3720, wherever the bytes lie', (t) => {
  t.is(crc32c(utf8('123456789')), 0xe3069283)
  t.is(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.is(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  t.is(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e)
  t.is(crc32c(utf8('xx123456789yy'), 2, 11), 0xe3069283)
})
