/**
 * Where the entries that came lately have their place, by the end of their bytes, which is their signature's: gossip, pulls
 * and every other endpoint bring the same entry again, and whoever knows its place need not decode it to see that it is
 * held. A hint only: what is held at that place must still be compared.
 */
import { limits } from '../base/limits.ts'
import { BoundedMap } from '../base/bounded-map.ts'
import type { LogName } from './log.ts'
import type { EntryBody } from '../record/entry.ts'
import type { Sealed } from '../record/record.ts'

export interface Place extends LogName {
  readonly sequence: number
}

export class RecentEntries {
  readonly #places = new BoundedMap<number, Place>(limits.queue.recentEntriesMax)

  note({ bytes, body }: Sealed<EntryBody>): void {
    const { author, incarnation, sequence } = body
    this.#places.set(markOf(bytes), { author, incarnation, sequence })
  }

  placeOf(bytes: Uint8Array): Place | undefined {
    return this.#places.get(markOf(bytes))
  }
}

/** Of the last six bytes: those of different entries are hardly ever the same, and numbers are found sooner than texts. */
const markOf = (bytes: Uint8Array): number => {
  let mark = 0
  for (let index = Math.max(0, bytes.length - 6); index < bytes.length; index += 1) mark = mark * 256 + (bytes[index] ?? 0)
  return mark
}
