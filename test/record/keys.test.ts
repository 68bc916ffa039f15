import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { keyIdOf, rawKeyOf, signerFromSeed, verifySignature, verifySignatureSync } from '../../src/record/keys.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { keyFor } from '../fixtures/mesh.ts'
import type { KeyId } from '../../src/base/brand.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

const matchesVector = test.macro({
  exec(t, seed: string, publicKey: string, message: string, signature: string) {
    const signer = signerFromSeed(hex(seed))
    t.deepEqual(rawKeyOf(signer.key), hex(publicKey))
    t.deepEqual(signer.sign(hex(message)), hex(signature))
    t.true(verifySignatureSync(signer.key, hex(message), hex(signature)))
  },
  title: (name = '') => `${name} of RFC 8032, section 7.1, gives its public key and signature`
})

test(
  'test 1',
  matchesVector,
  '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
  'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  '',
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'
)
test(
  'test 2',
  matchesVector,
  '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  '72',
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
)
test(
  'test 3',
  matchesVector,
  'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
  'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
  'af82',
  '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'
)

test('a signature holds for its message and key alone, on this thread and on the pool', async (t) => {
  const [signer, other] = [keyFor('one'), keyFor('other')]
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 64 }), async (message, different) => {
      fc.pre(Buffer.compare(message, different) !== 0)
      const signature = signer.sign(message)
      for (const [key, bytes, expected] of [[signer.key, message, true], [signer.key, different, false], [other.key, message, false]] as const) {
        t.is(verifySignatureSync(key, bytes, signature), expected)
        t.is(await verifySignature(key, bytes, signature), expected)
      }
    }),
    { numRuns: 30 }
  )
})

const isNoSignature = test.macro({
  async exec(t, key: KeyId, signature: Uint8Array) {
    t.false(verifySignatureSync(key, utf8('message'), signature))
    t.false(await verifySignature(key, utf8('message'), signature))
  },
  title: (name = '') => `${name} verifies nothing and throws nothing`
})

const { key, sign } = keyFor('one')
const signature = sign(utf8('message'))
test('a signature of no bytes', isNoSignature, key, new Uint8Array())
test('a signature that is cut short', isNoSignature, key, signature.subarray(1))
test('a signature with a byte too many', isNoSignature, key, Uint8Array.of(...signature, 0))
test('a key of the wrong length', isNoSignature, 'aa' as KeyId, signature)
test('a key that is no base32', isNoSignature, '!' as KeyId, signature)
test('a key that is no point of the curve', isNoSignature, keyIdOf(new Uint8Array(32).fill(0xff)), signature)

test('a key and its id are two forms of the same bytes', (t) => {
  t.is(keyIdOf(rawKeyOf(key)), key)
  t.is(key.length, 52)
})
