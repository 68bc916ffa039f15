/**
 * The thaws among the evidence, wherever they stand: each counts by its own signature, the newest for a place, as the
 * queues have it.
 */
import { controlKind, type ThawBody } from '../record/control.ts'
import { decodeRecord, verifyRecord, type Sealed } from '../record/record.ts'
import { isNewerThaw, type Thaw } from '../queue/thaw-table.ts'
import { logIdOf, type LogName } from '../queue/log.ts'
import { wasEverAdmin, type CharterChain } from '../trust/charter-chain.ts'
import type { EntryBody } from '../record/entry.ts'

/** By sequence number. */
export type ThawChoices = ReadonlyMap<number, ThawBody>

export class AuditThaws {
  readonly #chain: CharterChain
  readonly #logs = new Map<string, Map<number, Thaw>>()

  constructor(chain: CharterChain) {
    this.#chain = chain
  }

  async noteEntries(entries: readonly Sealed<EntryBody>[]): Promise<void> {
    for (const { body } of entries) if (body.content.kind === 'control') await this.note(body.content.control)
  }

  /** What is no thaw by somebody who ever was an admin is passed over. */
  async note(control: Uint8Array): Promise<void> {
    const decoded = decodeRecord(controlKind, control)
    if (!decoded.ok || decoded.value.body.action !== 'thaw') return
    const thaw = decoded.value as Thaw
    const { mesh, admin, sequence } = thaw.body
    if (mesh !== this.#chain.mesh || !wasEverAdmin(this.#chain, admin) || !(await verifyRecord(decoded.value, [admin])).ok) return
    const log = this.#logs.get(logIdOf(thaw.body)) ?? new Map<number, Thaw>()
    this.#logs.set(logIdOf(thaw.body), log)
    if (isNewerThaw(thaw, log.get(sequence))) log.set(sequence, thaw)
  }

  choicesOf(name: LogName): ThawChoices {
    return new Map([...(this.#logs.get(logIdOf(name)) ?? [])].map(([sequence, { body }]) => [sequence, body]))
  }
}
