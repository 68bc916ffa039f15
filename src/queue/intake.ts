/**
 * The way of entries from untrusted bytes to something that may be folded: shape, signatures, and what they carry.
 * Signatures are checked on the thread pool, those of the entries and of the records inside them at once. An entry vouches
 * for those of its span that it links to, and a statement for those of its executor in the same entry: a run of entries
 * costs one verification, and one more for each entry with statements.
 *
 * A record inside a good entry that says something wrong is passed over and reported; the entry itself stays, or the log
 * would have a hole. But a statement that neither its own signature nor another in its entry vouches for keeps its entry
 * out, for good: what a log says never depends on what else was at hand when it was judged.
 */
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { openCredential, type Membership } from '../trust/admission.ts'
import { controlKind, type CancelBody, type ThawBody } from '../record/control.ts'
import { entryKind, mayVouch, type EntryBody, type Receipt } from '../record/entry.ts'
import { indicationKind } from '../record/indication.ts'
import { decodeRecord, verifyRecord, type RecordKind, type Sealed, type Verified } from '../record/record.ts'
import { statementKind, verifyStatements, type StatementBody } from '../record/statement.ts'
import { verifyLinked, type Proven } from '../record/vouching.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import type { Indication } from '../trust/order.ts'
import type { CheckSignature } from '../record/keys.ts'
import type { KeyId, MeshId, RecordId } from '../base/brand.ts'

export interface Rejection {
  readonly code: string
  readonly detail: string
  /** Null where the bytes could not even be read. */
  readonly author: KeyId | null
  readonly entry: RecordId | null
}

export type OpenedReceipt =
  | { readonly kind: 'agent'; readonly receipt: Extract<Receipt, { kind: 'agent' }> }
  /** Signed by the executor that it names; whether that is the author's own is judged where its log is known. */
  | { readonly kind: 'executor'; readonly statement: Verified<StatementBody> }

export type OpenedContent =
  | { readonly kind: 'credential'; readonly membership: Result<Membership> }
  | { readonly kind: 'indication'; readonly indication: Indication }
  | { readonly kind: 'control'; readonly control: Verified<CancelBody> }
  | { readonly kind: 'thaw'; readonly thaw: Verified<ThawBody> }
  /** The credential in force at that place; null where the author has none. */
  | { readonly kind: 'checkpoint'; readonly membership: Result<Membership> | null }
  | { readonly kind: 'receipts'; readonly receipts: readonly OpenedReceipt[] }
  /** Nothing that the queues act upon. */
  | { readonly kind: 'other' }

/** `isSigned`: by its own signature, or held already; others are proven by one that links to them, and are held with it. */
export interface OpenedEntry extends Proven<EntryBody> {
  readonly content: OpenedContent
  readonly problems: readonly Rejection[]
}

/** Errors: `malformed`, `oversized`, `wrong-type`, `wrong-mesh`, `bad-link`. */
export const decodeEntry = (mesh: MeshId, bytes: Uint8Array): Result<Sealed<EntryBody>> => {
  const decoded = decodeRecord(entryKind, bytes)
  if (!decoded.ok) return decoded
  const { body } = decoded.value
  if (body.mesh !== mesh) return reject('wrong-mesh', 'the entry is for another mesh')
  if ((body.sequence === 1) !== (body.previous === null)) return reject('bad-link', 'the first entry of a log, and no other, has no entry before it')
  return decoded
}

/** What entries are judged by. */
export interface IntakeContext {
  readonly chain: CharterChain
  readonly checkSignature: CheckSignature
  /** Whether a verified entry of its span, from an earlier batch, links to this one. */
  readonly isVouched?: (entry: Sealed<EntryBody>) => boolean
}

type OpenedStatement = Result<Verified<StatementBody>>

/** Those of one entry, by their bytes as they stand there. */
type OpenedStatements = ReadonlyMap<Uint8Array, OpenedStatement>

/** A result for each entry, in their order. Errors: `bad-signature`. */
export const openEntries = async (context: IntakeContext, entries: readonly Sealed<EntryBody>[]): Promise<Result<OpenedEntry>[]> => {
  const [proven, statements] = await Promise.all([proveEntries(context, entries), Promise.all(entries.map((entry) => openStatements(context, entry)))])
  const refused = new Map(entries.map((entry, index) => [entry, [...(statements[index] ?? noStatements).values()].find(isForged)]))
  const sound = entries.filter((entry) => refused.get(entry) === undefined)
  // What stays out vouches for nothing.
  const judged = sound.length === entries.length ? proven : await proveEntries(context, sound)
  const results = new Map(sound.map((entry, index) => [entry, judged[index]]))
  return Promise.all(
    entries.map(async (entry, index) => {
      const result = refused.get(entry) ?? results.get(entry) ?? unread
      return result.ok ? openProven(context, result.value, statements[index] ?? noStatements) : result
    })
  )
}

const proveEntries = async ({ checkSignature, isVouched }: IntakeContext, entries: readonly Sealed<EntryBody>[]): Promise<Result<Proven<EntryBody>>[]> =>
  verifyLinked(entries, { checkSignature, signerOf: ({ author }) => author, mayVouch, ...(isVouched === undefined ? {} : { isVouched }) })

/** Entries out of the store. They and their statements were verified when they came, perhaps by what came along. */
export const openHeldEntry = async (context: IntakeContext, entry: Sealed<EntryBody>): Promise<Result<OpenedEntry>> => {
  const checkSignature = (): Promise<boolean> => Promise.resolve(true)
  return openProven(context, { record: entry as Verified<EntryBody>, isSigned: true }, await openStatements({ ...context, checkSignature }, entry))
}

const openProven = async (context: IntakeContext, proven: Proven<EntryBody>, statements: OpenedStatements): Promise<Result<OpenedEntry>> => {
  const problems: Rejection[] = []
  return accept({ ...proven, content: await openContent(context, proven.record, statements, problems), problems })
}

const isForged = (statement: OpenedStatement): statement is Rejected => !statement.ok && statement.code === 'bad-signature'

const noStatements: OpenedStatements = new Map()

const openStatements = async ({ chain, checkSignature }: IntakeContext, { body: { content } }: Sealed<EntryBody>): Promise<OpenedStatements> => {
  if (content.kind !== 'receipts') return noStatements
  const opened = new Map<Uint8Array, OpenedStatement>()
  const decoded: { readonly bytes: Uint8Array; readonly statement: Sealed<StatementBody> }[] = []
  for (const receipt of content.receipts) {
    if (receipt.kind !== 'executor') continue
    const statement = decodeInner(chain.mesh, statementKind, receipt.statement)
    if (statement.ok) decoded.push({ bytes: receipt.statement, statement: statement.value })
    else opened.set(receipt.statement, statement)
  }
  const results = await verifyStatements(decoded.map(({ statement }) => statement), checkSignature)
  for (const [index, { bytes }] of decoded.entries()) opened.set(bytes, results[index] ?? unread)
  return opened
}

const openContent = async (
  context: IntakeContext,
  { id, body }: Verified<EntryBody>,
  statements: OpenedStatements,
  problems: Rejection[]
): Promise<OpenedContent> => {
  const { author, content } = body
  const pass = (code: string, detail: string): { kind: 'other' } => {
    problems.push({ code, detail, author, entry: id })
    return { kind: 'other' }
  }
  switch (content.kind) {
    case 'credential':
      return { kind: 'credential', membership: openOwnCredential(context, author, content.credential) }
    case 'indication': {
      const opened = await openInner(context, indicationKind, content.indication, (inner) => inner.admin)
      if (!opened.ok) return pass(opened.code, opened.detail)
      return opened.value.body.admin === author ? { kind: 'indication', indication: opened.value as Indication } : pass('wrong-author', 'the order is that of another admin')
    }
    case 'control': {
      const opened = await openInner(context, controlKind, content.control, (inner) => inner.admin)
      if (!opened.ok) return pass(opened.code, opened.detail)
      const { body: inner } = opened.value
      if (inner.admin !== author) return pass('wrong-author', 'the control is that of another admin')
      return inner.action === 'thaw' ? { kind: 'thaw', thaw: opened.value as Verified<ThawBody> } : { kind: 'control', control: opened.value as Verified<CancelBody> }
    }
    case 'receipts': {
      const receipts: OpenedReceipt[] = []
      for (const receipt of content.receipts) {
        if (receipt.kind === 'agent') {
          receipts.push({ kind: 'agent', receipt })
          continue
        }
        const opened = statements.get(receipt.statement) ?? unread
        if (opened.ok) receipts.push({ kind: 'executor', statement: opened.value })
        else pass(opened.code, opened.detail)
      }
      return { kind: 'receipts', receipts }
    }
    case 'checkpoint':
      return { kind: 'checkpoint', membership: content.credential === null ? null : openOwnCredential(context, author, content.credential) }
    case 'fault':
      return { kind: 'other' }
  }
}

const openOwnCredential = ({ chain }: IntakeContext, author: KeyId, bytes: Uint8Array): Result<Membership> => {
  const opened = openCredential(chain, bytes)
  const isOwn = !opened.ok || opened.value.credential.body.peer === author
  return isOwn ? opened : reject('bad-credential', 'the credential is that of another node')
}

/** No statement goes without a result; should one, it does not count. */
const unread = reject('bad-signature', 'the statement was not verified')

const openInner = async <Body extends { readonly mesh: MeshId }>(
  { chain, checkSignature }: IntakeContext,
  kind: RecordKind<Body>,
  bytes: Uint8Array,
  signer: (body: Body) => KeyId
): Promise<Result<Verified<Body>>> => {
  const decoded = decodeInner(chain.mesh, kind, bytes)
  return decoded.ok ? verifyRecord(decoded.value, [signer(decoded.value.body)], checkSignature) : decoded
}

const decodeInner = <Body extends { readonly mesh: MeshId }>(mesh: MeshId, kind: RecordKind<Body>, bytes: Uint8Array): Result<Sealed<Body>> => {
  const decoded = decodeRecord(kind, bytes)
  return decoded.ok && decoded.value.body.mesh !== mesh ? reject('wrong-mesh', `the ${kind.type} is for another mesh`) : decoded
}
