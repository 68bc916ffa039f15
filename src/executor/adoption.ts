/**
 * What this executor said before its home was restored, as endpoints remember it: only what its own key signed counts.
 * An adopted start without an outcome was interrupted, and what is known of it is said.
 */
import { decodeRecord, verifyRecordSync, type Sealed } from '../record/record.ts'
import { statementKind, type StatementBody } from '../record/statement.ts'
import type { KeyId, MeshId, Millis } from '../base/brand.ts'
import type { StatementDraft } from './job-events.ts'

/** Undefined for what is no statement of this executor. */
export const openAdopted = (bytes: Uint8Array, executor: KeyId, mesh: MeshId): Sealed<StatementBody> | undefined => {
  const decoded = decodeRecord(statementKind, bytes)
  if (!decoded.ok || decoded.value.body.executor !== executor || decoded.value.body.mesh !== mesh) return undefined
  const verified = verifyRecordSync(decoded.value, [executor])
  return verified.ok ? verified.value : undefined
}

export const draftRestored = ({ indication, startedAt, at }: StatementBody, now: Millis): StatementDraft => ({
  indication,
  state: 'interrupted',
  at: now,
  startedAt: startedAt ?? at,
  code: 'restored',
  detail: 'the order was started before the home of this node was restored; what came of it is not known',
  report: null
})
