/**
 * The order in which a store took its entries in, read in pages, and who brought them: what came from the asker itself
 * need not be sent back to it. That memory is bounded and is lost with the process; without it more is sent, never less.
 */
import { limits } from '../base/limits.ts'
import { toText } from '../base/bytes.ts'
import { keys, lastPart } from './queue-store.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'

export interface EntryBounds {
  readonly sizeBytesMax: number
  readonly countMax: number
}

export interface EntryPage {
  readonly entries: readonly Uint8Array[]
  /** Where the next page starts. */
  readonly next: number
  readonly more: boolean
  /** Entries are no longer held here: what is left of a log may begin at a checkpoint. */
  readonly isTrimmed: boolean
}

/** Arrivals above `after`, up to `to`. */
export interface Arrived {
  readonly after: number
  readonly to: number
}

/** Arrivals by those sources that are asked about. */
export class ArrivalSources {
  /** Ascending, apart from each other. */
  readonly #ranges = new Map<string, Arrived[]>()

  note(source: string, { after, to }: Arrived): void {
    const ranges = this.#ranges.get(source)
    if (ranges === undefined || to === after) return
    const last = ranges.at(-1)
    if (last?.to === after) ranges[ranges.length - 1] = { after: last.after, to }
    else ranges.push({ after, to })
    if (ranges.length > limits.sync.arrivalRangesMax) ranges.shift()
  }

  /** From now on what comes from `source` is noted; of too many sources the one that asked longest ago is forgotten. */
  watch(source: string): void {
    const known = this.#ranges.get(source) ?? []
    this.#ranges.delete(source)
    this.#ranges.set(source, known)
    for (const oldest of this.#ranges.keys()) {
      if (this.#ranges.size <= limits.network.endpointsMax) return
      this.#ranges.delete(oldest)
    }
  }

  /** What came from `source` above `after`. */
  of(source: string, after: number): readonly Arrived[] {
    return (this.#ranges.get(source) ?? []).filter(({ to }) => to > after)
  }

  forget(source: string): void {
    this.#ranges.delete(source)
  }
}

/** What of `span` lies in none of the `skipped` ranges, ascending. */
const planSpans = ({ after, to }: Arrived, skipped: readonly Arrived[]): Arrived[] => {
  const spans: Arrived[] = []
  let start = after
  for (const skip of skipped) {
    if (skip.after > start) spans.push({ after: start, to: Math.min(skip.after, to) })
    start = Math.max(start, skip.to)
  }
  if (start < to) spans.push({ after: start, to })
  return spans.filter((span) => span.after < span.to)
}

/** Entries of `span`, in their order, without those `skipped`; at least one where there is one, however large. */
export const readArrivals = async (store: KeyValueStore, span: Arrived, bounds: EntryBounds, skipped: readonly Arrived[]): Promise<EntryPage> => {
  const entries: Uint8Array[] = []
  let room = bounds.sizeBytesMax
  let isTrimmed = false
  for (const { after, to } of planSpans(span, skipped)) {
    let next = after
    while (next < to) {
      if (entries.length >= bounds.countMax) return { entries, next, more: true, isTrimmed }
      const batch = await readBatch(store, { after: next, to }, Math.min(arrivalsAtOnce, bounds.countMax - entries.length))
      if (batch.length === 0) isTrimmed = true
      for (const { number, bytes } of batch) {
        room -= bytes?.length ?? 0
        if (room < 0 && entries.length > 0) return { entries, next, more: true, isTrimmed }
        if (bytes === undefined || number !== next + 1) isTrimmed = true
        if (bytes !== undefined) entries.push(bytes)
        next = number
      }
      if (batch.length === 0) next = to
    }
  }
  return { entries, next: span.to, more: false, isTrimmed }
}

const arrivalsAtOnce = 256

/** Numbers that were dropped cost nothing, however many there are. */
const readBatch = async (store: KeyValueStore, { after, to }: Arrived, limit: number): Promise<{ readonly number: number; readonly bytes: Uint8Array | undefined }[]> => {
  const numbers: number[] = []
  const places: string[] = []
  for await (const [key, place] of store.entries({ from: keys.arrival(after + 1), to: keys.arrival(to + 1), limit })) {
    numbers.push(Number(lastPart(key)))
    places.push(toText(place))
  }
  const found = await store.getMany(places)
  return numbers.map((number, index) => ({ number, bytes: found[index] }))
}
