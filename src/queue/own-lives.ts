/**
 * The lives of a node's own log, and what follows from what endpoints know of them. Pure.
 *
 * A life is written to until somebody is found to know more of it than is here, or two entries of one number: then it
 * is over, and the log goes on in a new life. What was said in it from a fork on counts nowhere, and is said again.
 */
import { emptyHead, type Head } from './log.ts'
import type { Incarnation, RecordId } from '../base/brand.ts'

export interface Life {
  readonly incarnation: Incarnation
  readonly head: Head
  /** The oldest entry that is kept: 1, or that of a checkpoint. */
  readonly first: number
  /** Sequence numbers of the checkpoints above `first`, ascending. */
  readonly checkpoints: readonly number[]
  /** Entries from this number on count nowhere, and are not handed to endpoints any more. */
  readonly closedAt: number | null
  /** Own entries from this number on were said again in a later life. */
  readonly retoldFrom: number | null
  /** Must not be appended to. */
  readonly isOver: boolean
}

/** Oldest first; the last one is written to. */
export type Lives = readonly [...Life[], Life]

/** What an endpoint says of one life of the asker's log: all up to `sequence` is held there. */
export interface KnownLife {
  readonly incarnation: Incarnation
  readonly sequence: number
  /** Of the entry with that number; null with none. */
  readonly id: RecordId | null
  readonly frozenAt: number | null
}

/**
 * Entries to be asked of an endpoint. `run`: they continue what is here, up to `upTo`. `branch`: they are to be compared
 * with what is here, because two entries of one number are known, or the run did not fit.
 */
export interface Wanted {
  readonly incarnation: Incarnation
  readonly from: number
  readonly mode: { readonly kind: 'run'; readonly upTo: number } | { readonly kind: 'branch'; readonly frozenAt: number }
}

export const beginLife = (incarnation: Incarnation): Life => ({ incarnation, head: emptyHead, first: 1, checkpoints: [], closedAt: null, retoldFrom: null, isOver: false })

export const findLife = (lives: readonly Life[], incarnation: Incarnation): Life | undefined => lives.find((life) => life.incarnation === incarnation)

/** In its place; one that was unknown goes before the one that is written. */
export const withLife = (lives: Lives, life: Life): Lives => {
  const current = lives.at(-1) ?? lives[0]
  const earlier = lives.slice(0, -1)
  if (life.incarnation === current.incarnation) return [...earlier, life]
  if (findLife(lives, life.incarnation) === undefined) return [...earlier, life, current]
  return [...earlier.map((known) => (known.incarnation === life.incarnation ? life : known)), current]
}

/** The last entry that endpoints are to hold. */
export const lastOf = ({ head, closedAt }: Life): number => (closedAt === null ? head.sequence : Math.min(head.sequence, closedAt - 1))

export const isAtEnd = ({ isOver, closedAt }: Life): boolean => isOver || closedAt !== null

/** By which a claim of an endpoint is remembered that was looked into. */
export const claimOf = ({ incarnation, sequence, id, frozenAt }: KnownLife): string => `${incarnation}/${sequence}/${id ?? ''}/${frozenAt ?? ''}`

/**
 * What is to be asked first of an endpoint that knows this much; null where it knows nothing that is not here. `examined`
 * holds claims of that endpoint which came to nothing, or were followed to their end; `others` those claims that name
 * another entry than the one that is here, as where an admin has chosen the branch of a copy of this home.
 */
export const planWanted = (lives: readonly Life[], known: readonly KnownLife[], examined: ReadonlySet<string>, others: ReadonlySet<KnownLife>): Wanted | null => {
  for (const claim of known) {
    if (examined.has(claimOf(claim))) continue
    const { incarnation, sequence, frozenAt } = claim
    const life = findLife(lives, incarnation)
    const held = life?.head.sequence ?? 0
    const isOpen = life === undefined || life.closedAt === null
    if (isOpen && sequence > held) return { incarnation, from: held + 1, mode: { kind: 'run', upTo: sequence } }
    if (isOpen && life !== undefined && others.has(claim)) return { incarnation, from: life.first, mode: { kind: 'branch', frozenAt: sequence } }
    if (frozenAt !== null) return { incarnation, from: frozenAt, mode: { kind: 'branch', frozenAt } }
  }
  return null
}

/** The newest checkpoint that `wanted` of these acknowledgements cover; undefined where nothing may be dropped. */
export const planTrim = ({ first, checkpoints }: Life, acknowledged: readonly number[], wanted: number): number | undefined => {
  if (wanted < 1) return undefined
  const safe = [...acknowledged].sort((left, right) => right - left)[wanted - 1] ?? 0
  return checkpoints.findLast((sequence) => sequence <= safe && sequence > first)
}

/** Whether no endpoint that was asked can take this life any more: each lacks entries that are not kept. */
export const isStranded = ({ first, closedAt }: Life, acknowledged: readonly number[]): boolean =>
  closedAt === null && first > 1 && acknowledged.length > 0 && acknowledged.every((sequence) => sequence < first - 1)

/** Whether it is time for the next checkpoint, where there is one after so many entries. */
export const isCheckpointDue = ({ head, first, checkpoints }: Life, checkpointEntries: number): boolean =>
  head.sequence - (checkpoints.at(-1) ?? first - 1) >= checkpointEntries
