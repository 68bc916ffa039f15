/**
 * The logs of all authors in a store: their heads, their entries, the order in which entries arrived here, and a digest
 * over all heads that does not depend on that order: two stores with equal digests hold the same logs.
 */
import { limits } from '../base/limits.ts'
import { drawNonce, type Random } from '../base/random.ts'
import { put, type KeyValueStore, type Range } from '../base/key-value-store.ts'
import { utf8 } from '../base/bytes.ts'
import { BoundedMap } from './bounded-map.ts'
import { addTerm, termOf } from './head-term.ts'
import { collectKeys, keys, logNameOf, putRow, ranges, readRow, type LogRow, type Stage, type StoreMeta } from './queue-store.ts'
import { logIdOf, type LogName } from './log.ts'
import type { EntryBounds } from './arrivals.ts'
import type { KeyId } from '../base/brand.ts'
import type { LogPlan, LogState } from './log-plan.ts'

export class LogTable {
  readonly #store: KeyValueStore
  readonly #states = new BoundedMap<string, LogState>(limits.queue.cachedLogsMax)
  #meta: StoreMeta

  private constructor(store: KeyValueStore, meta: StoreMeta) {
    this.#store = store
    this.#meta = meta
  }

  static async open(store: KeyValueStore, random: Random): Promise<LogTable> {
    const known = await store.get(keys.meta)
    if (known !== undefined) return new LogTable(store, readRow<StoreMeta>(known))
    const meta: StoreMeta = { storeId: drawNonce(random), arrival: 0, digest: new Uint8Array(32) }
    await store.write([putRow(keys.meta, meta)], { durable: true })
    return new LogTable(store, meta)
  }

  get storeId(): string {
    return this.#meta.storeId
  }

  get digest(): Uint8Array {
    return this.#meta.digest
  }

  /** The number of the newest arrival. */
  get arrival(): number {
    return this.#meta.arrival
  }

  async states(names: readonly LogName[]): Promise<(LogState | undefined)[]> {
    const states = names.map((name) => this.#states.get(logIdOf(name)))
    const missing = [...names.entries()].filter(([index]) => states[index] === undefined)
    const rows = await this.#store.getMany(missing.map(([, name]) => keys.log(name)))
    for (const [position, [index, { author, incarnation }]] of missing.entries()) {
      const row = rows[position]
      if (row === undefined) continue
      const state = { author, incarnation, ...readRow<LogRow>(row) }
      states[index] = state
      this.#states.set(logIdOf(state), state)
    }
    return states
  }

  async statesOf(author: KeyId): Promise<LogState[]> {
    const states = await this.states((await collectKeys(this.#store, ranges.logsOf(author))).map(logNameOf))
    return states.flatMap((state) => (state === undefined ? [] : [state]))
  }

  /** The bytes held for each of these places, undefined where there are none. */
  async held(places: readonly { readonly name: LogName; readonly sequence: number }[]): Promise<(Uint8Array | undefined)[]> {
    return this.#store.getMany(places.map(({ name, sequence }) => keys.entry(name, sequence)))
  }

  /** Adds what the plans accepted, in their order, and the new heads. */
  stage(plans: readonly { readonly before: LogState | undefined; readonly plan: LogPlan }[], stage: Stage): void {
    let { arrival } = this.#meta
    const digest = this.#meta.digest.slice()
    const keep = (key: string, bytes: Uint8Array): void => {
      arrival += 1
      stage.changes.push(put(key, bytes), put(keys.arrival(arrival), utf8(key)))
    }
    for (const { before, plan } of plans) {
      const { state } = plan
      if (state === undefined || state === before) continue
      for (const { opened } of plan.accepted) keep(keys.entry(state, opened.record.body.sequence), opened.record.bytes)
      for (const { record } of plan.conflicts) keep(keys.conflict(state, record.body.sequence, record.id), record.bytes)
      const { kind, head, executor, frozenAt } = state
      stage.changes.push(putRow(keys.log(state), { kind, head, executor, frozenAt }))
      if (before !== undefined) addTerm(digest, termOf(before))
      addTerm(digest, termOf(state))
      stage.onceWritten(() => this.#states.set(logIdOf(state), state))
    }
    if (arrival === this.#meta.arrival) return
    const meta = { ...this.#meta, arrival, digest }
    stage.changes.push(putRow(keys.meta, meta))
    stage.onceWritten(() => {
      this.#meta = meta
    })
  }

  /** Something to write where nothing changed. */
  stageUnchanged(stage: Stage): void {
    stage.changes.push(putRow(keys.meta, this.#meta))
  }

  /** Entries of one log from `sequence` on. */
  async entriesOf(name: LogName, sequence: number, bounds: EntryBounds): Promise<Uint8Array[]> {
    return takeBounded(this.#store, ranges.entriesFrom(name, sequence, bounds.countMax), bounds.sizeBytesMax)
  }
}

/** Values of a range until they exceed the size; the first is taken however large. */
export const takeBounded = async (store: KeyValueStore, range: Range, sizeBytesMax: number): Promise<Uint8Array[]> => {
  const taken: Uint8Array[] = []
  let room = sizeBytesMax
  for await (const [, bytes] of store.entries(range)) {
    room -= bytes.length
    if (room < 0 && taken.length > 0) break
    taken.push(bytes)
  }
  return taken
}
