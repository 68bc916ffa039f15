/**
 * Signatures are checked for real, on this thread, and each very same one only once: in a simulation every node of a
 * mesh checks what the others have checked before.
 */
import { toBase32, utf8 } from '../src/base/bytes.ts'
import { sha256 } from '../src/base/codec.ts'
import { verifySignatureSync, type CheckSignature } from '../src/record/keys.ts'

/** About 100 bytes each. */
const rememberedMax = 500_000

export const createSignatureMemory = (): CheckSignature => {
  const known = new Map<string, boolean>()
  return async (key, message, signature) => {
    const exact = toBase32(sha256(utf8(`${key} ${signature.length} `), signature, message))
    const before = known.get(exact)
    if (before !== undefined) return before
    const isValid = verifySignatureSync(key, message, signature)
    if (known.size >= rememberedMax) known.clear()
    known.set(exact, isValid)
    return isValid
  }
}
