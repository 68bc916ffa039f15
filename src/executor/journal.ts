/**
 * The once-only journal: which ids were accepted, started and finished, and the statements that the agent has not kept
 * yet. "Started" and each outcome are durable when their promise resolves, in one write with their statement.
 *
 *   active/<id>              an order without an outcome: its bundle, how often it was started, when last
 *   finished/<id>            its outcome
 *   expiry/<millis>/<id>     when the id may be forgotten
 *   statement/<sequence>     to be kept by the agent, oldest first; an outcome comes back here when the agent may lack it
 *   adopted/<id>             a start before a restore, as its statement says it, that has no outcome yet
 *   newest                   when the newest order was made that was started here: true time has come that far
 *   forgotten                orders that expired before this may have been forgotten
 *   lost                     what was started before this time may be missing here
 *   probe                    nothing: written to see whether anything can be
 *   update                   the release that an order is about to replace, or has replaced, this one with
 *   last                     the id of the newest statement, which the next one names
 */
import * as v from 'valibot'
import { toText, utf8 } from '../base/bytes.ts'
import { decodeCbor, encodeCbor } from '../base/codec.ts'
import { WritError } from '../base/errors.ts'
import { put, remove, withPrefix, type Change, type KeyValueStore } from '../base/key-value-store.ts'
import { limits } from '../base/limits.ts'
import { checkShape, countSchema, indicationIdSchema, millisSchema, textSchema } from '../base/schema.ts'
import { bundleSchema, type Bundle } from '../record/bundle.ts'
import { decodeRecord, type Sealed } from '../record/record.ts'
import { statementKind, type StatementBody } from '../record/statement.ts'
import type { IndicationId, Millis, RecordId } from '../base/brand.ts'
import type { History, Order } from './job-events.ts'
import type { Update } from './update-machine.ts'

const activeSchema = v.strictObject({ bundle: bundleSchema, attempts: countSchema, startedAt: v.nullable(millisSchema) })

const updateSchema = v.strictObject({ indication: indicationIdSchema, slot: textSchema(128), version: textSchema(64), trialSeconds: countSchema })

/** An order that an earlier executor left without an outcome. */
export interface ActiveRecord {
  readonly id: IndicationId
  readonly bundle: Bundle
  readonly attempts: number
  readonly startedAt: Millis | null
}

export type Statement = Sealed<StatementBody>

const [newestKey, forgottenKey, lostKey, lastKey, updateKey] = ['newest', 'forgotten', 'lost', 'last', 'update']
const decimal = (value: number): string => String(value).padStart(16, '0')
const activeKey = (id: IndicationId): string => `active/${id}`
const finishedKey = (id: IndicationId): string => `finished/${id}`
const adoptedKey = (id: IndicationId): string => `adopted/${id}`
const expiryKey = (expiresAt: Millis, id: IndicationId): string => `expiry/${decimal(expiresAt)}/${id}`
const statementKey = (sequence: number): string => `statement/${decimal(sequence)}`

export class Journal {
  readonly #store: KeyValueStore
  readonly #unkept = new Map<RecordId, { readonly sequence: number; readonly statement: Statement }>()
  #sequence = 0
  #newest: Millis = 0
  #forgotten: Millis = 0
  #lostBefore: Millis = 0
  #last: RecordId | null = null

  private constructor(store: KeyValueStore) {
    this.#store = store
  }

  /** Errors: `journal-unreadable`. */
  static async open(store: KeyValueStore): Promise<Journal> {
    const journal = new Journal(store)
    const [newest, forgotten, last] = await store.getMany([newestKey, forgottenKey, lastKey])
    if (newest !== undefined) journal.#newest = decodeMillis(newestKey, newest)
    if (forgotten !== undefined) journal.#forgotten = decodeMillis(forgottenKey, forgotten)
    if (last !== undefined) journal.#last = toText(last) as RecordId
    for await (const [key, bytes] of store.entries(withPrefix('statement/'))) {
      const statement = decodeStatement(key, bytes)
      journal.#sequence = Number(key.slice('statement/'.length))
      journal.#unkept.set(statement.id, { sequence: journal.#sequence, statement })
    }
    journal.#lostBefore = await readLost(store)
    return journal
  }

  /** Orders created up to then may have been started although nothing here says so; 0 when nothing was lost. */
  get lostBefore(): Millis {
    return this.#lostBefore
  }

  /** Durable: whatever was started before `at` may be missing here. It never goes back. Errors: `store-write-failed`. */
  async recordLoss(at: Millis): Promise<void> {
    await writeLoss(this.#store, at)
    this.#lostBefore = Math.max(this.#lostBefore, at)
  }

  /** The update whose order has no outcome yet; null without one. Errors: `journal-unreadable`. */
  async update(): Promise<Update | null> {
    const bytes = await this.#store.get(updateKey)
    if (bytes === undefined) return null
    const decoded = decodeCbor(bytes)
    const update = decoded.ok ? checkShape(updateSchema, decoded.value) : decoded
    if (!update.ok) throw unreadable(updateKey, update.detail)
    return update.value
  }

  /** Durable. Errors: `store-write-failed`. */
  async recordUpdate(update: Update | null): Promise<void> {
    await this.#store.write([update === null ? remove(updateKey) : put(updateKey, encodeCbor(update))], { durable: true })
  }

  /** Errors: `store-write-failed` when nothing can be written. */
  async probe(): Promise<void> {
    await this.#store.write([put('probe', new Uint8Array())], { durable: true })
  }

  /** Orders without an outcome. Errors: `journal-unreadable`. */
  async active(): Promise<ActiveRecord[]> {
    const records: ActiveRecord[] = []
    for await (const [key, bytes] of this.#store.entries(withPrefix('active/'))) {
      records.push({ id: key.slice('active/'.length) as IndicationId, ...decodeActive(key, bytes) })
    }
    return records
  }

  async recall(id: IndicationId): Promise<History> {
    const [finished, active, adopted] = await this.#store.getMany([finishedKey(id), activeKey(id), adoptedKey(id)])
    if (finished !== undefined) return { kind: 'finished' }
    if (adopted !== undefined) return { kind: 'started' }
    if (active === undefined) return { kind: 'fresh' }
    return decodeActive(activeKey(id), active).attempts > 0 ? { kind: 'started' } : { kind: 'fresh' }
  }

  /** An order that expired before this may have run and been forgotten. */
  get forgottenBefore(): Millis {
    return this.#forgotten
  }

  /** Not synced: an accepted order that a power cut takes is offered again. */
  async recordAccepted(order: Order): Promise<void> {
    await this.#store.write([put(activeKey(order.id), encodeActive(order.bundle, 0, null))], { durable: false })
  }

  async recordStarted(order: Order, attempts: number, startedAt: Millis, running: Statement): Promise<void> {
    const newest = Math.max(this.#newest, order.body.createdAt)
    await this.#writeWith(running, [put(activeKey(order.id), encodeActive(order.bundle, attempts, startedAt)), ...(newest === this.#newest ? [] : [put(newestKey, encodeCbor(newest))])])
    this.#newest = newest
  }

  async recordOutcome(order: Order, outcome: Statement): Promise<void> {
    await this.#writeWith(outcome, [remove(activeKey(order.id)), ...finish(outcome, order.body.expiresAt)])
  }

  /** A start that was made before a restore. */
  async recordAttempt(order: Order, attempts: number, startedAt: Millis): Promise<void> {
    await this.#store.write([put(activeKey(order.id), encodeActive(order.bundle, attempts, startedAt))], { durable: true })
  }

  /**
   * What was said before a restore. The agent has kept it; what is known here already stays as it is. A start whose outcome
   * is known here alone is noted too, since the agent lost what it had kept and that outcome is to be said again; not so
   * where it waits to be kept anyway.
   */
  async recordAdopted(statement: Statement): Promise<void> {
    const { indication: id, state } = statement.body
    const [finished, adopted] = await this.#store.getMany([finishedKey(id), adoptedKey(id)])
    const changes: Change[] = finished === undefined ? [remove(activeKey(id))] : []
    if (state !== 'running') changes.push(remove(adoptedKey(id)), ...(finished === undefined ? finish(statement, latestExpiry(statement)) : []))
    else if (adopted === undefined && !this.#isWaiting(id)) changes.push(put(adoptedKey(id), statement.bytes))
    await this.#store.write(changes, { durable: true })
  }

  /** Adopted starts that have no outcome. Errors: `journal-unreadable`. */
  async unsettled(): Promise<Statement[]> {
    const found: Statement[] = []
    for await (const [key, bytes] of this.#store.entries(withPrefix('adopted/'))) found.push(decodeStatement(key, bytes))
    return found
  }

  /**
   * The agent's log may lack outcomes that it had kept, of this order or, with null, of all that are not forgotten: they
   * wait to be kept once more. Durable. Returns them, without those that were waiting. Errors: `journal-unreadable`.
   */
  async retell(id: IndicationId | null): Promise<Statement[]> {
    const again: Statement[] = []
    const changes: Change[] = []
    for await (const [key, bytes] of this.#store.entries(withPrefix(id === null ? 'finished/' : finishedKey(id)))) {
      const outcome = decodeStatement(key, bytes)
      changes.push(remove(adoptedKey(outcome.body.indication)))
      if (!this.#unkept.has(outcome.id)) again.push(outcome)
    }
    const first = this.#sequence + 1
    this.#sequence += again.length
    changes.push(...again.map(({ bytes }, index) => put(statementKey(first + index), bytes)))
    if (changes.length > 0) await this.#store.write(changes, { durable: true })
    for (const [index, statement] of again.entries()) this.#unkept.set(statement.id, { sequence: first + index, statement })
    return again
  }

  async settle(outcome: Statement): Promise<void> {
    await this.#writeWith(outcome, [remove(adoptedKey(outcome.body.indication)), ...finish(outcome, latestExpiry(outcome))])
  }

  /** The newest statement of all; null before the first. */
  get last(): RecordId | null {
    return this.#last
  }

  /** Statements that the agent has not kept, oldest first. */
  unkept(): Statement[] {
    return [...this.#unkept.values()].map(({ statement }) => statement)
  }

  /** The agent has it. The statement, or undefined when it was kept before or never made. */
  async keep(id: RecordId): Promise<Statement | undefined> {
    const known = this.#unkept.get(id)
    if (known === undefined) return undefined
    this.#unkept.delete(id)
    await this.#store.write([remove(statementKey(known.sequence))], { durable: false })
    return known.statement
  }

  /**
   * Forgets finished ids whose orders nobody can give again, and returns how many. Later than the newest order that was
   * started here was made it never looks, whatever `now` is; orders that expired before are not taken up any more.
   */
  async forget(now: Millis): Promise<number> {
    const before = Math.max(0, Math.min(now, this.#newest) - limits.trust.clockToleranceMs)
    if (before <= this.#forgotten) return 0
    const changes: Change[] = [put(forgottenKey, encodeCbor(before))]
    for await (const [key] of this.#store.entries({ from: 'expiry/', to: `expiry/${decimal(before)}` })) changes.push(remove(key), remove(finishedKey(key.slice(-52) as IndicationId)))
    await this.#store.write(changes, { durable: false })
    this.#forgotten = before
    return (changes.length - 1) / 2
  }

  #isWaiting(id: IndicationId): boolean {
    return [...this.#unkept.values()].some(({ statement: { body } }) => body.indication === id && body.state !== 'running')
  }

  async #writeWith(statement: Statement, changes: Change[]): Promise<void> {
    this.#sequence += 1
    const sequence = this.#sequence
    await this.#store.write([...changes, put(statementKey(sequence), statement.bytes), put(lastKey, utf8(statement.id))], { durable: true })
    this.#last = statement.id
    this.#unkept.set(statement.id, { sequence, statement })
  }
}

const finish = ({ body, bytes }: Statement, expiresAt: Millis): Change[] => [put(finishedKey(body.indication), bytes), put(expiryKey(expiresAt, body.indication), new Uint8Array())]

/** The order itself is not known here: it can be no older than it was when it was started. */
const latestExpiry = ({ body }: Statement): Millis => body.at + limits.indication.validityMsMax + limits.trust.clockToleranceMs

const decodeMillis = (key: string, bytes: Uint8Array): Millis => {
  const decoded = decodeCbor(bytes)
  const millis = decoded.ok ? checkShape(millisSchema, decoded.value) : decoded
  if (!millis.ok) throw unreadable(key, millis.detail)
  return millis.value
}

/** Into a journal that is not opened yet. Errors: `store-write-failed`, `journal-unreadable`. */
export const writeLoss = async (store: KeyValueStore, at: Millis): Promise<void> =>
  store.write([put(lostKey, encodeCbor(Math.max(at, await readLost(store))))], { durable: true })

const readLost = async (store: KeyValueStore): Promise<Millis> => {
  const bytes = await store.get(lostKey)
  return bytes === undefined ? 0 : decodeMillis(lostKey, bytes)
}

const encodeActive = (bundle: Bundle, attempts: number, startedAt: Millis | null): Uint8Array => encodeCbor({ bundle, attempts, startedAt })

const decodeActive = (key: string, bytes: Uint8Array): v.InferOutput<typeof activeSchema> => {
  const decoded = decodeCbor(bytes)
  const record = decoded.ok ? checkShape(activeSchema, decoded.value) : decoded
  if (!record.ok) throw unreadable(key, record.detail)
  return record.value
}

const decodeStatement = (key: string, bytes: Uint8Array): Statement => {
  const statement = decodeRecord(statementKind, bytes)
  if (!statement.ok) throw unreadable(key, statement.detail)
  return statement.value
}

const unreadable = (key: string, detail: string): WritError =>
  new WritError('journal-unreadable', `the executor's journal holds a record that this release cannot read (${key}: ${detail}); start the release that wrote it`, { details: { key } })
