/**
 * Signatures that were found valid before, each by the hash of its exact bytes, message and key included: what was
 * proved once is not computed again. A fleet's credentials, of four signatures each, come with every connection, and once
 * more in the log of each node; an order comes by gossip, by pull and by submission.
 *
 * Only valid ones are remembered, so nobody can fill the memory but with signatures that were really made.
 */
import { hash } from 'node:crypto'
import { BoundedMap } from '../base/bounded-map.ts'
import { concatBriefly, utf8 } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { verifySignatureSync } from './keys.ts'
import type { KeyId } from '../base/brand.ts'

export interface ProvenSignatures {
  /** As `verify`, which is asked only about what is not among those remembered. */
  readonly proveSignature: typeof verifySignatureSync
  /** This one was made in this process: it is valid. */
  readonly noteProven: (key: KeyId, message: Uint8Array, signature: Uint8Array) => void
}

/** Remembers the last `sizeMax`. */
export const rememberProven = (verify: typeof verifySignatureSync, sizeMax: number): ProvenSignatures => {
  const proven = new BoundedMap<string, true>(sizeMax)
  return {
    proveSignature(key, message, signature) {
      const exact = markOf(key, message, signature)
      if (proven.get(exact) !== undefined) return true
      if (!verify(key, message, signature)) return false
      proven.set(exact, true)
      return true
    },
    noteProven: (key, message, signature) => proven.set(markOf(key, message, signature), true)
  }
}

/** Equal for the very same three alone. */
const markOf = (key: KeyId, message: Uint8Array, signature: Uint8Array): string =>
  hash('sha256', concatBriefly([utf8(`${key} ${signature.length} `), signature, message]), 'base64')

export const { proveSignature, noteProven } = rememberProven(verifySignatureSync, limits.record.provenSignaturesMax)
