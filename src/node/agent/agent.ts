/**
 * The agent's role: hears of orders, verifies them a first time, hands them to the executor, fetches what that lacks,
 * and reports. Decisions are the order machine's; this file performs its effects.
 */
import { Background } from '../../base/background.ts'
import { endOf, type ByteRange } from '../../base/byte-range.ts'
import { isWritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { release } from '../../base/release.ts'
import { decodeRecord, verifyRecordSync } from '../../record/record.ts'
import { outputsOf, statementKind } from '../../record/statement.ts'
import { chartersAfter, knownVersions, sharedVersions } from '../../trust/charter-chain.ts'
import { judgeOrder, openIndication, type Indication, type Targetable } from '../../trust/order.ts'
import { OrderMachine, type OrderEffect, type OrderEvent } from './order-machine.ts'
import { ReceiptWriter } from './receipt-writer.ts'
import type { Bundle } from '../../record/bundle.ts'
import type { Clock, Timers } from '../../base/clock.ts'
import type { Content } from '../../content/content.ts'
import type { EntryBody } from '../../record/entry.ts'
import type { ExecutorLink } from './executor-link.ts'
import type { Charters } from '../charters.ts'
import type { IndicationId, KeyId } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { OwnLog } from '../../queue/own-log.ts'
import type { OutputShelf } from './output-shelf.ts'
import type { PayloadRef } from '../../record/indication.ts'
import type { ToAgent, ToExecutor } from '../../executor/ipc.ts'
import type { Verified } from '../../record/record.ts'

export interface AgentDeps {
  readonly charters: Charters
  readonly ownLog: OwnLog
  readonly content: Content
  readonly outputs: OutputShelf
  readonly executor: ExecutorLink
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  /** Peers that may have a payload, best first. */
  readonly providers: () => readonly KeyId[]
  readonly onEntry: (entry: Verified<EntryBody>) => void
  /** False right after the clock was set: what is judged by it might not be judged so again. */
  readonly isClockTrusted: () => boolean
  /** Something is wanted from the endpoints now. */
  readonly onPullWanted: () => void
}

export interface AgentOptions {
  readonly self: Targetable & { readonly executor: KeyId }
  readonly formats: ReadonlySet<string>
}

export class Agent {
  readonly #deps: AgentDeps
  readonly #background: Background
  readonly #options: AgentOptions
  readonly #machine = new OrderMachine()
  readonly #writer: ReceiptWriter
  readonly #stopping = new AbortController()
  /** What the executor was asked to write down and has not confirmed. */
  readonly #unwritten = new Map<number, { readonly resolve: () => void; readonly reject: (reason: unknown) => void }>()
  #batches = 0
  #isReleased = false
  #hasPassedOver = false
  #isContactWanted = false

  constructor(deps: AgentDeps, options: AgentOptions) {
    this.#deps = deps
    this.#background = new Background(deps.log)
    this.#options = options
    this.#writer = new ReceiptWriter({
      ownLog: deps.ownLog,
      timers: deps.timers,
      log: deps.log,
      onAppended: deps.onEntry,
      onKept: (statement) => this.#tell({ kind: 'kept', statement })
    })
  }

  start(): void {
    this.#deps.executor.listen((message) => this.#hear(message))
    let told = this.#deps.charters.chain
    this.#deps.charters.onChange((chain) => {
      this.#tellCharters(sharedVersions(told, chain))
      told = chain
    })
  }

  stop(): void {
    this.#stopping.abort()
    for (const { reject } of this.#unwritten.values()) reject(this.#stopping.signal.reason)
  }

  /** Resolves when nothing that it began is under way. */
  settled(): Promise<void> {
    return this.#background.settle()
  }

  /** Endpoints have said how far the own log is known: it may be written, and orders may start. */
  release(): void {
    this.#isReleased = true
    this.#writer.release()
    this.#tell({ kind: 'caught-up' })
    if (this.#hasPassedOver) this.#deps.onPullWanted()
    this.#hasPassedOver = false
  }

  /**
   * Hands the executor what endpoints remember of its statements; resolves when it has written them down. An order that
   * is known to have ended by then is not taken up again. Errors: an abort, at a stop before that.
   */
  async adopt(statements: readonly Uint8Array[]): Promise<void> {
    for (let start = 0; start < statements.length; start += limits.executor.adoptedStatementsMax) {
      await this.#written((batch) => ({ kind: 'adopt', batch, statements: statements.slice(start, start + limits.executor.adoptedStatementsMax) }))
    }
    for (const bytes of statements) {
      const statement = decodeRecord(statementKind, bytes)
      if (statement.ok) this.#step({ kind: 'adopted', indication: statement.value.body.indication, state: statement.value.body.state, at: statement.value.body.at })
    }
  }

  /** The own log is a new one: resolves when the executor will say every outcome again. Errors: as `adopt`. */
  retell(): Promise<void> {
    return this.#written((batch) => ({ kind: 'retell', batch }))
  }

  /** An endpoint has answered this node. */
  answered(): void {
    if (this.#isContactWanted) this.#tell({ kind: 'contact' })
    this.#isContactWanted = false
  }

  have(): IndicationId[] {
    return this.#machine.have()
  }

  /** How many orders it remembers, those that have ended here included. */
  known(): number {
    return this.#machine.size
  }

  payloads(): PayloadRef[] {
    return this.#machine.payloads()
  }

  /**
   * An order from gossip or a pull. Its signature is checked here if the caller did not do so. Before the release it is
   * passed over, since it may be one that was started before a restore, and so it is while the clock is not believed: a
   * later pull brings it again.
   */
  offer(bundle: Bundle, verified?: Indication): void {
    if (!this.#isReleased || !this.#deps.isClockTrusted()) {
      this.#hasPassedOver = true
      return
    }
    const indication = verified === undefined ? openIndication(bundle.indication) : { ok: true as const, value: verified }
    if (!indication.ok) {
      this.#deps.log.warn('an order was refused', { code: indication.code, detail: indication.detail })
      return
    }
    const now = this.#deps.clock.now()
    const verdict = judgeOrder({ chain: this.#deps.charters.chain, self: this.#options.self, formats: this.#options.formats, now }, indication.value.body)
    this.#step({ kind: 'offered', indication: indication.value, bundle, verdict })
  }

  /** A cancellation; the executor judges it. */
  control(control: Uint8Array): void {
    this.#tell({ kind: 'control', control })
  }

  /** Forgets what has expired. */
  tick(): void {
    this.#step({ kind: 'tick' })
  }

  /** All above these versions, in messages that the pipe takes. */
  #tellCharters(version: number): void {
    let piece: Uint8Array[] = []
    let sizeBytes = 0
    for (const charter of chartersAfter(this.#deps.charters.chain, version)) {
      if (sizeBytes + charter.length > limits.executor.chartersBytesMax) {
        this.#tell({ kind: 'charters', charters: piece })
        piece = []
        sizeBytes = 0
      }
      piece.push(charter)
      sizeBytes += charter.length
    }
    this.#tell({ kind: 'charters', charters: piece })
  }

  async #hear(message: ToAgent): Promise<void> {
    switch (message.kind) {
      case 'settings':
        return // this node was made of them
      case 'ready':
        if (message.executor !== this.#options.self.executor) this.#deps.log.error('the executor holds another key than the credential names', { executor: message.executor })
        this.#tellCharters(knownVersions(this.#deps.charters.chain, message))
        return this.#tell({ kind: 'up', release })
      case 'held':
        return this.#hearHeld(message.indication, message.running)
      case 'payload-wanted':
        return this.#step({ kind: 'wanted', indication: message.indication, ranges: message.ranges })
      case 'validated':
        return this.#step({ kind: 'validated', indication: message.indication, at: message.at })
      case 'refused':
        this.#deps.log.warn('the executor refused a message', { code: message.code, detail: message.detail })
        return message.indication === null ? undefined : this.#step({ kind: 'refused', indication: message.indication })
      case 'output-chunk':
        return this.#deps.outputs.keep({ cid: message.cid, offset: message.offset, sizeBytes: message.sizeBytes, bytes: message.bytes })
      case 'contact-wanted':
        this.#isContactWanted = true
        return this.#deps.onPullWanted()
      case 'written':
        this.#unwritten.get(message.batch)?.resolve()
        return void this.#unwritten.delete(message.batch)
      case 'statement':
        return this.#hearStatement(message.statement)
    }
  }

  #hearHeld(bytes: Uint8Array, running: boolean): void {
    const indication = openIndication(bytes)
    if (indication.ok) this.#step({ kind: 'held', indication: indication.value, bundle: { indication: bytes, controls: [], payload: null }, running })
    else this.#deps.log.error('the executor holds an order that cannot be read', { code: indication.code })
  }

  async #hearStatement(bytes: Uint8Array): Promise<void> {
    const decoded = decodeRecord(statementKind, bytes)
    // No endpoint takes an entry in that holds a forged statement: this log would end there.
    const statement = decoded.ok ? verifyRecordSync(decoded.value, [decoded.value.body.executor]) : decoded
    if (!statement.ok) return this.#deps.log.error('the executor sent a statement that cannot be read', { code: statement.code })
    const { indication, state } = statement.value.body
    for (const cid of outputsOf(statement.value.body)) await this.#deps.outputs.due(cid)
    this.#step({ kind: 'stated', indication, state, statement: bytes })
  }

  #step(event: OrderEvent): void {
    for (const effect of this.#machine.step(event, this.#deps.clock.now())) this.#perform(effect)
  }

  #perform(effect: OrderEffect): void {
    switch (effect.kind) {
      case 'receipt':
        return this.#writer.add(effect.receipt, effect.urgent)
      case 'hand-over':
        return this.#tell({ kind: 'order', bundle: effect.bundle })
      case 'fetch':
        return this.#background.run('a payload could not be fetched', this.#fetch(effect))
      case 'deliver':
        return this.#background.run('a payload could not be handed over', this.#deliver(effect))
      case 'give-up':
        return this.#tell({ kind: 'payload-failed', indication: effect.indication, code: effect.code, detail: effect.detail.slice(0, 1024) })
      case 'pull':
        return this.#deps.onPullWanted()
    }
  }

  async #fetch({ indication, payload, ranges, deadlineMs }: Extract<OrderEffect, { kind: 'fetch' }>): Promise<void> {
    const outcome = await this.#deps.content.retrieve(payload, this.#deps.providers, { signal: this.#stopping.signal, deadlineMs, ranges })
    if (!this.#stopping.signal.aborted) this.#step({ kind: 'fetched', indication, outcome })
  }

  async #deliver({ indication, payload, ranges }: Extract<OrderEffect, { kind: 'deliver' }>): Promise<void> {
    try {
      for (const range of ranges) {
        let { offset } = range
        for await (const part of this.#readMending(payload, range)) {
          for (let start = 0; start < part.length; start += limits.executor.chunkBytesMax) {
            const bytes = part.subarray(start, start + limits.executor.chunkBytesMax)
            if (!(await this.#deps.executor.send({ kind: 'payload-chunk', indication, offset, bytes }))) return
            offset += bytes.length
          }
        }
      }
      this.#tell({ kind: 'payload-end', indication })
    } catch (error) {
      if (!isWritError(error, 'payload-incomplete')) throw error
      this.#tell({ kind: 'payload-failed', indication, code: error.code, detail: error.message.slice(0, 1024) })
    }
  }

  /** What was fetched and is damaged by now is fetched again, once at each place. Throws as `Content.read`. */
  async *#readMending(payload: PayloadRef, range: ByteRange): AsyncGenerator<Uint8Array> {
    const { content, providers } = this.#deps
    let { offset } = range
    for (let mendedAt = -1; ; mendedAt = offset) {
      const rest = { offset, sizeBytes: endOf(range) - offset }
      try {
        for await (const part of content.read(payload, rest)) {
          yield part
          offset += part.length
        }
        return
      } catch (error) {
        if (!isWritError(error, 'payload-incomplete') || mendedAt === offset) throw error
        await content.retrieve(payload, providers, { signal: this.#stopping.signal, ranges: [rest] })
      }
    }
  }

  async #written(messageOf: (batch: number) => ToExecutor): Promise<void> {
    this.#stopping.signal.throwIfAborted()
    const batch = (this.#batches += 1)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#unwritten.set(batch, { resolve, reject })
    this.#tell(messageOf(batch))
    await promise
  }

  #tell(message: ToExecutor): void {
    this.#background.run('the executor could not be told', this.#deps.executor.send(message))
  }
}
