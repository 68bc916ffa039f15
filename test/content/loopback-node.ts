/** A real Helia node on loopback, without a mesh's hello, and the content over it. */
import { noise } from '@chainsafe/libp2p-noise'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createHeliaLight } from 'helia'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { KeyId } from '../../src/base/brand.ts'
import { silentLog } from '../../src/base/log.ts'
import { systemClock, systemTimers } from '../../src/base/system-clock.ts'
import type { Random } from '../../src/base/random.ts'
import { systemRandom } from '../../src/base/system-random.ts'
import { FileBlocks } from '../../src/content/file-blocks.ts'
import { HeliaContent } from '../../src/content/helia-content.ts'
import { bitswapInit, heliaInit } from '../../src/content/helia-options.ts'
import { keyIdOf, rawKeyOf } from '../../src/record/keys.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

export const peerIdOf = (key: KeyId) => peerIdFromPublicKey(publicKeyFromRaw(rawKeyOf(key)))

/** Peers are asked in the order in which they are named. */
const inOrder: Random = { bytes: (length) => systemRandom.bytes(length), fraction: () => 0 }

export const startNode = async (t: ExecutionContext) => {
  const blocks = await FileBlocks.open(join(await temporaryDirectory(t), 'blocks'), { log: silentLog })
  const composed = withBitswap(
    withLibp2pLight(createHeliaLight(heliaInit(blocks)), {
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() }
    }),
    bitswapInit
  )
  await composed.start()
  t.teardown(() => composed.stop())
  const { libp2p } = composed
  const publicKey = libp2p.peerId.publicKey
  if (publicKey === undefined) throw new Error('the node has no Ed25519 key')
  const key = keyIdOf(publicKey.raw)
  const content = new HeliaContent({ helia: composed, blocks, peerIdOf, clock: systemClock, timers: systemTimers, random: inOrder, log: silentLog })
  return { key, blocks, content, libp2p }
}

export type LoopbackNode = Awaited<ReturnType<typeof startNode>>

export const connect = async (from: LoopbackNode, to: LoopbackNode): Promise<void> => {
  await from.libp2p.dial(to.libp2p.getMultiaddrs())
}
