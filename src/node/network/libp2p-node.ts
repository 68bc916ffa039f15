/**
 * The settings of libp2p for a private mesh: TCP, Noise with the hello inside, yamux; identify and ping; gossip if it is
 * wanted. No bootstrap list, router, relay, discovery or gateway: nobody is contacted who was not named.
 */
import { identify, type Identify } from '@libp2p/identify'
import { ping, type Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { limits } from '../../base/limits.ts'
import { createGossip } from './libp2p-gossip.ts'
import { privateKeyOf } from './libp2p-identity.ts'
import type { ComponentLogger, ConnectionEncrypter, ConnectionGater, Libp2pEvents, Logger, MessageStream, TypedEventTarget } from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar } from '@libp2p/interface-internal'
import type { GossipSub } from '@libp2p/gossipsub'
import type { Libp2pInit, Libp2pOptions } from 'libp2p'

/** What Writ uses of libp2p's inside. */
export interface HostComponents {
  readonly registrar: Registrar
  readonly connectionManager: ConnectionManager
  readonly addressManager: AddressManager
  readonly events: TypedEventTarget<Libp2pEvents>
}

/** Driven by libp2p: `start` comes before it listens, `afterStart` when its other services run, `beforeStop` while they still do. */
export interface WritService {
  start(): Promise<void>
  afterStart(): void
  beforeStop(): Promise<void>
  /** Nothing is left to do, but libp2p takes only what has both ends for a service to start. */
  stop(): void
}

export interface WritServices extends Record<string, unknown> {
  readonly identify: Identify
  readonly ping: Ping
  readonly writ: WritService
  readonly pubsub?: GossipSub
}

export interface Libp2pNodeOptions {
  /** Raw Ed25519 seed of the peer key, 32 bytes. */
  readonly seed: Uint8Array
  /** Multiaddrs to listen on; none for a node that only dials. */
  readonly listen: readonly string[]
  /** Every topic that is published or heard here; null does without gossip. */
  readonly gossipTopics: readonly string[] | null
}

export interface Libp2pNodeParts {
  readonly encrypter: NonNullable<Libp2pInit['connectionEncrypters']>[number] | (() => ConnectionEncrypter)
  readonly writ: (components: HostComponents) => WritService
  readonly onGossip: (service: GossipSub) => void
  readonly gater: ConnectionGater
  /** Asked for each stream that the other side opens on a connection, as the encrypter returned it, before its protocol is negotiated. */
  readonly mayOpen: (connection: MessageStream) => boolean
}

const { network } = limits

/** Options for `createLibp2p`, or for `withLibp2pLight`; each use makes services of its own. */
export const createLibp2pOptions = (parts: Libp2pNodeParts, options: Libp2pNodeOptions): Libp2pOptions<WritServices> => ({
  privateKey: privateKeyOf(options.seed),
  ...(process.env['DEBUG'] === undefined ? { logger: quietLogger } : {}),
  addresses: { listen: [...options.listen] },
  transports: [tcp()],
  connectionEncrypters: [parts.encrypter],
  streamMuxers: [watched(yamux({ maxInboundStreams: network.streamsPerConnectionMax, maxEarlyStreams: network.earlyStreamsMax, streamOptions: { maxStreamWindowSize: network.streamWindowBytesMax } }), parts.mayOpen)],
  connectionGater: parts.gater,
  connectionManager: {
    maxConnections: network.connectionsMax,
    inboundConnectionThreshold: network.inboundConnectionsPerSecondMax,
    maxIncomingPendingConnections: network.incomingPendingConnectionsMax,
    inboundUpgradeTimeout: network.helloTimeoutMs,
    addressDialTimeout: network.dialTimeoutMs,
    connectionCloseTimeout: network.closeTimeoutMs,
    reconnectRetries: 0
  },
  connectionMonitor: { pingInterval: network.pingIntervalMs, pingTimeout: { minTimeout: network.pingTimeoutMsMin } },
  services: {
    // A guest's connection counts as a limited one, which keeps all protocols off it that do not ask for such.
    identify: identify({ runOnLimitedConnection: false }),
    ping: ping(),
    ...gossipService(parts, options),
    writ: parts.writ
  }
})

/** libp2p tells of a stream once its protocol is known: what is opened and never says one would go unseen. */
const watched = (create: ReturnType<typeof yamux>, mayOpen: Libp2pNodeParts['mayOpen']): ReturnType<typeof yamux> => (...components) => {
  const factory = create(...components)
  const createStreamMuxer = factory.createStreamMuxer.bind(factory)
  factory.createStreamMuxer = (connection) => {
    const muxer = createStreamMuxer(connection)
    const take = muxer.onRemoteStream.bind(muxer)
    const abort = muxer.abort.bind(muxer)
    // As when too many streams came early: a connection that carries nothing more would stay open and count as one.
    muxer.abort = (error) => {
      abort(error)
      connection.abort(error)
    }
    muxer.onRemoteStream = (stream) => {
      take(stream)
      if (!mayOpen(connection)) stream.abort(new Error('too many streams'))
    }
    return muxer
  }
  return factory
}

const quiet: Logger = Object.assign(() => undefined, { enabled: false, error: () => undefined, trace: () => undefined, newScope: () => quiet })

/** libp2p makes a logger for every stream, which is dear even where nobody reads it: its log is on with `DEBUG=libp2p*` only. */
const quietLogger: ComponentLogger = { forComponent: () => quiet }

const gossipService = ({ onGossip }: Libp2pNodeParts, { gossipTopics }: Libp2pNodeOptions): Pick<NonNullable<Libp2pOptions<WritServices>['services']>, 'pubsub'> => {
  if (gossipTopics === null) return {}
  const create = createGossip(gossipTopics)
  return {
    pubsub: (components) => {
      const service = create(components)
      onGossip(service)
      return service
    }
  }
}
