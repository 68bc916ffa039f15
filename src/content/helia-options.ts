/**
 * How Helia and bitswap are set up: the composition root passes these to `createHeliaLight` and `withBitswap`.
 */
import type { BitswapOptions } from '@helia/bitswap'
import type { HeliaInit } from 'helia'
import { limits } from '../base/limits.ts'
import type { FileBlocks } from './file-blocks.ts'

/**
 * No routers and no brokers besides bitswap: a private mesh asks nobody else. The datastore stays Helia's own, in
 * memory: keys come from the node's home, and what is kept follows from the orders, not from pins.
 */
export const heliaInit = (blocks: FileBlocks): HeliaInit => ({ blockstore: blocks })

export const bitswapInit: BitswapOptions = {
  messageSendTimeout: limits.fetch.messageTimeoutMs,
  messageReceiveTimeout: limits.fetch.messageTimeoutMs,
  sendBlocksTimeout: limits.fetch.messageTimeoutMs,
  // A block above this would be sent as empty messages without end, which is why the block store takes none.
  maxOutgoingMessageSize: limits.fetch.messageBytesMax,
  maxIncomingMessageSize: 2 * limits.fetch.messageBytesMax,
  // Each node asks for a block once at a time; when it asks again, the block was lost on the way.
  doNotResendBlockWindow: 0
}
