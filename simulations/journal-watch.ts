/** Statements in an executor's journal, read as they lie on its disk. */
import { withPrefix, type Change } from '../src/base/key-value-store.ts'
import { decodeRecord } from '../src/record/record.ts'
import { statementKind } from '../src/record/statement.ts'
import type { Disk } from './disk.ts'
import type { KeyId, RecordId } from '../src/base/brand.ts'
import type { Ledger } from './ledger.ts'

const prefix = 'statement/'

/** Those that a durable write brings. */
export const noteStatements = (ledger: Ledger, agent: KeyId, changes: readonly Change[]): void => {
  for (const change of changes) {
    if (change.kind !== 'put' || !change.key.startsWith(prefix)) continue
    const statement = decodeRecord(statementKind, change.value)
    if (statement.ok) ledger.noteStatement(agent, statement.value)
  }
}

/** Those that the agent has not confirmed. */
export const readUnkept = async (disk: Disk): Promise<RecordId[]> => {
  const ids: RecordId[] = []
  for await (const [, bytes] of disk.peek().entries(withPrefix(prefix))) {
    const statement = decodeRecord(statementKind, bytes)
    if (statement.ok) ids.push(statement.value.id)
  }
  return ids
}
