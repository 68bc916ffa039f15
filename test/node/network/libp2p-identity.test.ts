import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import test from 'ava'
import { keyIdOfPeer, peerIdOf, privateKeyOf } from '../../../src/node/network/libp2p-identity.ts'
import { keyFor } from '../../fixtures/mesh.ts'

test('a seed is the same key to Writ and to libp2p', async (t) => {
  const { key, seed } = keyFor('a')
  const theirs = await generateKeyPairFromSeed('Ed25519', seed)
  t.true(privateKeyOf(seed).equals(theirs))
  t.is(peerIdOf(key).toString(), peerIdFromPrivateKey(theirs).toString())
  t.is(keyIdOfPeer(peerIdOf(key)), key)
})

test('a peer with another kind of key has no key id', async (t) => {
  t.is(keyIdOfPeer(peerIdFromPrivateKey(await generateKeyPair('secp256k1'))), undefined)
})
