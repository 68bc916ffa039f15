/**
 * The logs of all authors in a store: their heads, their entries, the order in which entries arrived here, and a digest
 * over all heads that does not depend on that order: two stores with equal digests hold the same logs.
 */
import { limits } from '../base/limits.ts'
import { drawNonce, type Random } from '../base/random.ts'
import { put, remove, type Change, type KeyValueStore, type Range } from '../base/key-value-store.ts'
import { isEqualBytes, toText, utf8 } from '../base/bytes.ts'
import { BoundedMap } from '../base/bounded-map.ts'
import { addTerm, termOf } from './head-term.ts'
import { collectKeys, emptyValue, keys, lastPart, logNameOf, putRow, ranges, readRow, type LogRow, type Stage, type StoreMeta } from './queue-store.ts'
import { logIdOf, type LogName } from './log.ts'
import type { EntryBounds } from './arrivals.ts'
import type { KeyId, RecordId } from '../base/brand.ts'
import type { OpenedEntry } from './intake.ts'
import type { HeldEntry, LogPlan, LogState, LogWork } from './log-plan.ts'

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
  stage(work: readonly LogWork[], stage: Stage): void {
    let { arrival } = this.#meta
    const digest = this.#meta.digest.slice()
    const keep = (key: string, bytes: Uint8Array): void => {
      arrival += 1
      stage.changes.push(put(key, bytes), put(keys.arrival(arrival), utf8(key)))
    }
    for (const { before, plan, relaid } of work) {
      const { state } = plan
      if (state === undefined || (state === before && plan.conflicts.length === 0)) continue
      const { places, left } = placeEntries(state, plan, relaid?.held ?? new Map())
      for (const key of left) stage.changes.push(remove(key))
      for (const { key, bytes } of places) keep(key, bytes)
      for (const { opened } of plan.accepted) if (opened.content.kind === 'checkpoint') stage.changes.push(put(keys.checkpoint(state, opened.record.body.sequence), emptyValue))
      if (state === before) continue
      stage.changes.push(putLog(state))
      if (before !== undefined) addTerm(digest, termOf(before))
      addTerm(digest, termOf(state))
      stage.onceWritten(() => this.#states.set(logIdOf(state), state))
    }
    if (arrival === this.#meta.arrival && isEqualBytes(digest, this.#meta.digest)) return
    const meta = { ...this.#meta, arrival, digest }
    stage.changes.push(putRow(keys.meta, meta))
    stage.onceWritten(() => {
      this.#meta = meta
    })
  }

  /** Nothing below `base` is held any more; heads and digest stay. */
  stageBase(state: LogState, base: number, stage: Stage): void {
    const next = { ...state, base }
    stage.changes.push(putLog(next))
    stage.onceWritten(() => this.#states.set(logIdOf(next), next))
  }

  /** Something to write where nothing changed. */
  stageUnchanged(stage: Stage): void {
    stage.changes.push(putRow(keys.meta, this.#meta))
  }

  /** Entries of one log from `sequence` on. */
  async entriesOf(name: LogName, sequence: number, bounds: EntryBounds): Promise<Uint8Array[]> {
    return takeBounded(this.#store, { ...ranges.entriesFrom(name, sequence), limit: bounds.countMax }, bounds.sizeBytesMax)
  }

  /** Removes, of `count` arrivals after this one, those whose entries are not there any more; the number to go on after, null at the end. */
  async sweepArrivals(after: number, count: number): Promise<number | null> {
    const places = await this.#arrivalsAfter(after, count)
    const found = await this.#store.getMany(places.map(({ key }) => key))
    await this.#store.write(places.flatMap(({ number }, index) => (found[index] === undefined ? [remove(keys.arrival(number))] : [])), { durable: false })
    return places.length < count ? null : (places.at(-1)?.number ?? null)
  }

  async #arrivalsAfter(number: number, limit: number): Promise<{ readonly number: number; readonly key: string }[]> {
    const places: { number: number; key: string }[] = []
    for await (const [key, value] of this.#store.entries({ ...ranges.arrivalsAfter(number), limit })) places.push({ number: Number(lastPart(key)), key: toText(value) })
    return places
  }
}

const putLog = (state: LogState): Change => {
  const { kind, head, executor, frozenAt, base } = state
  return putRow(keys.log(state), { kind, head, executor, frozenAt, base })
}

/** Where the entries of a plan belong: those that are not there yet, and keys that something held has to leave. */
const placeEntries = (name: LogName, plan: LogPlan, held: ReadonlyMap<RecordId, HeldEntry>): { places: { key: string; bytes: Uint8Array }[]; left: string[] } => {
  const places: { key: string; bytes: Uint8Array }[] = []
  const left: string[] = []
  const place = ({ record }: OpenedEntry, key: string): void => {
    const known = held.get(record.id)
    if (known?.key === key) return
    if (known !== undefined) left.push(known.key)
    places.push({ key, bytes: record.bytes })
  }
  const counted = new Set(plan.accepted.map(({ opened }) => opened.record.id))
  for (const { opened } of plan.accepted) place(opened, keys.entry(name, opened.record.body.sequence))
  // What was held stays as evidence where it counts no more.
  const aside = new Map([...plan.conflicts, ...[...held.values()].map(({ opened }) => opened)].map((opened) => [opened.record.id, opened]))
  for (const [id, opened] of aside) if (!counted.has(id)) place(opened, keys.conflict(name, opened.record.body.sequence, id))
  return { places, left }
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
