/**
 * Signatures are checked for real, on this thread, and each very same one only once: in a simulation every node of a
 * mesh checks what the others have checked before.
 */
import { verifySignatureSync, type CheckSignature } from '../src/record/keys.ts'
import { markOf } from '../src/record/proven-signatures.ts'

/** About 100 bytes each. */
const rememberedMax = 500_000

export const createSignatureMemory = (): CheckSignature => {
  const known = new Map<string, boolean>()
  return async (key, message, signature) => {
    const exact = markOf(key, message, signature)
    const before = known.get(exact)
    if (before !== undefined) return before
    const isValid = verifySignatureSync(key, message, signature)
    if (known.size >= rememberedMax) known.clear()
    known.set(exact, isValid)
    return isValid
  }
}
