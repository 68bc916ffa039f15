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
import { controlKind, type CancelBody, type ControlBody, type ThawBody } from '../record/control.ts'
import { entryKind, mayVouch, type EntryBody, type Receipt } from '../record/entry.ts'
import { indicationKind, type IndicationBody } from '../record/indication.ts'
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

/** What in an entry has a signature of its own to be verified, as it was found; null where nothing has. */
type Inner =
  | { readonly kind: 'indication'; readonly opened: Result<Verified<IndicationBody>> }
  | { readonly kind: 'control'; readonly opened: Result<Verified<ControlBody>> }
  /** Those of executors, in their order. */
  | { readonly kind: 'statements'; readonly opened: readonly Result<Verified<StatementBody>>[] }
  | null

/** A result for each entry, in their order. Errors: `bad-signature`. */
export const openEntries = async (context: IntakeContext, entries: readonly Sealed<EntryBody>[]): Promise<Result<OpenedEntry>[]> => {
  const [all, inner] = await Promise.all([proveEntries(context, entries), Promise.all(entries.map((entry) => openInner(context, entry)))])
  const refused = inner.map(forgedIn)
  const sound = entries.filter((_, index) => refused[index] === undefined)
  // What stays out vouches for nothing.
  const proven = sound.length === entries.length ? all : await proveEntries(context, sound)
  let next = 0
  return entries.map((_, index) => {
    const result = refused[index] ?? proven[next++] ?? unread
    return result.ok ? accept(openProven(context, result.value, inner[index] ?? null)) : result
  })
}

const proveEntries = async ({ checkSignature, isVouched }: IntakeContext, entries: readonly Sealed<EntryBody>[]): Promise<Result<Proven<EntryBody>>[]> =>
  verifyLinked(entries, { checkSignature, signerOf: ({ author }) => author, mayVouch, ...(isVouched === undefined ? {} : { isVouched }) })

/** No entry goes without a result; should one, it does not count. */
const unread = reject('bad-signature', 'the record was not verified')

/** Entries out of the store. They and their statements were verified when they came, perhaps by what came along. */
export const openHeldEntry = async (context: IntakeContext, entry: Sealed<EntryBody>): Promise<OpenedEntry> => {
  const checkSignature = (): Promise<boolean> => Promise.resolve(true)
  return openProven(context, { record: entry as Verified<EntryBody>, isSigned: true }, await openInner({ ...context, checkSignature }, entry))
}

const openInner = (context: IntakeContext, { body: { content } }: Sealed<EntryBody>): Inner | Promise<Inner> => {
  switch (content.kind) {
    case 'indication': return openSigned(context, indicationKind, content.indication, ({ admin }) => admin).then((opened) => ({ kind: 'indication', opened }))
    case 'control': return openSigned(context, controlKind, content.control, ({ admin }) => admin).then((opened) => ({ kind: 'control', opened }))
    case 'receipts': return content.receipts.some(({ kind }) => kind === 'executor') ? openStatements(context, content.receipts).then((opened) => ({ kind: 'statements', opened })) : null
    default: return null
  }
}

const openStatements = async ({ chain, checkSignature }: IntakeContext, receipts: readonly Receipt[]): Promise<Result<Verified<StatementBody>>[]> => {
  const decoded = receipts.flatMap((receipt) => (receipt.kind === 'executor' ? [decodeInner(chain.mesh, statementKind, receipt.statement)] : []))
  const verified = await verifyStatements(decoded.flatMap((result) => (result.ok ? [result.value] : [])), checkSignature)
  let next = 0
  return decoded.map((result) => (result.ok ? (verified[next++] ?? unread) : result))
}

const forgedIn = (inner: Inner): Rejected | undefined => {
  const forged = inner?.kind === 'statements' ? inner.opened.find((statement) => !statement.ok && statement.code === 'bad-signature') : undefined
  return forged?.ok === false ? forged : undefined
}

const openProven = (context: IntakeContext, proven: Proven<EntryBody>, inner: Inner): OpenedEntry => {
  const problems: Rejection[] = []
  return { ...proven, content: openContent(context, proven.record, inner, problems), problems }
}

const openContent = (context: IntakeContext, { id, body }: Verified<EntryBody>, inner: Inner, problems: Rejection[]): OpenedContent => {
  const { author, content } = body
  const pass = (code: string, detail: string): { kind: 'other' } => {
    problems.push({ code, detail, author, entry: id })
    return { kind: 'other' }
  }
  switch (inner?.kind) {
    case 'indication': {
      const { opened } = inner
      if (!opened.ok) return pass(opened.code, opened.detail)
      return opened.value.body.admin === author ? { kind: 'indication', indication: opened.value as Indication } : pass('wrong-author', 'the order is that of another admin')
    }
    case 'control': {
      const { opened } = inner
      if (!opened.ok) return pass(opened.code, opened.detail)
      if (opened.value.body.admin !== author) return pass('wrong-author', 'the control is that of another admin')
      return opened.value.body.action === 'thaw' ? { kind: 'thaw', thaw: opened.value as Verified<ThawBody> } : { kind: 'control', control: opened.value as Verified<CancelBody> }
    }
    default:
  }
  switch (content.kind) {
    case 'credential':
      return { kind: 'credential', membership: openOwnCredential(context, author, content.credential) }
    case 'checkpoint':
      return { kind: 'checkpoint', membership: content.credential === null ? null : openOwnCredential(context, author, content.credential) }
    case 'receipts':
      return { kind: 'receipts', receipts: openReceipts(content.receipts, inner?.kind === 'statements' ? inner.opened : [], pass) }
    default:
      return { kind: 'other' }
  }
}

const openReceipts = (receipts: readonly Receipt[], statements: readonly Result<Verified<StatementBody>>[], pass: (code: string, detail: string) => unknown): OpenedReceipt[] => {
  const opened: OpenedReceipt[] = []
  let next = 0
  for (const receipt of receipts) {
    const statement = receipt.kind === 'executor' ? (statements[next++] ?? unread) : null
    if (receipt.kind === 'agent') opened.push({ kind: 'agent', receipt })
    else if (statement?.ok === true) opened.push({ kind: 'executor', statement: statement.value })
    else if (statement !== null) pass(statement.code, statement.detail)
  }
  return opened
}

const openOwnCredential = ({ chain }: IntakeContext, author: KeyId, bytes: Uint8Array): Result<Membership> => {
  const opened = openCredential(chain, bytes)
  const isOwn = !opened.ok || opened.value.credential.body.peer === author
  return isOwn ? opened : reject('bad-credential', 'the credential is that of another node')
}

const openSigned = async <Body extends { readonly mesh: MeshId }>(
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
