/**
 * Signatures are checked for real, on this thread, and the very same one only once: in a simulation every node of a mesh
 * checks what the others have checked before. What the seeded keys of a world themselves have signed is known to be valid,
 * by its exact bytes; all else, as what a hostile node makes up, is computed.
 */
import { noteProven, proveSignature } from '../src/record/proven-signatures.ts'
import type { CheckSignature, Signer } from '../src/record/keys.ts'

export const createSignatureMemory = (): CheckSignature => async (key, message, signature) => proveSignature(key, message, signature)

export const rememberSigned = ({ key, sign }: Signer): Signer => ({
  key,
  sign(message) {
    const signature = sign(message)
    noteProven(key, message, signature)
    return signature
  }
})
