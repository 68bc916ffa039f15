/**
 * Which entries of the evidence are authentic, as the queues judge it: those whose signature is valid, and those that an
 * authentic entry of their span names as its predecessor, since its author signed their hash. What vouches for an entry may
 * be read after it; so all evidence is read once to note what nothing near vouches for, and again where there is any. The
 * statements in an entry are judged by that entry alone. Pure but for the store, which holds no more than those.
 */
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { put, remove, type KeyValueStore } from '../base/key-value-store.ts'
import { decodeRecord, verifyRecord, type Sealed } from '../record/record.ts'
import { mayVouch, type EntryBody } from '../record/entry.ts'
import { statementKind, verifyStatements, type StatementBody } from '../record/statement.ts'
import { verifyLinked, type Proven } from '../record/vouching.ts'
import type { Rejected, Result } from '../base/result.ts'
import type { RecordId } from '../base/brand.ts'
import type { CheckSignature } from '../record/keys.ts'

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
    for (const [index, result] of (await this.#verify(entries)).entries()) {
      const entry = entries[index]
      if (result.ok || entry === undefined) continue
      this.#suspects += 1
      await this.#store.write([put(suspectKey(entry.id), encodeCbor(entry.body))], { durable: false })
    }
  }

  /** The second reading: what is authentic vouches for what it links to. */
  async settle(entries: readonly Sealed<EntryBody>[]): Promise<void> {
    for (const entry of entries) {
      if ((await this.#suspect(entry.id)) !== undefined) {
        // A copy of it may have the signature that another lacks.
        if (!(await verifyRecord(entry, [entry.body.author], this.#checkSignature)).ok) continue
        await this.#clear(entry.id)
      }
      for (let current = entry.body; current.previous !== null; ) {
        const suspect = await this.#suspect(current.previous)
        if (suspect === undefined || !mayVouch(current, suspect)) break
        await this.#clear(current.previous)
        current = suspect
      }
    }
  }

  /** After the readings: for each entry why it, or a statement in it, is not authentic; null where it is. */
  async judge(entries: readonly Sealed<EntryBody>[]): Promise<(Rejected | null)[]> {
    const [proven, statements] = await Promise.all([this.#verify(entries), Promise.all(entries.map((entry) => verifyStatements(statementsOf(entry), this.#checkSignature)))])
    return Promise.all(
      proven.map(async (result, index) => {
        if (!result.ok && (await this.#store.get(authenticKey(entries[index]?.id ?? ('' as RecordId)))) === undefined) return result
        return statements[index]?.find((statement) => !statement.ok) ?? null
      })
    )
  }

  #verify(entries: readonly Sealed<EntryBody>[]): Promise<Result<Proven<EntryBody>>[]> {
    return verifyLinked(entries, { signerOf: ({ author }) => author, mayVouch, checkSignature: this.#checkSignature })
  }

  async #suspect(id: RecordId): Promise<EntryBody | undefined> {
    const row = await this.#store.get(suspectKey(id))
    return row === undefined ? undefined : (decodeOwn(row) as EntryBody)
  }

  async #clear(id: RecordId): Promise<void> {
    await this.#store.write([remove(suspectKey(id)), put(authenticKey(id), new Uint8Array())], { durable: false })
  }
}

const statementsOf = ({ body: { content } }: Sealed<EntryBody>): Sealed<StatementBody>[] =>
  content.kind !== 'receipts'
    ? []
    : content.receipts.flatMap((receipt) => {
        const statement = receipt.kind === 'executor' ? decodeRecord(statementKind, receipt.statement) : undefined
        return statement?.ok === true ? [statement.value] : []
      })
