/**
 * One endpoint's view of how far it has caught up with another. Pure. The cursor belongs to one store of the peer, and
 * counts what that store took in; it moves only past what has been merged, or what equal digests show to be held.
 *
 * Where the cursor does not belong to the peer's store, the heads of both are compared, and the cursor starts where that
 * store was before. The same where both are at rest, or have been apart for long, and their digests still differ: then
 * something was lost on the way (a crash that undid unsynced writes, an entry that was refused before its author was
 * known). Comparisons that bring nothing are made ever more rarely, and a peer that hands on forged entries is asked
 * ever more rarely.
 */
import { isEqualBytes } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import type { Reconciliation, ReconciliationQuestion } from './reconciliation.ts'
import type { CursorAnswer } from './sync-message.ts'

export interface SyncState {
  readonly storeId: string | null
  readonly cursor: number
  readonly presenceCursor: number
}

export const freshSyncState: SyncState = { storeId: null, cursor: 0, presenceCursor: 0 }

/** What came of taking an answer's entries and presences in. */
export interface Brought {
  readonly news: number
  /** There was nothing in it but what no honest endpoint hands on. */
  readonly isForged: boolean
}

export type SyncPlan = { readonly kind: 'cursor'; readonly state: SyncState } | ReconciliationQuestion

/** `again`: ask once more at once. `isDue`: the heads are to be compared; may wait for a later round. */
export interface SyncOutcome {
  readonly again: boolean
  readonly isDue: boolean
}

type CursorFacts = Pick<CursorAnswer, 'storeId' | 'isLost' | 'next' | 'presenceNext' | 'more' | 'digest'>

export class SyncMachine {
  #state: SyncState
  #comparison: Reconciliation | undefined
  /** Where the cursor stands after the comparison. */
  #resume: SyncState | undefined
  /** Rounds in a row that ended with different digests, and how many of them changed nothing. */
  #roundsApart = 0
  #roundsIdle = 0
  /** How many times longer than usual to wait before heads are compared. */
  #patience = 1
  /** Both digests at the last round. */
  #digests: readonly [Uint8Array, Uint8Array] | undefined
  /** Both digests when heads were compared last: while they are these, another comparison would bring no more than that one. */
  #compared: readonly [Uint8Array, Uint8Array] | undefined
  #barren = 0
  #roundsToRest = 0
  #rest = 0

  constructor(state: SyncState) {
    this.#state = state
  }

  get state(): SyncState {
    return this.#state
  }

  /** The comparison of heads that is under way. */
  get comparison(): Reconciliation | undefined {
    return this.#comparison
  }

  /** What to ask now; undefined where this round is left out. */
  plan(): SyncPlan | undefined {
    if (this.#roundsToRest > 0) {
      this.#roundsToRest -= 1
      return undefined
    }
    return this.#comparison?.question() ?? { kind: 'cursor', state: this.#state }
  }

  /** An answer by cursor whose entries have been merged; `digest` is our own after that. */
  takeCursor(answer: CursorFacts, brought: Brought, digest: Uint8Array): SyncOutcome {
    const before = this.#state
    if (!answer.isLost) this.#state = { storeId: answer.storeId, cursor: answer.next, presenceCursor: answer.presenceNext }
    this.#noteBrought(brought)
    // A peer that says "more" must bring something now and then, and may not stand still.
    const isMoving = before.cursor !== answer.next || before.presenceCursor !== answer.presenceNext
    const again = answer.more && isMoving && !brought.isForged && this.#barren <= limits.sync.barrenAnswersMax
    if (!again) this.#barren = 0
    if (isEqualBytes(answer.digest, digest)) {
      this.#patience = 1
      this.#restart()
    } else if (!answer.more) {
      this.#countRound(answer.digest, digest)
    }
    return { again, isDue: !answer.more && this.#isDue(answer.isLost) }
  }

  /** The heads are compared from now on, until that ends. `answer` is the one after which it was due. */
  begin(comparison: Reconciliation, answer: CursorFacts): void {
    this.#comparison = comparison
    this.#compared = this.#digests
    this.#resume = answer.isLost ? { storeId: answer.storeId, cursor: answer.next, presenceCursor: 0 } : undefined
    this.#restart()
  }

  /** Between two questions of a comparison; `isBroken` where an answer could not be used. */
  continue(brought: Brought, isBroken: boolean): SyncOutcome {
    this.#noteBrought(brought)
    // Given up while the answer was taken in.
    if (this.#comparison === undefined) return { again: false, isDue: false }
    if (!isBroken && !brought.isForged && this.#comparison.next !== undefined) return { again: true, isDue: false }
    this.#patience = this.#comparison.accepted > 0 ? 1 : this.#patience * 2
    const again = this.#resume !== undefined && !brought.isForged
    this.#state = this.#resume ?? this.#state
    this.giveUp()
    return { again, isDue: false }
  }

  /** The comparison is left off: there was no answer, or the turn went to another peer. */
  giveUp(): void {
    this.#comparison = undefined
    this.#resume = undefined
    this.#barren = 0
  }

  #noteBrought({ news, isForged }: Brought): void {
    this.#barren = news > 0 ? 0 : this.#barren + 1
    if (isForged) {
      this.#rest = Math.min(Math.max(1, this.#rest * 2), limits.sync.idleRoundsMax)
      this.#roundsToRest = this.#rest
    } else if (news > 0) {
      this.#rest = 0
    }
  }

  #countRound(theirs: Uint8Array, ours: Uint8Array): void {
    this.#roundsApart += 1
    const isSame = isSamePair(this.#digests, [theirs, ours])
    // Presences come all the time, and are in no digest.
    this.#roundsIdle = isSame ? this.#roundsIdle + 1 : 1
    this.#digests = [theirs, ours]
  }

  #isDue(isLost: boolean): boolean {
    const isOver = (rounds: number, roundsMin: number): boolean => rounds >= Math.min(roundsMin * this.#patience, limits.sync.idleRoundsMax)
    if (isLost && (this.#patience === 1 || isOver(this.#roundsApart, limits.sync.idleRoundsMin))) return true
    // What has changed since the last comparison and is at rest again is as good as never compared.
    if (this.#roundsIdle >= limits.sync.idleRoundsMin && this.#digests !== undefined && !isSamePair(this.#compared, this.#digests)) return true
    return isOver(this.#roundsIdle, limits.sync.idleRoundsMin) || isOver(this.#roundsApart, limits.sync.busyRoundsMin)
  }

  #restart(): void {
    this.#roundsApart = 0
    this.#roundsIdle = 0
    this.#digests = undefined
  }
}

const isSamePair = (known: readonly [Uint8Array, Uint8Array] | undefined, [theirs, ours]: readonly [Uint8Array, Uint8Array]): boolean =>
  known !== undefined && isEqualBytes(known[0], theirs) && isEqualBytes(known[1], ours)
