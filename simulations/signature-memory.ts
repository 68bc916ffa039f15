/**
 * Signatures are checked for real, on this thread, and the very same one only once: in a simulation every node of a mesh
 * checks what the others have checked before. What the seeded keys of a world themselves have signed is known to be valid,
 * by its exact bytes; all else, as what a hostile node makes up, is computed.
 */
import { isEqualBytes, utf8 } from '../src/base/bytes.ts'
import { entryKind } from '../src/record/entry.ts'
import { noteProven, proveSignature } from '../src/record/proven-signatures.ts'
import type { CheckSignature, Signer } from '../src/record/keys.ts'
import type { KeyId } from '../src/base/brand.ts'

interface Made {
  readonly key: KeyId
  readonly message: Uint8Array
}

/** By the signature, each byte a character. Those of a run with 10,000 nodes are 170,000. */
const made = new Map<string, Made>()
const madeMax = 2 ** 18

export const createSignatureMemory = (): CheckSignature => async (key, message, signature) => {
  const known = made.get(textOf(signature))
  return (known !== undefined && known.key === key && isEqualBytes(known.message, message)) || proveSignature(key, message, signature)
}

/** What it signs is remembered by those memories, and for what is verified on this thread. */
export const rememberSigned = ({ key, sign }: Signer): Signer => ({
  key,
  sign(message) {
    const signature = sign(message)
    if (made.size >= madeMax) made.clear()
    made.set(textOf(signature), { key, message })
    if (!isEntry(message)) noteProven(key, message, signature)
    return signature
  }
})

/** Entries are the most, and are checked by `createSignatureMemory` alone: they would only crowd out the rest. */
const entryDomain = utf8(`writ/1/${entryKind.type}\0`)
const isEntry = (message: Uint8Array): boolean => isEqualBytes(message.subarray(0, entryDomain.length), entryDomain)

const textOf = (signature: Uint8Array): string => Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString('latin1')
