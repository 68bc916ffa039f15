/** From what the machine wants said to what the executor signs. Pure but for the signature. */
import { sealRecord } from '../record/record.ts'
import { statementKind } from '../record/statement.ts'
import type { MeshId, RecordId } from '../base/brand.ts'
import type { Signer } from '../record/keys.ts'
import type { StatementDraft } from './job-events.ts'
import type { Statement } from './journal.ts'

const detailLengthMax = 1024

/** `previous` is the id of this executor's statement before; null for its first. */
export const sealStatement = (signer: Signer, mesh: MeshId, previous: RecordId | null, draft: StatementDraft): Statement => {
  const { indication, state, at, startedAt, code, detail, report } = draft
  return sealRecord(
    statementKind,
    {
      mesh,
      executor: signer.key,
      previous,
      indication,
      state,
      at,
      startedAt,
      exitCode: report?.exitCode ?? null,
      signal: report?.signal ?? null,
      code,
      // A cut through a surrogate pair leaves half a character, which has no UTF-8 form.
      detail: detail === null ? null : detail.slice(0, detailLengthMax).toWellFormed(),
      stdout: report?.stdout ?? null,
      stderr: report?.stderr ?? null,
      ...(report === null || report.files.length === 0 ? {} : { files: [...report.files] }),
      ...(report === null || report.limits === null ? {} : { limits: report.limits })
    },
    [signer]
  )
}
