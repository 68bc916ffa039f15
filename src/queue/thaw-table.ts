/**
 * Which branch counts where logs have forked, as admins chose it. Of contradicting choices the newest counts, and of two
 * equally new ones that with the higher id: so whoever knows the same choices follows the same ones. A choice may come
 * before the fork, and before the log.
 */
import { compareText } from '../base/bytes.ts'
import { put, type KeyValueStore } from '../base/key-value-store.ts'
import { controlKind, type ThawBody } from '../record/control.ts'
import { decodeRecord, type Sealed, type Verified } from '../record/record.ts'
import { logIdOf, type LogName } from './log.ts'
import { keys, ranges, type Stage } from './queue-store.ts'
import type { RecordId } from '../base/brand.ts'

/** By sequence number. */
export type Choices = ReadonlyMap<number, RecordId>

/** A log whose choices a merge changes. */
export interface Rechosen {
  readonly name: LogName
  readonly choices: Choices
  /** The lowest sequence number of which the choice is new. */
  readonly from: number
}

export type Thaw = Sealed<ThawBody>

export class ThawTable {
  readonly #store: KeyValueStore
  readonly #logs = new Map<string, ReadonlyMap<number, Thaw>>()

  private constructor(store: KeyValueStore) {
    this.#store = store
  }

  static async open(store: KeyValueStore): Promise<ThawTable> {
    const table = new ThawTable(store)
    for await (const [, bytes] of table.#store.entries(ranges.thaws)) {
      const decoded = decodeRecord(controlKind, bytes)
      if (decoded.ok && decoded.value.body.action === 'thaw') table.#put(decoded.value as Thaw)
    }
    return table
  }

  choicesOf(name: LogName): Choices {
    return this.#logs.size === 0 ? noChoices : choicesAmong(this.#logs.get(logIdOf(name)))
  }

  /** The choices that count, by sequence number. */
  thawsOf(name: LogName): ReadonlyMap<number, Thaw> {
    return this.#logs.get(logIdOf(name)) ?? noThaws
  }

  /** Logs of which a choice is known. */
  ids(): IterableIterator<string> {
    return this.#logs.keys()
  }

  /** Logs whose choices change; they are in the table once the stage is written. */
  stage(thaws: readonly Verified<ThawBody>[], stage: Stage): Map<string, Rechosen> {
    const changed = new Map<string, { name: LogName; thaws: Map<number, Thaw>; from: number }>()
    for (const thaw of thaws) {
      const { author, incarnation, sequence } = thaw.body
      const id = logIdOf(thaw.body)
      const known = changed.get(id)?.thaws ?? this.#logs.get(id)
      if (!isNewerThaw(thaw, known?.get(sequence))) continue
      const from = Math.min(sequence, changed.get(id)?.from ?? sequence)
      changed.set(id, { name: { author, incarnation }, thaws: new Map(known).set(sequence, thaw), from })
    }
    for (const { thaws: all } of changed.values()) {
      for (const thaw of all.values()) {
        if (this.#logs.get(logIdOf(thaw.body))?.get(thaw.body.sequence) === thaw) continue
        stage.changes.push(put(keys.thaw(thaw.body, thaw.body.sequence), thaw.bytes))
        stage.onceWritten(() => this.#put(thaw))
      }
    }
    return new Map([...changed].map(([id, { name, thaws: all, from }]) => [id, { name, choices: choicesAmong(all), from }]))
  }

  #put(thaw: Thaw): void {
    const id = logIdOf(thaw.body)
    this.#logs.set(id, new Map(this.#logs.get(id)).set(thaw.body.sequence, thaw))
  }
}

const choicesAmong = (thaws: ReadonlyMap<number, Thaw> | undefined): Choices => (thaws === undefined ? noChoices : new Map([...thaws].map(([sequence, { body }]) => [sequence, body.keep])))

export const noChoices: Choices = new Map()
const noThaws: ReadonlyMap<number, Thaw> = new Map()

export const isNewerThaw = (thaw: Thaw, known: Thaw | undefined): boolean => known === undefined || (thaw.body.at - known.body.at || compareText(thaw.id, known.id)) > 0
