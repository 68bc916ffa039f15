/** The bounds of what a peer may do, as limits.ts holds them for all else: sizes in bytes, spans in milliseconds. */
import { hour, KiB, MiB, minute } from './units.ts'

export const conductLimits = {
  /** Ten pieces of garbage, twenty stalls, a hundred questions too many, within what is forgiven meanwhile. */
  pointsMax: 100,
  garbagePoints: 10,
  stallPoints: 5,
  excessPoints: 1,
  /** A peer of another release that sends one wrong message with each pull, every 30 s, stays far below. */
  pointsForgivenPerSecond: 1,
  /** Doubled with each episode: long enough that a flood costs less than 1% of the time, short enough for a peer that was repaired. */
  cutOffMsMin: 1 * minute,
  cutOffMsMax: 1 * hour,
  /** One earlier episode is forgiven for each span without another. */
  episodeForgivenMs: 2 * hour,
  /** Remembered, about 1 KiB each: twice 10,000 agents. The oldest that is gone and was good goes first. */
  accountsMax: 20_000,
  /**
   * A question costs one token and one for each 64 KiB, of what its account may in all and on its protocol. Whoever asks
   * one at a time is slowed by it and no more: an agent that hands over a backlog by pulls of 512 KiB gets 7 a second,
   * 3.5 MiB; an endpoint that catches up on 1,000,000 entries asks 1700 at a time, 12 times a second at 20,000 entries.
   * A flood of pulls of 2 ms takes an eighth of a processor at most.
   */
  bytesPerToken: 64 * KiB,
  questions: { perSecond: 128, burst: 512 },
  questionsPerProtocol: { perSecond: 64, burst: 256 },
  /** Bitswap opens a stream for each message: a payload of blocks of 256 KiB at 94 MB/s takes 500 a second, both ways. */
  streams: { perSecond: 1000, burst: 2000 },
  /** Questions that are being read or wait, and answers that are not taken: six of the largest; and of all peers together. */
  heldBytesMax: 32 * MiB,
  heldBytesInAllMax: 512 * MiB,
  /** Gossip messages of one peer that are being judged: several times the pool's queue. What is more is ignored; pull and sync bring it. */
  judgingMax: 256,
  /**
   * Questions at once, connections at once and by rate, gossip. A node asks one question of each kind at a time, and an
   * endpoint one more for each operator who reads outputs through it. An admin's 20 commands, or a hundred orders that one
   * process follows, are one account. An endpoint passes on what thousands of agents say at once, an agent its own.
   */
  ranks: {
    node: { questionsOpenMax: 64, connectionsMax: 8, connections: { perSecond: 1, burst: 30 }, gossip: { perSecond: 100, burst: 1000 } },
    endpoint: { questionsOpenMax: 128, connectionsMax: 8, connections: { perSecond: 1, burst: 30 }, gossip: { perSecond: 2000, burst: 20_000 } },
    admin: { questionsOpenMax: 256, connectionsMax: 256, connections: { perSecond: 20, burst: 400 }, gossip: { perSecond: 100, burst: 1000 } },
    guest: { questionsOpenMax: 8, connectionsMax: 2, connections: { perSecond: 1, burst: 30 }, gossip: { perSecond: 1, burst: 1 } }
  }
} as const
