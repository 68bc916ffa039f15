/**
 * Which records of the evidence are authentic: those whose signature is valid, and those that an authentic record of the
 * same signer names as its predecessor, since the signer signed their hash. What vouches for a record may come long after
 * it, or in another log; so all evidence is read once to note what nothing near vouches for, and again where there is any.
 * Pure but for the store, which holds no more than those.
 */
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { put, remove, type KeyValueStore } from '../base/key-value-store.ts'
import { decodeRecord, verifyRecord, type Sealed } from '../record/record.ts'
import { statementKind, type StatementBody } from '../record/statement.ts'
import { verifyLinked } from '../record/vouching.ts'
import type { Rejected, Result } from '../base/result.ts'
import type { KeyId, RecordId } from '../base/brand.ts'
import type { EntryBody } from '../record/entry.ts'
import type { CheckSignature } from '../record/keys.ts'

type Body = EntryBody | StatementBody

interface Suspect {
  readonly signer: KeyId
  readonly previous: RecordId | null
}

const suspectKey = (id: RecordId): string => `s/${id}`
const authenticKey = (id: RecordId): string => `a/${id}`

export class AuditProof {
  readonly #store: KeyValueStore
  readonly #checkSignature: CheckSignature
  #suspects = 0

  /** Keys in the store start with `s/` and `a/`. */
  constructor(store: KeyValueStore, checkSignature: CheckSignature) {
    this.#store = store
    this.#checkSignature = checkSignature
  }

  /** Whether nothing is left that a later record may vouch for. */
  get isSettled(): boolean {
    return this.#suspects === 0
  }

  /** The first reading. */
  async examine(entries: readonly Sealed<EntryBody>[]): Promise<void> {
    const records = recordsOf(entries)
    for (const [index, result] of (await this.#verify(records)).entries()) {
      const record = records[index]
      if (result.ok || record === undefined) continue
      this.#suspects += 1
      const suspect: Suspect = { signer: signerOf(record.body), previous: record.body.previous }
      await this.#store.write([put(suspectKey(record.id), encodeCbor(suspect))], { durable: false })
    }
  }

  /** The second reading: what is authentic vouches for what it links to. */
  async settle(entries: readonly Sealed<EntryBody>[]): Promise<void> {
    for (const record of recordsOf(entries)) {
      const signer = signerOf(record.body)
      if ((await this.#suspect(record.id)) !== undefined) {
        // A copy of it may have the signature that another lacks.
        if (!(await verifyRecord(record, [signer], this.#checkSignature)).ok) continue
        await this.#clear(record.id)
      }
      for (let id = record.body.previous; id !== null; ) {
        const suspect = await this.#suspect(id)
        if (suspect?.signer !== signer) break
        await this.#clear(id)
        id = suspect.previous
      }
    }
  }

  /** After the readings: for each entry why it, or a statement in it, is not authentic; null where it is. */
  async judge(entries: readonly Sealed<EntryBody>[]): Promise<(Rejected | null)[]> {
    const groups = entries.map((entry) => [entry, ...statementsOf(entry)])
    const records = groups.flat()
    const problems = new Map<Sealed<Body>, Rejected>()
    for (const [index, result] of (await this.#verify(records)).entries()) {
      const record = records[index]
      if (result.ok || record === undefined || (await this.#store.get(authenticKey(record.id))) !== undefined) continue
      problems.set(record, result)
    }
    return groups.map((group) => group.flatMap((record) => problems.get(record) ?? [])[0] ?? null)
  }

  #verify(records: readonly Sealed<Body>[]): Promise<Result<Sealed<Body>>[]> {
    return verifyLinked(records, { signerOf, checkSignature: this.#checkSignature })
  }

  async #suspect(id: RecordId): Promise<Suspect | undefined> {
    const row = await this.#store.get(suspectKey(id))
    return row === undefined ? undefined : (decodeOwn(row) as Suspect)
  }

  async #clear(id: RecordId): Promise<void> {
    await this.#store.write([remove(suspectKey(id)), put(authenticKey(id), new Uint8Array())], { durable: false })
  }
}

const signerOf = (body: Body): KeyId => ('author' in body ? body.author : body.executor)

/** Each entry, and after it the statements in it that can be read. */
const recordsOf = (entries: readonly Sealed<EntryBody>[]): Sealed<Body>[] => entries.flatMap((entry) => [entry, ...statementsOf(entry)])

const statementsOf = ({ body: { content } }: Sealed<EntryBody>): Sealed<StatementBody>[] =>
  content.kind !== 'receipts'
    ? []
    : content.receipts.flatMap((receipt) => {
        const statement = receipt.kind === 'executor' ? decodeRecord(statementKind, receipt.statement) : undefined
        return statement?.ok === true ? [statement.value] : []
      })
