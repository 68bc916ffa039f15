/**
 * Signatures are checked for real, on this thread, and the very same one only once: in a simulation every node of a mesh
 * checks what the others have checked before.
 */
import { proveSignature } from '../src/record/proven-signatures.ts'
import type { CheckSignature } from '../src/record/keys.ts'

export const createSignatureMemory = (): CheckSignature => async (key, message, signature) => proveSignature(key, message, signature)
