/** What both sides of the floor share: one question on a stream of its own, answered with one byte, the exit code. */
import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { limits } from '../src/base/limits.ts'

export const floorProtocol = '/bench/floor/1'

const { network } = limits

/** The stack and the limits of a node, and nothing above them. */
export const createFloorPeer = (listen: readonly string[]): Promise<Libp2p> =>
  createLibp2p({
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxEarlyStreams: network.earlyStreamsMax, streamOptions: { maxStreamWindowSize: network.streamWindowBytesMax } })],
    connectionManager: {
      maxConnections: network.connectionsMax,
      inboundConnectionThreshold: network.inboundConnectionsPerSecondMax,
      maxIncomingPendingConnections: network.incomingPendingConnectionsMax
    }
  })
