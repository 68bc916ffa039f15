/**
 * Turns receipts into entries of the node's own log. What is due together becomes one entry; an outcome takes along
 * whatever waits. The executor hears `kept` only once its statement is on disk.
 */
import { limits } from '../../base/limits.ts'
import { describeError } from '../../base/errors.ts'
import { decodeRecord, type Verified } from '../../record/record.ts'
import { statementKind } from '../../record/statement.ts'
import { takeBatch } from '../../queue/receipt-batch.ts'
import type { EntryBody, Receipt } from '../../record/entry.ts'
import type { OwnLog } from '../../queue/own-log.ts'
import type { Log } from '../../base/log.ts'
import type { Timers } from '../../base/clock.ts'
import type { Millis, RecordId } from '../../base/brand.ts'

export interface ReceiptWriterDeps {
  readonly ownLog: OwnLog
  readonly timers: Timers
  readonly log: Log
  /** Called after the entry is durable, in the order of the log. */
  readonly onAppended: (entry: Verified<EntryBody>) => void
  readonly onKept: (statement: RecordId) => void
}

export class ReceiptWriter {
  readonly #deps: ReceiptWriterDeps
  #waiting: Receipt[] = []
  #open = false
  #writing = false
  /** The delay before the last retry; 0 when the last write succeeded. */
  #retryMs: Millis = 0
  #cancelTimer: (() => void) | undefined

  constructor(deps: ReceiptWriterDeps) {
    this.#deps = deps
  }

  /** From now on entries may be appended: a peer has told how far the own log is known. */
  release(): void {
    this.#open = true
    this.#flush()
  }

  add(receipt: Receipt, urgent: boolean): void {
    this.#waiting.push(receipt)
    if (urgent) this.#flush()
    else this.#cancelTimer ??= this.#deps.timers.after(limits.receipts.settleMs, () => this.#flush())
  }

  #flush(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (!this.#open || this.#writing || this.#waiting.length === 0) return
    this.#writing = true
    this.#write().then(
      () => {
        this.#writing = false
        this.#retryMs = 0
        this.#flush()
      },
      (error: unknown) => {
        this.#writing = false
        // Said once: a disk that is full may stay so for days.
        if (this.#retryMs === 0) this.#deps.log.error('receipts could not be kept; they are tried again until they can be', { error: describeError(error) })
        this.#retryMs = Math.min(Math.max(this.#retryMs * 2, limits.network.reconnectMsMin), limits.receipts.retryMsMax)
        this.#cancelTimer = this.#deps.timers.after(this.#retryMs, () => this.#flush())
      }
    )
  }

  async #write(): Promise<void> {
    const batch = takeBatch(this.#waiting)
    const entry = await this.#deps.ownLog.append({ kind: 'receipts', receipts: batch }, { durable: true })
    this.#waiting = this.#waiting.slice(batch.length)
    this.#deps.onAppended(entry)
    for (const receipt of batch) {
      const statement = receipt.kind === 'executor' ? decodeRecord(statementKind, receipt.statement) : undefined
      if (statement?.ok === true) this.#deps.onKept(statement.value.id)
    }
    const checkpoint = await this.#deps.ownLog.checkpoint()
    if (checkpoint !== undefined) this.#deps.onAppended(checkpoint)
  }
}
