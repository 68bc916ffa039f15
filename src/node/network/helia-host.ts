/** Builds Helia around this node's network: one libp2p instance serves the protocols of Writ, gossip and bitswap. */
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { createHeliaLight } from 'helia'
import { describeError, isWritError, WritError } from '../../base/errors.ts'
import { systemClock, systemTimers } from '../../base/system-clock.ts'
import { systemRandom } from '../../base/system-random.ts'
import { FileBlocks } from '../../content/file-blocks.ts'
import { HeliaContent } from '../../content/helia-content.ts'
import { bitswapInit, heliaInit } from '../../content/helia-options.ts'
import { peerIdOf } from './libp2p-identity.ts'
import type { Content } from '../../content/content.ts'
import type { Libp2pNetwork } from './libp2p-network.ts'
import type { Log } from '../../base/log.ts'

export interface HeliaHost {
  /** Usable for what is here already before the start, for everything after it. */
  readonly content: Content
  /** Starts the network with it. Errors: `cannot-listen`. */
  start(): Promise<void>
  /** Stops Helia and, with it, the network. */
  stop(): Promise<void>
}

/** Starts nothing. Errors: `blocks-unusable`. */
export const createHeliaHost = async (network: Libp2pNetwork, options: { readonly blocks: string; readonly log: Log }): Promise<HeliaHost> => {
  const blocks = await FileBlocks.open(options.blocks, { log: options.log })
  const helia = withBitswap(withLibp2pLight(createHeliaLight(heliaInit(blocks)), network.libp2pOptions()), bitswapInit)
  const content = new HeliaContent({ helia, blocks, peerIdOf, clock: systemClock, timers: systemTimers, random: systemRandom, log: options.log })
  return {
    content,
    start: async () => {
      try {
        await helia.start()
      } catch (error) {
        throw isWritError(error) ? error : new WritError('cannot-listen', `the network cannot be started: ${describeError(error)}`, { cause: error })
      }
    },
    stop: async () => {
      await network.stop()
      await helia.stop()
    }
  }
}
