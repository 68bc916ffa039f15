/**
 * How each peer behaves, and what follows. Pure. What is asked within the allowance is answered at once; beyond it the
 * answer waits, so that one who asks one question at a time is slowed and never punished. What no honest peer does
 * (garbage, streams that are not finished, more at once than any use needs) counts points; points are forgiven with time;
 * at the bound the peer is cut off for a while, longer each time, and that is forgiven too.
 *
 * The caller closes the connections of whoever is cut off, and tells the operator: each episode is returned once.
 */
import { limits } from '../../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../../base/result.ts'
import { forgedCodes } from '../../queue/misconduct.ts'
import { TokenBucket, type Allowance } from '../../base/token-bucket.ts'
import type { KeyId, Millis } from '../../base/brand.ts'
import type { Admission } from './network.ts'

export type Rank = keyof typeof limits.conduct.ranks

/** Who answers for what a connection does: all sessions of an admin are one account. */
export interface Account {
  readonly id: KeyId
  readonly rank: Rank
  readonly name: string
}

export interface CutOff {
  readonly account: Account
  readonly reason: string
  readonly forMs: Millis
}

/** Whether it may go on, and the end of this account's patience if this was one too many. */
export interface Ruling {
  readonly isAllowed: boolean
  readonly cutOff: CutOff | null
}

export const accountOf = ({ admin, isEndpoint, kind, membership, peer }: Admission): Account => ({
  id: admin ?? peer,
  rank: isEndpoint ? 'endpoint' : kind,
  name: membership?.credential.body.name ?? kind
})

/** What no honest peer sends, whatever it knows; all else may be judged otherwise elsewhere. */
export const isGarbage = (code: string): boolean => garbage.has(code)

const garbage: ReadonlySet<string> = new Set([...forgedCodes, 'bad-answer', 'bad-output', 'bad-inline-payload'])

const { conduct } = limits

const pointsOf = (code: string): number => {
  if (isGarbage(code)) return conduct.garbagePoints
  if (code === 'request-timeout') return conduct.stallPoints
  return code === 'too-many-requests' || code === 'not-permitted' ? conduct.excessPoints : 0
}

interface Standing {
  points: number
  pointsAt: Millis
  /** Of the current or last episode; null where there was none, or none that still counts. */
  episode: { readonly number: number; startedAt: Millis; readonly forMs: Millis; readonly reason: string } | null
  connections: number
  questions: number
  judging: number
  heldBytes: number
  readonly buckets: Map<string, TokenBucket>
}

const allowed: Ruling = { isAllowed: true, cutOff: null }

export class Conduct {
  readonly #standings = new Map<KeyId, Standing>()
  readonly #accountsMax: number
  #heldBytes = 0

  constructor(options: { readonly accountsMax: number } = conduct) {
    this.#accountsMax = options.accountsMax
  }

  /** Errors: `cut-off`. */
  admit(id: KeyId, now: Millis): Result<null> {
    const standing = this.#standings.get(id)
    const leftMs = standing === undefined ? 0 : remainingMs(standing, now)
    if (leftMs === 0) return accept(null)
    return reject('cut-off', `cut off for another ${Math.ceil(leftMs / 1000)} s: ${standing?.episode?.reason ?? ''}`)
  }

  connect(account: Account, now: Millis): Ruling {
    const standing = this.#standingOf(account.id, now)
    standing.connections += 1
    if (this.#tryTake(standing, 'connections', conduct.ranks[account.rank].connections, now)) return allowed
    return { isAllowed: false, cutOff: this.#count(account, standing, conduct.stallPoints, 'it connects again and again', now) }
  }

  disconnect(account: Account, now: Millis): void {
    const standing = this.#standingOf(account.id, now)
    standing.connections = Math.max(0, standing.connections - 1)
  }

  /** A stream was opened, of whatever protocol. */
  openStream(account: Account, now: Millis): Ruling {
    const standing = this.#standingOf(account.id, now)
    if (this.#tryTake(standing, 'streams', conduct.streams, now)) return allowed
    return { isAllowed: false, cutOff: this.#count(account, standing, conduct.excessPoints, 'it opens more streams than any use needs', now) }
  }

  /** A question begins; where it is allowed, `endQuestion` follows when its stream is gone. */
  beginQuestion(account: Account, now: Millis): Ruling {
    const standing = this.#standingOf(account.id, now)
    if (standing.questions < conduct.ranks[account.rank].questionsOpenMax) {
      standing.questions += 1
      return allowed
    }
    return { isAllowed: false, cutOff: this.#count(account, standing, conduct.excessPoints, 'it asks more at once than any use needs', now) }
  }

  endQuestion(account: Account, now: Millis): void {
    const standing = this.#standingOf(account.id, now)
    standing.questions = Math.max(0, standing.questions - 1)
  }

  /** How long a question that was read waits for its answer: both the protocol's allowance and that in all are charged. */
  pace(account: Account, protocol: string, sizeBytes: number, now: Millis): Millis {
    const standing = this.#standingOf(account.id, now)
    const cost = 1 + sizeBytes / conduct.bytesPerToken
    const inAll = this.#bucket(standing, 'questions', conduct.questions, now).take(cost, now)
    return Math.max(inAll, this.#bucket(standing, `questions ${protocol}`, conduct.questionsPerProtocol, now).take(cost, now))
  }

  /** Bytes of questions and answers that are kept in memory for a peer; false where these would be too many. */
  hold(account: Account, sizeBytes: number, now: Millis): boolean {
    const standing = this.#standingOf(account.id, now)
    if (standing.heldBytes + sizeBytes > conduct.heldBytesMax || this.#heldBytes + sizeBytes > conduct.heldBytesInAllMax) return false
    standing.heldBytes += sizeBytes
    this.#heldBytes += sizeBytes
    return true
  }

  release(account: Account, sizeBytes: number, now: Millis): void {
    this.#standingOf(account.id, now).heldBytes -= sizeBytes
    this.#heldBytes -= sizeBytes
  }

  /** Whether a gossip message of this peer is judged at all; where it is, `endJudging` follows. Gossip is a hint: nobody is punished. */
  beginJudging(account: Account, now: Millis): boolean {
    const standing = this.#standingOf(account.id, now)
    if (standing.judging >= conduct.judgingMax || !this.#tryTake(standing, 'gossip', conduct.ranks[account.rank].gossip, now)) return false
    standing.judging += 1
    return true
  }

  endJudging(account: Account, now: Millis): void {
    const standing = this.#standingOf(account.id, now)
    standing.judging = Math.max(0, standing.judging - 1)
  }

  /** Counts what a peer did, by the code that it was refused with; most codes are no misdeed. */
  blame(account: Account, { code, detail }: Pick<Rejected, 'code' | 'detail'>, now: Millis): CutOff | null {
    const points = pointsOf(code)
    return points === 0 ? null : this.#count(account, this.#standingOf(account.id, now), points, `${code}${detail === '' ? '' : ` (${detail.slice(0, 200)})`}`, now)
  }

  /** What there is to remember: for tests of the bounds. */
  get size(): { readonly accounts: number; readonly heldBytes: number } {
    return { accounts: this.#standings.size, heldBytes: this.#heldBytes }
  }

  #count(account: Account, standing: Standing, points: number, reason: string, now: Millis): CutOff | null {
    if (remainingMs(standing, now) > 0) return null
    standing.points = pointsAt(standing, now) + points
    standing.pointsAt = now
    if (standing.points < conduct.pointsMax) return null
    const number = episodesAt(standing, now) + 1
    const forMs = Math.min(conduct.cutOffMsMax, conduct.cutOffMsMin * 2 ** (number - 1))
    standing.points = 0
    standing.episode = { number, startedAt: now, forMs, reason }
    return { account, reason, forMs }
  }

  #tryTake(standing: Standing, what: string, allowance: Allowance, now: Millis): boolean {
    return this.#bucket(standing, what, allowance, now).tryTake(now)
  }

  #bucket({ buckets }: Standing, what: string, allowance: Allowance, now: Millis): TokenBucket {
    const known = buckets.get(what)
    if (known !== undefined) return known
    const bucket = new TokenBucket(allowance, now)
    buckets.set(what, bucket)
    return bucket
  }

  #standingOf(id: KeyId, now: Millis): Standing {
    const known = this.#standings.get(id)
    if (known !== undefined) return known
    this.#forgetOne(now)
    const standing: Standing = { points: 0, pointsAt: now, episode: null, connections: 0, questions: 0, judging: 0, heldBytes: 0, buckets: new Map() }
    this.#standings.set(id, standing)
    return standing
  }

  /** When there are too many: one that is gone and was good, else one that is gone, the oldest first. */
  #forgetOne(now: Millis): void {
    if (this.#standings.size < this.#accountsMax) return
    let last: KeyId | undefined
    for (const [id, standing] of this.#standings) {
      if (standing.connections + standing.questions + standing.judging + standing.heldBytes > 0) continue
      last ??= id
      if (remainingMs(standing, now) > 0) continue
      last = id
      break
    }
    if (last !== undefined) this.#standings.delete(last)
  }
}

const pointsAt = (standing: Standing, now: Millis): number => Math.max(0, standing.points - (Math.max(0, now - standing.pointsAt) / 1000) * conduct.pointsForgivenPerSecond)

/** A clock that was set back does not lengthen it beyond its span. */
const remainingMs = (standing: Standing, now: Millis): Millis => {
  const { episode } = standing
  if (episode === null) return 0
  episode.startedAt = Math.min(episode.startedAt, now)
  return Math.max(0, episode.startedAt + episode.forMs - now)
}

/** Earlier episodes that still count: one is forgiven for each span without another. */
const episodesAt = ({ episode }: Standing, now: Millis): number => {
  if (episode === null) return 0
  const goodMs = Math.max(0, now - episode.startedAt - episode.forMs)
  return Math.max(0, episode.number - Math.floor(goodMs / conduct.episodeForgivenMs))
}
