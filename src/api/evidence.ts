/**
 * Evidence: entries of logs, from a home and from archives, brought into one order. Pure but for the sources it reads, and
 * each source is read once, in order, so that a million entries take no memory to speak of.
 */
import { compareText, isEqualBytes } from '../base/bytes.ts'
import type { Incarnation, KeyId, Millis, RecordId } from '../base/brand.ts'
import type { EntryBody } from '../record/entry.ts'
import type { Sealed } from '../record/record.ts'

export interface Place {
  readonly author: KeyId
  readonly incarnation: Incarnation
  readonly sequence: number
}

/** What a source holds at a place; `entry` is null where the bytes cannot be read as an entry of this place. */
export interface Held extends Place {
  readonly bytes: Uint8Array
  readonly entry: Sealed<EntryBody> | null
  /** Why there is none. */
  readonly problem: string | null
}

/** Everything that any source holds at one place, each once. */
export interface Evidence extends Place {
  readonly held: readonly Held[]
}

export const comparePlaces = (left: Place, right: Place): number =>
  compareText(left.author, right.author) || compareText(left.incarnation, right.incarnation) || left.sequence - right.sequence

/** Sources in the order of places become one; what several hold byte for byte counts once. */
export async function* mergeEvidence(sources: readonly AsyncIterable<Held>[]): AsyncGenerator<Evidence> {
  const readers = sources.map((source) => source[Symbol.asyncIterator]())
  const fronts = await Promise.all(readers.map(async (reader) => (await reader.next()).value as Held | undefined))
  for (;;) {
    const first = fronts.reduce<Held | undefined>((least, front) => (front !== undefined && (least === undefined || comparePlaces(front, least) < 0) ? front : least), undefined)
    if (first === undefined) return
    const held: Held[] = []
    for (const [index, reader] of readers.entries()) {
      for (let front = fronts[index]; front !== undefined && comparePlaces(front, first) === 0; front = fronts[index]) {
        const candidate = front
        if (!held.some((known) => isEqualBytes(known.bytes, candidate.bytes))) held.push(candidate)
        fronts[index] = (await reader.next()).value as Held | undefined
      }
    }
    yield { author: first.author, incarnation: first.incarnation, sequence: first.sequence, held }
  }
}

/** From where to where somebody says that they hold a log; `last` is 0 where that is nothing. */
export interface Claim {
  readonly first: number
  readonly last: number
}

export interface Finding {
  /** `forged`: signed by nobody who had the right to say it. */
  readonly kind: 'altered' | 'missing' | 'forged' | 'fork' | 'dropped'
  readonly author: KeyId
  readonly incarnation: Incarnation
  readonly from: number
  /** The last of several. */
  readonly through: number
  readonly detail: string
  /** The entries that contradict each other, of a fork. */
  readonly entries: readonly RecordId[]
  /** Which of them an admin let count; null where the log is frozen. */
  readonly thaw: { readonly keep: RecordId; readonly admin: KeyId; readonly at: Millis } | null
}

/** What keeps an audit from saying that all is well; forks and what a checkpoint let go are verified evidence of themselves. */
export const isFault = ({ kind }: Finding): boolean => kind === 'altered' || kind === 'missing' || kind === 'forged'
