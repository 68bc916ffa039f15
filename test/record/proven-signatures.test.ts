import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { limits } from '../../src/base/limits.ts'
import { proveSignature, rememberProven } from '../../src/record/proven-signatures.ts'
import { toText, utf8 } from '../../src/base/bytes.ts'
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

test('what was found valid is asked about no more while it is remembered, which is not for ever; what was not is asked about each time', (t) => {
  const asked: string[] = []
  const { provenSignaturesMax } = limits.record
  const { proveSignature: prove, noteProven } = rememberProven((_key, message) => {
    asked.push(toText(message))
    return toText(message) !== 'forged'
  }, provenSignaturesMax)
  const signature = new Uint8Array(64)
  const proves = (message: string): boolean => prove(signer.key, utf8(message), signature)
  for (const message of ['seldom', 'often', 'often', 'seldom']) t.true(proves(message))
  for (let time = 0; time < 2; time += 1) t.false(proves('forged'))
  t.deepEqual(asked, ['seldom', 'often', 'forged', 'forged'])
  for (let number = 0; number < provenSignaturesMax; number += 1) {
    proves(`filler ${number}`)
    if (number % 1000 === 0) proves('often')
  }
  t.deepEqual(asked.filter((message) => message === 'often'), ['often'])
  t.true(proves('seldom'))
  t.is(asked.at(-1), 'seldom')
  noteProven(signer.key, utf8('own'), signature)
  t.true(proves('own'))
  t.is(asked.at(-1), 'seldom')
})
