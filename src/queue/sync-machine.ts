/**
 * One endpoint's view of how far it has caught up with another. Pure. The cursor belongs to one store of the peer, and
 * counts what that store took in; it moves only past what has been merged.
 *
 * Where both are at rest and their digests still differ, something was lost on the way (a crash that undid unsynced
 * writes, an entry that was refused before its author was known): then the cursor starts again from 0, ever more rarely
 * if that does not help.
 */
import { isEqualBytes } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import type { SyncAnswer } from './sync-message.ts'

export interface SyncState {
  readonly storeId: string | null
  readonly cursor: number
  readonly presenceCursor: number
}

export const freshSyncState: SyncState = { storeId: null, cursor: 0, presenceCursor: 0 }

export interface SyncOutcome {
  readonly state: SyncState
  /** Ask again at once. */
  readonly again: boolean
}

export class SyncMachine {
  #state: SyncState
  #idleRounds = 0
  #idleRoundsMax: number = limits.sync.idleRoundsMin
  /** Both digests at the last round without news. */
  #digests: readonly [Uint8Array, Uint8Array] | undefined

  constructor(state: SyncState) {
    this.#state = state
  }

  get state(): SyncState {
    return this.#state
  }

  /** An answer whose entries have been merged; `digest` is our own after that. */
  step(answer: Pick<SyncAnswer, 'storeId' | 'next' | 'presenceNext' | 'more' | 'digest'> & { readonly entryCount: number }, digest: Uint8Array): SyncOutcome {
    const before = this.#state
    this.#state = { storeId: answer.storeId, cursor: answer.next, presenceCursor: answer.presenceNext }
    // A peer that says "more" and gives nothing must not be asked for ever.
    const again = answer.more && (before.cursor !== answer.next || before.presenceCursor !== answer.presenceNext)
    if (isEqualBytes(answer.digest, digest)) {
      this.#idleRoundsMax = limits.sync.idleRoundsMin
      this.#restAt(undefined)
      return { state: this.#state, again }
    }
    const isAtRest = answer.entryCount === 0 && !answer.more
    if (!isAtRest) this.#restAt(undefined)
    else if (this.#isSame(answer.digest, digest)) this.#idleRounds += 1
    else this.#restAt([answer.digest, digest])
    if (this.#idleRounds < this.#idleRoundsMax) return { state: this.#state, again }
    this.#idleRoundsMax = Math.min(this.#idleRoundsMax * 2, limits.sync.idleRoundsMax)
    this.#restAt(undefined)
    this.#state = { ...this.#state, cursor: 0 }
    return { state: this.#state, again: true }
  }

  #restAt(digests: readonly [Uint8Array, Uint8Array] | undefined): void {
    this.#digests = digests
    this.#idleRounds = digests === undefined ? 0 : 1
  }

  #isSame(theirs: Uint8Array, ours: Uint8Array): boolean {
    return this.#digests !== undefined && isEqualBytes(this.#digests[0], theirs) && isEqualBytes(this.#digests[1], ours)
  }
}
