/**
 * Where the entries that came lately have their place, by the hash of their bytes: gossip, pulls and every other endpoint
 * bring the same entry again, and whoever knows its place need not decode it to see that it is held. A hint only: what is
 * held at that place must still be compared.
 */
import { hash } from 'node:crypto'
import { limits } from '../base/limits.ts'
import { BoundedMap } from '../base/bounded-map.ts'
import type { LogName } from './log.ts'
import type { EntryBody } from '../record/entry.ts'
import type { Sealed } from '../record/record.ts'

export interface Place extends LogName {
  readonly sequence: number
}

export class RecentEntries {
  readonly #places = new BoundedMap<string, Place>(limits.queue.recentEntriesMax)

  note({ bytes, body }: Sealed<EntryBody>): void {
    const { author, incarnation, sequence } = body
    this.#places.set(markOf(bytes), { author, incarnation, sequence })
  }

  placeOf(bytes: Uint8Array): Place | undefined {
    return this.#places.get(markOf(bytes))
  }
}

const markOf = (bytes: Uint8Array): string => hash('sha256', bytes, 'base64')
