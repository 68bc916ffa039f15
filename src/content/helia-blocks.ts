/**
 * Single blocks from single peers, by Helia sessions. Each is asked of one named peer in a session of its own: a
 * session over several peers makes all of them send the block, and one that timed out has lost its peer for good.
 *
 * An ask outlives its caller up to its own timeout: the peer will not send the same block again at once, so what is
 * on its way when a retrieval is interrupted is stored, and the next attempt joins the ask or finds the block.
 */
import type { SessionBlockstore } from 'helia'
import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { concatBytes } from '../base/bytes.ts'
import { describeError, isWritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { rawCidOf } from '../record/payload-location.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { blockKeyOf } from './block-store.ts'

/** What is needed of a started Helia. */
export interface HeliaSessions {
  readonly blockstore: {
    createSession(root: CID, options: { providers: CID[]; minProviders: number; maxProviders: number }): Pick<SessionBlockstore, 'get' | 'close'>
  }
}

export interface PeerBlocksDeps {
  readonly helia: HeliaSessions
  readonly random: Random
  readonly log: Log
}

const deniedMax = 1024

export class PeerBlocks {
  readonly #deps: PeerBlocksDeps
  readonly #asking = new Map<string, Promise<Result<Uint8Array>>>()
  /** Asks that the peer answered with no: it says so once for each block, and is silent the next time. */
  readonly #denied = new Set<string>()

  constructor(deps: PeerBlocksDeps) {
    this.#deps = deps
  }

  /**
   * Asks for a block that nobody has. Whoever answers is alive, has handled what it was asked before, and has forgotten
   * what it sent before: without this it would ignore a request for such a block, because it believes it was sent.
   */
  async greet(peer: PeerId, signal: AbortSignal): Promise<boolean> {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(limits.fetch.blockTimeoutMs)])
    await this.#get(rawCidOf(this.#deps.random.bytes(32)), peer, timeout)
    return !timeout.aborted
  }

  /**
   * The block, checked and stored. Errors: `payload-unavailable` (the peer has it not, or did not answer within
   * `limits.fetch.blockTimeoutMs`, or the caller's signal fired), `bad-payload`. Throws what the block store throws.
   */
  async fetch(cid: CID, peer: PeerId, signal: AbortSignal): Promise<Result<Uint8Array>> {
    const key = `${peer.toString()}/${blockKeyOf(cid)}`
    const wasDenied = this.#denied.has(key)
    const asking = this.#asking.get(key) ?? this.#start(key, cid, peer)
    return wasDenied ? this.#secondLook(asking, peer, signal) : untilAborted(asking, signal)
  }

  /** Another message makes the peer look again for all that it was asked; its answer comes after the block. */
  async #secondLook(asking: Promise<Result<Uint8Array>>, peer: PeerId, signal: AbortSignal): Promise<Result<Uint8Array>> {
    const looked = this.greet(peer, signal).then(() => AbortSignal.timeout(limits.fetch.secondLookMs))
    const answered = untilAborted(asking, signal)
    const first = await Promise.race([answered, looked])
    return first instanceof AbortSignal ? untilAborted(answered, first, denial(peer)) : first
  }

  #start(key: string, cid: CID, peer: PeerId): Promise<Result<Uint8Array>> {
    const asking = this.#ask(key, cid, peer).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  async #ask(key: string, cid: CID, peer: PeerId): Promise<Result<Uint8Array>> {
    const signal = AbortSignal.timeout(limits.fetch.blockTimeoutMs)
    const result = await this.#get(cid, peer, signal)
    if (result.ok) this.#denied.delete(key)
    else if (!signal.aborted) {
      if (this.#denied.size >= deniedMax) this.#denied.clear()
      this.#denied.add(key)
    }
    return result
  }

  async #get(cid: CID, peer: PeerId, signal: AbortSignal): Promise<Result<Uint8Array>> {
    const session = this.#deps.helia.blockstore.createSession(cid, { providers: [peer.toCID()], minProviders: 1, maxProviders: 1 })
    try {
      const parts: Uint8Array[] = []
      for await (const part of session.get(cid, { signal })) parts.push(part)
      return accept(concatBytes(parts))
    } catch (error) {
      if (isWritError(error, 'block-oversized')) return reject('bad-payload', error.message)
      if (isWritError(error)) throw error
      this.#deps.log.debug('a peer did not send a block', { peer: peer.toString(), cid: cid.toString(), reason: describeError(error) })
      return signal.aborted ? reject('payload-unavailable', `${peer.toString()} did not answer in time`) : denial(peer)
    } finally {
      session.close()
    }
  }
}

const denial = (peer: PeerId): Rejected => reject('payload-unavailable', `${peer.toString()} did not have a block of it`)

const untilAborted = (
  asking: Promise<Result<Uint8Array>>,
  signal: AbortSignal,
  otherwise = reject('payload-unavailable', 'nothing came in time')
): Promise<Result<Uint8Array>> =>
  new Promise((resolve, rejectPromise) => {
    const giveUp = (): void => resolve(otherwise)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp)
    asking.then(resolve, rejectPromise).finally(() => signal.removeEventListener('abort', giveUp))
  })
