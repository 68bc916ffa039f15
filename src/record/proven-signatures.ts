/**
 * Signatures that were found valid before, each by the hash of its exact bytes, message and key included: what was
 * proved once is not computed again. A fleet's credentials, of four signatures each, come with every connection, and once
 * more in the log of each node; an order comes by gossip, by pull and by submission.
 *
 * Only valid ones are remembered, so nobody can fill the memory but with signatures that were really made.
 */
import { hash } from 'node:crypto'
import { concatBriefly, utf8 } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { verifySignatureSync } from './keys.ts'
import type { KeyId } from '../base/brand.ts'

const { provenSignaturesMax } = limits.record

let recent = new Set<string>()
/** The generation before: what is asked for again moves on, the rest goes. */
let earlier = new Set<string>()

export const proveSignature = (key: KeyId, message: Uint8Array, signature: Uint8Array): boolean => {
  const exact = markOf(key, message, signature)
  if (recent.has(exact)) return true
  if (!earlier.has(exact) && !verifySignatureSync(key, message, signature)) return false
  note(exact)
  return true
}

/** One that was just made by its key needs no proof. */
export const noteProven = (key: KeyId, message: Uint8Array, signature: Uint8Array): void => note(markOf(key, message, signature))

const note = (exact: string): void => {
  if (recent.size >= provenSignaturesMax / 2) [earlier, recent] = [recent, new Set()]
  recent.add(exact)
}

/** Equal for the very same three alone. */
const markOf = (key: KeyId, message: Uint8Array, signature: Uint8Array): string =>
  hash('sha256', concatBriefly([utf8(`${key} ${signature.length} `), signature, message]), 'base64')
