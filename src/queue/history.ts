/**
 * What a store can tell other endpoints of its entries: by the order of their arrival, by log, and the heads by which
 * two stores are compared. Reads only.
 */
import { decodeRecord } from '../record/record.ts'
import { entryKind } from '../record/entry.ts'
import { readArrivals, type ArrivalSources, type EntryBounds, type EntryPage } from './arrivals.ts'
import { readLogs, type LogPage, type WantedLog } from './log-pages.ts'
import { readMarks, type HeadMark } from './head-index.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { LogName } from './log.ts'
import type { LogState } from './log-plan.ts'
import type { LogTable } from './log-table.ts'
import type { RecordId } from '../base/brand.ts'

export interface HistoryDeps {
  readonly store: KeyValueStore
  readonly logs: LogTable
  readonly sources: ArrivalSources
}

export class History {
  readonly #deps: HistoryDeps

  constructor(deps: HistoryDeps) {
    this.#deps = deps
  }

  /** Drawn when the store was made: tells a cursor's owner that it is a new one. */
  get storeId(): string {
    return this.#deps.logs.storeId
  }

  /** 32 bytes over all heads: equal where the same logs are held. */
  get digest(): Uint8Array {
    return this.#deps.logs.digest
  }

  /** How many entries arrived here so far: the highest cursor. */
  get arrival(): number {
    return this.#deps.logs.arrival
  }

  /** Entries that arrived after the first `arrival` ones, without those that came from `asker`. */
  async entriesAfter(arrival: number, bounds: EntryBounds, asker?: string): Promise<EntryPage> {
    const { store, logs, sources } = this.#deps
    const to = logs.arrival
    return readArrivals(store, { after: Math.min(arrival, to), to }, bounds, asker === undefined ? [] : sources.of(asker, arrival))
  }

  async entriesOfLogs(wanted: readonly WantedLog[], bounds: EntryBounds): Promise<LogPage> {
    return readLogs(this.#deps.store, wanted, bounds)
  }

  /** Heads by name, from `from` on and below `to`. */
  async marks(from: string, to: string): Promise<HeadMark[]> {
    return readMarks(this.#deps.store, from, to)
  }

  async states(names: readonly LogName[]): Promise<(LogState | undefined)[]> {
    return this.#deps.logs.states(names)
  }

  /** The ids of entries that are held, undefined where there are none. */
  async idsAt(places: readonly { readonly name: LogName; readonly sequence: number }[]): Promise<(RecordId | undefined)[]> {
    return (await this.#deps.logs.held(places)).map((bytes) => {
      const decoded = bytes === undefined ? undefined : decodeRecord(entryKind, bytes)
      return decoded?.ok === true ? decoded.value.id : undefined
    })
  }

  /** `asker` will ask by cursor: what it gives from now on is not sent back to it. */
  watchSource(asker: string): void {
    this.#deps.sources.watch(asker)
  }

  /** `source` may have lost what it gave: it may be sent again. */
  forgetSource(source: string): void {
    this.#deps.sources.forget(source)
  }
}
