/**
 * Ed25519 keys, by node:crypto. The callback form of verify runs on the thread pool and so uses every core;
 * bench `signatures` holds the measurement behind this choice.
 */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { BoundedMap } from '../base/bounded-map.ts'
import { fromBase32, toBase32 } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import type { KeyId } from '../base/brand.ts'

export interface Signer {
  readonly key: KeyId
  sign(message: Uint8Array): Uint8Array
}

/** A raw Ed25519 seed, 32 bytes, to a signer. */
export const signerFromSeed = (seed: Uint8Array): Signer => {
  // RFC 8410, section 7: the PKCS #8 form of an Ed25519 private key is a fixed prefix and the seed.
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
  // RFC 8037, section 2: `x` is the public key.
  const { x = '' } = privateKey.export({ format: 'jwk' })
  return { key: keyIdOf(Buffer.from(x, 'base64url')), sign: (message) => new Uint8Array(sign(null, message, privateKey)) }
}

export const keyIdOf = (rawPublicKey: Uint8Array): KeyId => toBase32(rawPublicKey) as KeyId
export const rawKeyOf = (key: KeyId): Uint8Array => fromBase32(key)

/** For keys that are met once, as those of an invite: they take no room among those that come again. */
export const verifySignatureSync = (key: KeyId, message: Uint8Array, signature: Uint8Array): boolean => {
  const publicKey = imported.get(key) ?? openKey(key)
  return publicKey !== undefined && signature.length === signatureBytes && verify(null, message, publicKey, signature)
}

/** Whether a signature over a message is that key's. Production asks `verifySignature`; simulations may remember answers. */
export type CheckSignature = (key: KeyId, message: Uint8Array, signature: Uint8Array) => Promise<boolean>

export const verifySignature: CheckSignature = (key, message, signature) => {
  const publicKey = importKey(key)
  if (publicKey === undefined || signature.length !== signatureBytes) return Promise.resolve(false)
  return new Promise((resolve) => {
    verify(null, message, publicKey, signature, (error, valid) => resolve(error === null && valid))
  })
}

const signatureBytes = 64
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** Importing a key costs as much as half a verification; a fleet's keys come again and again. */
const imported = new BoundedMap<KeyId, KeyObject>(limits.record.importedKeysMax)

const importKey = (key: KeyId): KeyObject | undefined => {
  const known = imported.get(key)
  if (known !== undefined) return known
  const publicKey = openKey(key)
  if (publicKey !== undefined) imported.set(key, publicKey)
  return publicKey
}

const openKey = (key: KeyId): KeyObject | undefined => {
  try {
    return createPublicKey({ key: Buffer.concat([spkiPrefix, rawKeyOf(key)]), format: 'der', type: 'spki' })
  } catch {
    return undefined // 32 bytes that are no curve point: nothing can be signed by them
  }
}
