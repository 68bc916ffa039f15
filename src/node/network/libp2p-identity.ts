/** A node's key in libp2p's terms. Writ knows Ed25519 alone: a peer with another kind of key has no key id. */
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { concatBytes } from '../../base/bytes.ts'
import { keyIdOf, rawKeyOf, signerFromSeed } from '../../record/keys.ts'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import type { KeyId } from '../../base/brand.ts'

/** A raw Ed25519 seed, 32 bytes, to libp2p's private key; libp2p keeps seed and public key side by side. */
export const privateKeyOf = (seed: Uint8Array): PrivateKey => privateKeyFromRaw(concatBytes([seed, rawKeyOf(signerFromSeed(seed).key)]))

export const peerIdOf = (key: KeyId): PeerId => peerIdFromPublicKey(publicKeyFromRaw(rawKeyOf(key)))

export const keyIdOfPeer = (peer: PeerId): KeyId | undefined => (peer.type === 'Ed25519' && peer.publicKey !== undefined ? keyIdOf(peer.publicKey.raw) : undefined)
