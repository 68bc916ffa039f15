import test from 'ava'
import fc from 'fast-check'
import { limits } from '../../src/base/limits.ts'
import { noteProven, proveSignature } from '../../src/record/proven-signatures.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { keyFor } from '../fixtures/mesh.ts'

const [signer, other] = [keyFor('one'), keyFor('other')]

test('what was proved once holds for the very same key, message and signature alone', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(63), fc.uint8Array({ maxLength: 64 }), (message, at, different) => {
      fc.pre(Buffer.compare(message, different) !== 0)
      const signature = signer.sign(message)
      const altered = signature.slice()
      altered[at] = (altered[at] ?? 0) ^ 1
      for (let turn = 0; turn < 2; turn += 1) {
        t.true(proveSignature(signer.key, message, signature))
        t.false(proveSignature(other.key, message, signature))
        t.false(proveSignature(signer.key, different, signature))
        t.false(proveSignature(signer.key, message, altered))
        t.false(proveSignature(signer.key, message, signature.subarray(1)))
        t.false(proveSignature(signer.key, Uint8Array.of(...signature.subarray(-1), ...message), signature.subarray(0, 63)))
      }
    }),
    { numRuns: 30 }
  )
})

test('a signature that was just made counts as proven while it is remembered, which is not for ever', (t) => {
  // No signature at all, so that what is remembered can be told from what is computed.
  const [noted, asked, never] = ['noted', 'asked', 'never'].map(utf8) as [Uint8Array, Uint8Array, Uint8Array]
  const invalid = new Uint8Array(64)
  t.false(proveSignature(signer.key, never, invalid))
  noteProven(signer.key, noted, invalid)
  noteProven(signer.key, asked, invalid)
  for (let number = 0; number < limits.record.provenSignaturesMax; number += 1) {
    noteProven(signer.key, utf8(`filler ${number}`), invalid)
    // What is asked for again and again stays.
    if (number % 1000 === 0) t.true(proveSignature(signer.key, asked, invalid))
  }
  t.true(proveSignature(signer.key, asked, invalid))
  t.false(proveSignature(signer.key, noted, invalid))
  t.false(proveSignature(signer.key, never, invalid))
})
