/**
 * The way of an entry from untrusted bytes to something that may be folded: shape, signatures, and what it carries.
 * Signatures are checked on the thread pool, the entry's and those inside it at once. A bad record inside a good
 * entry is passed over and reported; the entry itself stays, or the log would have a hole.
 */
import { accept, reject, type Result } from '../base/result.ts'
import { openCredential, type Membership } from '../trust/admission.ts'
import { controlKind, type ControlBody } from '../record/control.ts'
import { entryKind, type EntryBody, type Receipt } from '../record/entry.ts'
import { indicationKind } from '../record/indication.ts'
import { decodeRecord, verifyRecord, type RecordKind, type Sealed, type Verified } from '../record/record.ts'
import { statementKind, type StatementBody } from '../record/statement.ts'
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
  | { readonly kind: 'control'; readonly control: Verified<ControlBody> }
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
}

/** Errors: `bad-signature`. */
export const openEntry = async (context: IntakeContext, sealed: Sealed<EntryBody>): Promise<Result<OpenedEntry>> => {
  const problems: Rejection[] = []
  const [verified, content] = await Promise.all([verifyRecord(sealed, [sealed.body.author], context.checkSignature), openContent(context, sealed, problems)])
  return verified.ok ? accept({ record: verified.value, content, problems }) : verified
}

const openContent = async (context: IntakeContext, { id, body }: Sealed<EntryBody>, problems: Rejection[]): Promise<OpenedContent> => {
  const { author, content } = body
  const pass = (code: string, detail: string): { kind: 'other' } => {
    problems.push({ code, detail, author, entry: id })
    return { kind: 'other' }
  }
  switch (content.kind) {
    case 'credential': {
      const opened = openCredential(context.chain, content.credential)
      const isOwn = !opened.ok || opened.value.credential.body.peer === author
      return { kind: 'credential', membership: isOwn ? opened : reject('bad-credential', 'the credential is that of another node') }
    }
    case 'indication': {
      const opened = await openInner(context, indicationKind, content.indication, (inner) => inner.admin)
      if (!opened.ok) return pass(opened.code, opened.detail)
      return opened.value.body.admin === author ? { kind: 'indication', indication: opened.value as Indication } : pass('wrong-author', 'the order is that of another admin')
    }
    case 'control': {
      const opened = await openInner(context, controlKind, content.control, (inner) => inner.admin)
      if (!opened.ok) return pass(opened.code, opened.detail)
      return opened.value.body.admin === author ? { kind: 'control', control: opened.value } : pass('wrong-author', 'the control is that of another admin')
    }
    case 'receipts': {
      const opened = await Promise.all(content.receipts.map((receipt) => openReceipt(context, receipt)))
      for (const result of opened) if (!result.ok) pass(result.code, result.detail)
      return { kind: 'receipts', receipts: opened.flatMap((result) => (result.ok ? [result.value] : [])) }
    }
    case 'checkpoint':
    case 'fault':
      return { kind: 'other' }
  }
}

const openReceipt = async (context: IntakeContext, receipt: Receipt): Promise<Result<OpenedReceipt>> => {
  if (receipt.kind === 'agent') return accept({ kind: 'agent', receipt })
  const opened = await openInner(context, statementKind, receipt.statement, (body) => body.executor)
  return opened.ok ? accept({ kind: 'executor', statement: opened.value }) : opened
}

const openInner = async <Body extends { readonly mesh: MeshId }>(
  { chain, checkSignature }: IntakeContext,
  kind: RecordKind<Body>,
  bytes: Uint8Array,
  signer: (body: Body) => KeyId
): Promise<Result<Verified<Body>>> => {
  const decoded = decodeRecord(kind, bytes)
  if (!decoded.ok) return decoded
  if (decoded.value.body.mesh !== chain.mesh) return reject('wrong-mesh', `the ${kind.type} is for another mesh`)
  return verifyRecord(decoded.value, [signer(decoded.value.body)], checkSignature)
}
