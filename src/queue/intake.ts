/**
 * The way of entries from untrusted bytes to something that may be folded: shape, signatures, and what they carry.
 * Signatures are checked on the thread pool, those of the entries and of the records inside them at once. Entries of one
 * author vouch for those that they link to, and so do statements of one executor, whatever entries these stand in: a run
 * costs one verification.
 *
 * A record inside a good entry that says something wrong is passed over and reported; the entry itself stays, or the log
 * would have a hole. But a statement that neither its own signature nor a later statement vouches for keeps its entry
 * out: whether something vouches for it depends on what comes along with it, and what is held must not depend on that.
 */
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { openCredential, type Membership } from '../trust/admission.ts'
import { controlKind, type CancelBody, type ThawBody } from '../record/control.ts'
import { entryKind, type EntryBody, type Receipt } from '../record/entry.ts'
import { indicationKind } from '../record/indication.ts'
import { decodeRecord, verifyRecord, type RecordKind, type Sealed, type Verified } from '../record/record.ts'
import { statementKind, type StatementBody } from '../record/statement.ts'
import { verifyLinked } from '../record/vouching.ts'
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

export interface OpenedEntry {
  readonly record: Verified<EntryBody>
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
  /** Whether a verified entry of its author, from an earlier batch, links to this one. */
  readonly isVouched?: (entry: Sealed<EntryBody>) => boolean
}

type OpenedStatement = Result<Verified<StatementBody>>

/** A result for each entry, in their order. Errors: `bad-signature`. */
export const openEntries = async (context: IntakeContext, entries: readonly Sealed<EntryBody>[]): Promise<Result<OpenedEntry>[]> => {
  const { checkSignature, isVouched } = context
  const [verified, statements] = await Promise.all([
    verifyLinked(entries, { checkSignature, signerOf: ({ author }) => author, ...(isVouched === undefined ? {} : { isVouched }) }),
    openStatements(context, entries)
  ])
  return Promise.all(verified.map(async (result) => (result.ok ? openVerified(context, result.value, statements) : result)))
}

/** Entries out of the store. They and their statements were verified when they came, perhaps by what came along. */
export const openHeldEntry = async (context: IntakeContext, entry: Sealed<EntryBody>): Promise<Result<OpenedEntry>> => {
  const checkSignature = (): Promise<boolean> => Promise.resolve(true)
  return openVerified(context, entry as Verified<EntryBody>, await openStatements({ ...context, checkSignature }, [entry]))
}

const openVerified = async (context: IntakeContext, record: Verified<EntryBody>, statements: ReadonlyMap<Uint8Array, OpenedStatement>): Promise<Result<OpenedEntry>> => {
  const { content } = record.body
  const forged = content.kind === 'receipts' ? content.receipts.map((receipt) => (receipt.kind === 'executor' ? statements.get(receipt.statement) : undefined)).find(isForged) : undefined
  if (forged !== undefined) return forged
  const problems: Rejection[] = []
  return accept({ record, content: await openContent(context, record, statements, problems), problems })
}

const isForged = (statement: OpenedStatement | undefined): statement is Rejected => statement?.ok === false && statement.code === 'bad-signature'

/** Every statement in these entries, by its bytes as they stand there. */
const openStatements = async ({ chain, checkSignature }: IntakeContext, entries: readonly Sealed<EntryBody>[]): Promise<Map<Uint8Array, OpenedStatement>> => {
  const opened = new Map<Uint8Array, OpenedStatement>()
  const decoded: { readonly bytes: Uint8Array; readonly statement: Sealed<StatementBody> }[] = []
  for (const { body } of entries) {
    if (body.content.kind !== 'receipts') continue
    for (const receipt of body.content.receipts) {
      if (receipt.kind !== 'executor') continue
      const statement = decodeInner(chain.mesh, statementKind, receipt.statement)
      if (statement.ok) decoded.push({ bytes: receipt.statement, statement: statement.value })
      else opened.set(receipt.statement, statement)
    }
  }
  const results = await verifyLinked(decoded.map(({ statement }) => statement), { checkSignature, signerOf: ({ executor }) => executor })
  for (const [index, { bytes }] of decoded.entries()) opened.set(bytes, results[index] ?? unread)
  return opened
}

const openContent = async (
  context: IntakeContext,
  { id, body }: Verified<EntryBody>,
  statements: ReadonlyMap<Uint8Array, OpenedStatement>,
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
