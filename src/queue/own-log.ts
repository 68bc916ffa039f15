/**
 * A node's own log, or an admin's, in its store: what it has to say, and how much of that each endpoint has acknowledged.
 * Appends are serialised and hash-linked; an entry is stored before anybody gets it, and kept until enough endpoints
 * hold a checkpoint above it. Keys start with `own/`, so that the store may be shared.
 *
 * It never appends to a life of which somebody is known to know more: a restored backup must not write a second entry
 * under a number that it has used before.
 */
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { WritError } from '../base/errors.ts'
import { put, withPrefix, type Change, type KeyValueStore } from '../base/key-value-store.ts'
import { drawIncarnation, type Random } from '../base/random.ts'
import { decodeRecord, sealRecord, type Verified } from '../record/record.ts'
import { entryKind, type EntryBody, type EntryContent } from '../record/entry.ts'
import { takeBounded } from './log-table.ts'
import { lastPart } from './queue-store.ts'
import { acknowledgedKey, acknowledgedPrefix, branchKey, branchPrefix, entryKey, livesKey } from './own-keys.ts'
import { noteElsewhere, readElsewhere } from './own-elsewhere.ts'
import { receiptsOf } from './own-history.ts'
import { planDrop } from './own-starts.ts'
import { takeBatch } from './receipt-batch.ts'
import { beginLife, findLife, isAtEnd, isCheckpointDue, isStranded, lastOf, planTrim, withLife, type KnownLife, type Life, type Lives } from './own-lives.ts'
import type { Clock } from '../base/clock.ts'
import type { Incarnation, KeyId, MeshId, RecordId } from '../base/brand.ts'
import type { Signer } from '../record/keys.ts'

export interface OwnLogDeps {
  readonly store: KeyValueStore
  readonly signer: Signer
  readonly mesh: MeshId
  readonly random: Random
  readonly clock: Clock
  /** What each life of the log begins with: a node's credential; nothing for an admin. */
  readonly first?: EntryContent
  /** From one checkpoint to the next; `limits.ownLog.checkpointEntries` when absent. */
  readonly checkpointEntries?: number
}

export class OwnLog {
  readonly #deps: OwnLogDeps
  readonly #mutex = new Mutex()
  readonly #acknowledged = new Map<string, number>()
  /** Lives that began since the log was opened: nobody can know more of these. */
  readonly #begun = new Set<Incarnation>()
  #lives: Lives

  private constructor(deps: OwnLogDeps, lives: Lives) {
    this.#deps = deps
    this.#lives = lives
  }

  /** Opens the log of this store, or begins one. Errors: those of the store. */
  static async open(deps: OwnLogDeps): Promise<OwnLog> {
    const known = await deps.store.get(livesKey)
    if (known !== undefined) {
      const log = new OwnLog(deps, decodeOwn(known) as Lives)
      for await (const [key, value] of deps.store.entries(withPrefix(acknowledgedPrefix))) log.#acknowledged.set(key, decodeOwn(value) as number)
      return log
    }
    const life = beginLife(drawIncarnation(deps.random))
    const log = new OwnLog(deps, [life])
    await log.#begin(life)
    return log
  }

  get author(): KeyId {
    return this.#deps.signer.key
  }

  get mesh(): MeshId {
    return this.#deps.mesh
  }

  /** The life that is written now, and its head. */
  head(): Life {
    return this.#current()
  }

  /** All lives, oldest first. */
  lives(): readonly Life[] {
    return this.#lives
  }

  /** Whether the life that is written now began since the log was opened. */
  get isFresh(): boolean {
    return this.#begun.has(this.#current().incarnation)
  }

  /**
   * With `durable` the entry is on disk when the promise resolves. Where the life is over a new one begins. Errors:
   * `store-write-failed`, `too-many-lives`, and then it was not appended.
   */
  async append(content: EntryContent, options: { readonly durable: boolean }): Promise<Verified<EntryBody>> {
    return this.#mutex.run(async () => {
      if (isAtEnd(this.#current())) await this.#startIncarnation()
      return this.#append(content, options.durable)
    })
  }

  /** Appends a checkpoint where one is due. Errors: as `append`. */
  async checkpoint(): Promise<Verified<EntryBody> | undefined> {
    return this.#mutex.run(async () => {
      const { first, checkpointEntries = limits.ownLog.checkpointEntries } = this.#deps
      if (isAtEnd(this.#current()) || !isCheckpointDue(this.#current(), checkpointEntries)) return undefined
      return this.#append({ kind: 'checkpoint', credential: first?.kind === 'credential' ? first.credential : null }, true)
    })
  }

  /** Begins a new life of the log: durable, with its first entry. Errors: as `append`. */
  async startIncarnation(): Promise<Incarnation> {
    return this.#mutex.run(async () => {
      await this.#startIncarnation()
      return this.#current().incarnation
    })
  }

  /** Whether nothing was ever said here but who speaks. */
  get isUnused(): boolean {
    return this.#lives.length === 1 && this.#current().head.sequence <= 1
  }

  /** Entries of the current life above `sequence`; at least one where there is one. */
  async entriesAfter(sequence: number, sizeBytesMax: number): Promise<Uint8Array[]> {
    return this.#read(this.#current(), sequence, this.#current().head.sequence, sizeBytesMax)
  }

  /** The ids of the entries of one life that are here, from `sequence` on, by their numbers. */
  async idsFrom(incarnation: Incarnation, sequence: number, through = Number.POSITIVE_INFINITY): Promise<ReadonlyMap<number, RecordId>> {
    const life = findLife(this.#lives, incarnation)
    const ids = new Map<number, RecordId>()
    if (life === undefined) return ids
    const range = { from: entryKey(incarnation, Math.max(life.first, sequence)), to: entryKey(incarnation, Math.min(through, life.head.sequence) + 1) }
    for await (const [key, bytes] of this.#deps.store.entries(range)) {
      const entry = decodeRecord(entryKind, bytes)
      if (entry.ok) ids.set(Number(lastPart(key)), entry.value.id)
    }
    return ids
  }

  /** Those claims whose last entry is not the one that is here; what is not kept here any more is believed. Errors: those of the store. */
  async othersAmong(known: readonly KnownLife[]): Promise<ReadonlySet<KnownLife>> {
    const here = await Promise.all(known.map(({ incarnation, sequence }) => this.#idAt(incarnation, sequence)))
    return new Set(known.filter(({ id }, index) => id !== null && here[index] !== undefined && here[index] !== id))
  }

  async #idAt(incarnation: Incarnation, sequence: number): Promise<RecordId | null | undefined> {
    const life = findLife(this.#lives, incarnation)
    return sequence === life?.head.sequence ? life.head.id : (await this.idsFrom(incarnation, sequence, sequence)).get(sequence)
  }

  /** Takes over a run of own entries that were written here before a restore; they follow on what is here, or begin with a checkpoint. Durable. */
  async adopt(incarnation: Incarnation, run: readonly Verified<EntryBody>[]): Promise<void> {
    const [start] = run
    const last = run.at(-1)
    if (start === undefined || last === undefined) return
    await this.#mutex.run(async () => {
      const life = findLife(this.#lives, incarnation) ?? { ...beginLife(incarnation), first: start.body.sequence, isOver: true }
      const skips = start.body.sequence > life.head.sequence + 1
      const checkpoints = run.filter(({ body }) => body.content.kind === 'checkpoint').map(({ body }) => body.sequence)
      const grown = {
        ...life,
        head: { sequence: last.body.sequence, id: last.id },
        first: skips ? start.body.sequence : life.first,
        checkpoints: [...(skips ? [] : life.checkpoints), ...checkpoints].filter((sequence) => !skips || sequence > start.body.sequence)
      }
      await this.#writeLives(this.#endUnlessBegun(withLife(this.#lives, grown), incarnation), run.map(({ body, bytes }) => put(entryKey(incarnation, body.sequence), bytes)))
    })
  }

  /**
   * Ends a life because of a fork at `at`: what it says from there on is to be retold, together with what `foreign` says,
   * entries that were written elsewhere by the own key. Durable.
   */
  async close(incarnation: Incarnation, at: number, foreign: readonly Verified<EntryBody>[]): Promise<void> {
    await this.#mutex.run(async () => {
      const keys = foreign.map(({ id, body }) => branchKey(incarnation, body.sequence, id))
      const held = await this.#deps.store.getMany(keys)
      const fresh = foreign.flatMap(({ bytes }, index) => (held[index] === undefined ? [put(keys[index] ?? '', bytes)] : []))
      const life = findLife(this.#lives, incarnation) ?? { ...beginLife(incarnation), isOver: true }
      const closed = { ...life, closedAt: Math.min(at, life.closedAt ?? at) }
      if (fresh.length > 0 || closed.closedAt !== life.closedAt) await this.#writeLives(this.#endUnlessBegun(withLife(this.#lives, closed), incarnation), fresh)
    })
  }

  /**
   * Says again, in a new life where the current one is over, what counts nowhere because of a fork. A crash in the middle
   * says some of it twice, which changes nothing. Returns how many receipts. Errors: as `append`.
   */
  async retell(): Promise<number> {
    return this.#mutex.run(async () => {
      let count = 0
      if (isAtEnd(this.#current())) await this.#startIncarnation()
      for (const life of this.#lives) count += await this.#retellLife(life)
      return count
    })
  }

  /** Notes that `endpoint` holds all up to `sequence` durably, which is less than before when it lost its store. */
  async acknowledge(endpoint: KeyId, incarnation: Incarnation, sequence: number): Promise<void> {
    const life = findLife(this.#lives, incarnation)
    if (life === undefined) return
    const key = acknowledgedKey(endpoint, incarnation)
    const held = Math.min(sequence, life.head.sequence)
    if (held === (this.#acknowledged.get(key) ?? 0)) return
    this.#acknowledged.set(key, held)
    await this.#deps.store.write([put(key, encodeCbor(held))], { durable: false })
  }

  acknowledgedBy(endpoint: KeyId, incarnation: Incarnation): number {
    return this.#acknowledged.get(acknowledgedKey(endpoint, incarnation)) ?? 0
  }

  /** What `endpoint` has not acknowledged, as far as it is kept, the oldest life first; at least one entry where there is one. */
  async unacknowledgedFor(endpoint: KeyId, sizeBytesMax: number): Promise<Uint8Array[]> {
    const found: Uint8Array[] = []
    let room = sizeBytesMax
    for (const life of this.#lives) {
      const after = Math.max(this.acknowledgedBy(endpoint, life.incarnation), life.first - 1)
      if (after >= lastOf(life)) continue
      const entries = await this.#read(life, after, lastOf(life), room)
      room -= entries.reduce((total, { length }) => total + length, 0)
      if (room < 0 && found.length > 0) break
      found.push(...entries)
      if (after + entries.length < lastOf(life)) break
    }
    return found
  }

  /** Entries, of all lives, that fewer than `wanted` endpoints have acknowledged. */
  unacknowledgedCount(wanted: number): number {
    return this.#lives.reduce((total, life) => {
      const safe = this.#acknowledgements(life).sort((left, right) => right - left)[wanted - 1] ?? 0
      return total + Math.max(0, lastOf(life) - Math.max(safe, life.first - 1))
    }, 0)
  }

  /** Drops what lies below the newest checkpoint that `wanted` of these endpoints have acknowledged. */
  async trim(endpoints: ReadonlySet<KeyId>, wanted: number): Promise<void> {
    await this.#mutex.run(async () => {
      for (const life of this.#lives) {
        const first = planTrim(life, this.#acknowledgements(life, endpoints), wanted)
        if (first === undefined) continue
        const range = { from: entryKey(life.incarnation, 0), to: entryKey(life.incarnation, first), limit: limits.ownLog.trimEntriesMax }
        const lives = withLife(this.#lives, { ...life, first, checkpoints: life.checkpoints.filter((sequence) => sequence > first) })
        await this.#writeLives(lives, await planDrop(this.#deps.store, range), false)
      }
    })
  }

  /** Lives that none of these endpoints can take any more, because each lacks entries that are not kept. */
  stranded(endpoints: ReadonlySet<KeyId>): Life[] {
    return this.#lives.filter((life) => isStranded(life, [...endpoints].map((endpoint) => this.acknowledgedBy(endpoint, life.incarnation))))
  }

  /** Whether one of these lives goes beyond what is here and what was noted before, so that the next append needs a new life. */
  async isBehind(known: readonly KnownLife[]): Promise<boolean> {
    const noted = await readElsewhere(this.#deps.store, known)
    const others = await this.othersAmong(known)
    return known.some((claim, index) => {
      const { incarnation, sequence, frozenAt } = claim
      const held = Math.max(findLife(this.#lives, incarnation)?.head.sequence ?? 0, noted[index] ?? 0)
      return sequence > held || ((frozenAt !== null || others.has(claim)) && incarnation === this.#current().incarnation)
    })
  }

  /** Remembers the most that endpoints know, for `isBehind`. */
  note(known: readonly KnownLife[]): Promise<void> {
    return noteElsewhere(this.#deps.store, known)
  }

  async #startIncarnation(): Promise<void> {
    if (this.#lives.length >= limits.pull.livesMax) throw new WritError('too-many-lives', `this log was restored ${this.#lives.length} times, which is as often as it may be; enrol the node again with a new key`, { details: { lives: this.#lives.length } })
    const before = this.#lives
    const life = beginLife(drawIncarnation(this.#deps.random))
    this.#lives = [...before, life]
    try {
      await this.#begin(life)
    } catch (error) {
      this.#lives = before
      throw error
    }
  }

  async #begin({ incarnation }: Life): Promise<void> {
    if (this.#deps.first === undefined) await this.#writeLives(this.#lives, [])
    else await this.#append(this.#deps.first, true)
    this.#begun.add(incarnation)
  }

  async #append(content: EntryContent, durable: boolean): Promise<Verified<EntryBody>> {
    const { signer, mesh, clock } = this.#deps
    const current = this.#current()
    const { incarnation, head } = current
    const sequence = head.sequence + 1
    const entry = sealRecord(entryKind, { mesh, author: signer.key, incarnation, sequence, previous: head.id, at: clock.now(), content }, [signer])
    const checkpoints = content.kind === 'checkpoint' ? [...current.checkpoints, sequence] : current.checkpoints
    await this.#writeLives(withLife(this.#lives, { ...current, head: { sequence, id: entry.id }, checkpoints }), [put(entryKey(incarnation, sequence), entry.bytes)], durable)
    return entry
  }

  async #retellLife(life: Life): Promise<number> {
    if (life.closedAt === null) return 0
    const { incarnation, closedAt, retoldFrom } = life
    const own = await this.#read(life, Math.max(closedAt, life.first) - 1, (retoldFrom ?? life.head.sequence + 1) - 1, Number.POSITIVE_INFINITY)
    const branch: (readonly [string, Uint8Array])[] = []
    for await (const [key, bytes] of this.#deps.store.entries(withPrefix(branchPrefix(incarnation)))) if (bytes.length > 0) branch.push([key, bytes])
    let waiting = receiptsOf([...own, ...branch.map(([, bytes]) => bytes)].flatMap((bytes) => {
      const entry = decodeRecord(entryKind, bytes)
      return entry.ok ? [entry.value.body] : []
    }))
    const count = waiting.length
    while (waiting.length > 0) {
      const receipts = takeBatch(waiting)
      await this.#append({ kind: 'receipts', receipts }, true)
      waiting = waiting.slice(receipts.length)
    }
    if (retoldFrom !== closedAt || branch.length > 0) await this.#writeLives(withLife(this.#lives, { ...life, retoldFrom: closedAt }), branch.map(([key]) => put(key, new Uint8Array())))
    return count
  }

  #acknowledgements({ incarnation }: Life, endpoints?: ReadonlySet<KeyId>): number[] {
    if (endpoints !== undefined) return [...endpoints].map((endpoint) => this.acknowledgedBy(endpoint, incarnation))
    return [...this.#acknowledged].filter(([key]) => key.endsWith(`/${incarnation}`)).map(([, sequence]) => sequence)
  }

  async #read({ incarnation }: Life, after: number, upTo: number, sizeBytesMax: number): Promise<Uint8Array[]> {
    return takeBounded(this.#deps.store, { from: entryKey(incarnation, after + 1), to: entryKey(incarnation, upTo + 1) }, sizeBytesMax)
  }

  #current(): Life {
    const current = this.#lives.at(-1)
    if (current === undefined) throw new Error('a log without a life')
    return current
  }

  /** Where more was said than is here, the life that is written may have gone on as well, unless it began since. */
  #endUnlessBegun(lives: Lives, changed: Incarnation): Lives {
    const current = lives.at(-1)
    if (current === undefined || (this.#begun.has(current.incarnation) && current.incarnation !== changed)) return lives
    return [...lives.slice(0, -1), { ...current, isOver: true }]
  }

  async #writeLives(lives: Lives, changes: readonly Change[], durable = true): Promise<void> {
    await this.#deps.store.write([...changes, put(livesKey, encodeCbor(lives))], { durable })
    this.#lives = lives
  }
}
