/**
 * What is said to one agent process, in order and as fast as it reads. The outputs that a statement names go before
 * it, read from disk only when their turn comes. Never throws; ends with its channel.
 */
import { describeError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { outputsOf } from '../record/statement.ts'
import type { Log } from '../base/log.ts'
import type { Channel } from './child-channel.ts'
import type { KeptOutputs } from './file-output.ts'
import type { ToAgent } from './ipc.ts'
import type { RecordId } from '../base/brand.ts'
import type { Statement } from './journal.ts'

type Item = { readonly kind: 'message' | 'hint'; readonly message: ToAgent } | { readonly kind: 'statement'; readonly statement: Statement }

export class Outbox {
  readonly #channel: Channel<ToAgent>
  readonly #outputs: KeptOutputs
  readonly #log: Log
  #items: Item[] = []
  /** Statements that wait: none is said twice at once. */
  readonly #waiting = new Set<RecordId>()
  #hints = 0
  #isSending = false

  constructor(channel: Channel<ToAgent>, outputs: KeptOutputs, log: Log) {
    this.#channel = channel
    this.#outputs = outputs
    this.#log = log
  }

  push(message: ToAgent): void {
    this.#add({ kind: 'message', message })
  }

  pushStatement(statement: Statement): void {
    if (this.#waiting.has(statement.id)) return
    this.#waiting.add(statement.id)
    this.#add({ kind: 'statement', statement })
  }

  /** An answer that the agent may ask for again, as often as it likes: dropped when too many of them wait to be read. */
  pushHint(message: ToAgent): void {
    if (this.#hints >= limits.executor.outboxMax) return
    this.#hints += 1
    this.#add({ kind: 'hint', message })
  }

  #add(item: Item): void {
    this.#items.push(item)
    if (!this.#isSending) void this.#sendAll()
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    try {
      while (this.#items.length > 0) {
        const items = this.#items
        this.#items = []
        for (const item of items) {
          await (item.kind === 'statement' ? this.#sendStatement(item.statement) : this.#channel.send(item.message))
          if (item.kind === 'hint') this.#hints -= 1
        }
      }
    } catch (error) {
      this.#log.error('a kept output could not be read', { detail: describeError(error) })
      this.#channel.close() // the next agent is told again
    }
    this.#isSending = false
  }

  async #sendStatement({ id, body, bytes }: Statement): Promise<void> {
    for (const cid of outputsOf(body)) {
      for await (const chunk of this.#outputs.chunks(cid)) await this.#channel.send({ kind: 'output-chunk', cid, ...chunk })
    }
    await this.#channel.send({ kind: 'statement', statement: bytes })
    this.#waiting.delete(id)
  }
}
