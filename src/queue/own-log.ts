/**
 * A node's own log, or an admin's, in its store: what it has to say, and how much of that each endpoint has acknowledged.
 * Appends are serialised and hash-linked; an entry is stored before anybody gets it. Keys start with `own/`, so that the
 * store may be shared.
 *
 * A log has lives (incarnations). A new one begins when a peer knows more of the current one than we do: a restored
 * backup must not write a second entry under a number that it has used before.
 */
import { encodeCbor } from '../base/codec.ts'
import { Mutex } from '../base/mutex.ts'
import { put, type Change, type KeyValueStore } from '../base/key-value-store.ts'
import { drawIncarnation, type Random } from '../base/random.ts'
import { entryKind, type EntryBody, type EntryContent } from '../record/entry.ts'
import { sealRecord, type Verified } from '../record/record.ts'
import { emptyHead, type Head } from './log.ts'
import { takeBounded } from './log-table.ts'
import { readRow } from './queue-store.ts'
import type { Clock } from '../base/clock.ts'
import type { Incarnation, KeyId, MeshId } from '../base/brand.ts'
import type { Signer } from '../record/keys.ts'

export interface OwnLogDeps {
  readonly store: KeyValueStore
  readonly signer: Signer
  readonly mesh: MeshId
  readonly random: Random
  readonly clock: Clock
  /** What each life of the log begins with: a node's credential; nothing for an admin. */
  readonly first?: EntryContent
}

interface Life {
  readonly incarnation: Incarnation
  readonly head: Head
}

/** Oldest first; the last one is written to. */
type Lives = readonly [...Life[], Life]

const livesKey = 'own/lives'
const pad = (sequence: number): string => sequence.toString().padStart(16, '0')
const entryKey = (incarnation: Incarnation, sequence: number): string => `own/entry/${incarnation}/${pad(sequence)}`
const acknowledgedKey = (endpoint: KeyId, incarnation: Incarnation): string => `own/acknowledged/${endpoint}/${incarnation}`

export class OwnLog {
  readonly #deps: OwnLogDeps
  readonly #mutex = new Mutex()
  readonly #acknowledged = new Map<string, number>()
  #lives: Lives

  private constructor(deps: OwnLogDeps, lives: Lives) {
    this.#deps = deps
    this.#lives = lives
  }

  /** Opens the log of this store, or begins one. Errors: those of the store. */
  static async open(deps: OwnLogDeps): Promise<OwnLog> {
    const known = await deps.store.get(livesKey)
    if (known !== undefined) {
      const log = new OwnLog(deps, readRow<Lives>(known))
      for await (const [key, value] of deps.store.entries({ from: 'own/acknowledged/', to: 'own/acknowledged/~' })) log.#acknowledged.set(key, readRow<number>(value))
      return log
    }
    const log = new OwnLog(deps, [{ incarnation: drawIncarnation(deps.random), head: emptyHead }])
    await log.#begin()
    return log
  }

  get author(): KeyId {
    return this.#deps.signer.key
  }

  /** The life that is written now, and its head. */
  head(): Life {
    return this.#current()
  }

  /** With `durable` the entry is on disk when the promise resolves. Errors: `store-write-failed`, and then it was not appended. */
  async append(content: EntryContent, options: { readonly durable: boolean }): Promise<Verified<EntryBody>> {
    return this.#mutex.run(() => this.#append(content, options.durable))
  }

  /** Begins a new life of the log: durable, with its first entry. */
  async startIncarnation(): Promise<Incarnation> {
    return this.#mutex.run(async () => {
      const before = this.#lives
      this.#lives = [...before, { incarnation: drawIncarnation(this.#deps.random), head: emptyHead }]
      try {
        await this.#begin()
      } catch (error) {
        this.#lives = before
        throw error
      }
      return this.#current().incarnation
    })
  }

  /** Entries of the current life above `sequence`; at least one where there is one. */
  async entriesAfter(sequence: number, sizeBytesMax: number): Promise<Uint8Array[]> {
    return this.#read(this.#current(), sequence, sizeBytesMax)
  }

  /**
   * Notes that `endpoint` holds all up to `sequence`, which is less than before when it lost its store. `ahead` when that is more than was ever written here: then
   * `startIncarnation` comes before the next append.
   */
  async acknowledge(endpoint: KeyId, incarnation: Incarnation, sequence: number): Promise<'known' | 'ahead'> {
    const life = this.#lives.find((candidate) => candidate.incarnation === incarnation)
    if (life === undefined) return 'known'
    const key = acknowledgedKey(endpoint, incarnation)
    const held = Math.min(sequence, life.head.sequence)
    if (held !== (this.#acknowledged.get(key) ?? 0)) {
      this.#acknowledged.set(key, held)
      await this.#deps.store.write([put(key, encodeCbor(held))], { durable: false })
    }
    return sequence > life.head.sequence && life === this.#current() ? 'ahead' : 'known'
  }

  acknowledgedBy(endpoint: KeyId, incarnation: Incarnation): number {
    return this.#acknowledged.get(acknowledgedKey(endpoint, incarnation)) ?? 0
  }

  /** What `endpoint` has not acknowledged, the oldest life first; at least one entry where there is one. */
  async unacknowledgedFor(endpoint: KeyId, sizeBytesMax: number): Promise<Uint8Array[]> {
    const found: Uint8Array[] = []
    let room = sizeBytesMax
    for (const life of this.#lives) {
      const acknowledged = this.acknowledgedBy(endpoint, life.incarnation)
      if (acknowledged >= life.head.sequence) continue
      const entries = await this.#read(life, acknowledged, room)
      room -= entries.reduce((total, { length }) => total + length, 0)
      if (room < 0 && found.length > 0) break
      found.push(...entries)
      if (acknowledged + entries.length < life.head.sequence) break
    }
    return found
  }

  /** Entries, of all lives, that fewer than `wanted` endpoints have acknowledged. */
  unacknowledgedCount(wanted: number): number {
    return this.#lives.reduce((total, { incarnation, head }) => {
      const acknowledged = [...this.#acknowledged].filter(([key]) => key.endsWith(`/${incarnation}`)).map(([, sequence]) => Math.min(sequence, head.sequence))
      const safe = acknowledged.sort((left, right) => right - left)[wanted - 1] ?? 0
      return total + head.sequence - safe
    }, 0)
  }

  async #read({ incarnation, head }: Life, sequence: number, sizeBytesMax: number): Promise<Uint8Array[]> {
    return takeBounded(this.#deps.store, { from: entryKey(incarnation, sequence + 1), to: entryKey(incarnation, head.sequence + 1) }, sizeBytesMax)
  }

  async #begin(): Promise<void> {
    if (this.#deps.first !== undefined) await this.#append(this.#deps.first, true)
    else await this.#deps.store.write([this.#livesChange(this.#lives)], { durable: true })
  }

  async #append(content: EntryContent, durable: boolean): Promise<Verified<EntryBody>> {
    const { signer, mesh, clock, store } = this.#deps
    const { incarnation, head } = this.#current()
    const sequence = head.sequence + 1
    const entry = sealRecord(entryKind, { mesh, author: signer.key, incarnation, sequence, previous: head.id, at: clock.now(), content }, [signer])
    const lives: Lives = [...this.#lives.slice(0, -1), { incarnation, head: { sequence, id: entry.id } }]
    await store.write([put(entryKey(incarnation, sequence), entry.bytes), this.#livesChange(lives)], { durable })
    this.#lives = lives
    return entry
  }

  #current(): Life {
    const current = this.#lives.at(-1)
    if (current === undefined) throw new Error('a log without a life')
    return current
  }

  #livesChange(lives: Lives): Change {
    return put(livesKey, encodeCbor(lives))
  }
}
