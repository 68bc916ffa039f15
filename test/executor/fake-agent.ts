/** The agent's side of the pipe, as a test double that keeps statements, brings payloads, and remembers all it heard. */
import { duplexPair, type Duplex } from 'node:stream'
import { concatBytes } from '../../src/base/bytes.ts'
import { openChannel, type Channel } from '../../src/executor/child-channel.ts'
import { decodeToAgent, decodeToExecutor, type ToAgent, type ToExecutor } from '../../src/executor/ipc.ts'
import { decodeRecord, verifyRecordSync, type Verified } from '../../src/record/record.ts'
import { statementKind, type StatementBody } from '../../src/record/statement.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { ExecutorDriver } from '../../src/executor/driver.ts'
import type { IndicationId, KeyId } from '../../src/base/brand.ts'

export interface FakeAgentSettings {
  /** Bytes to bring when they are asked for. */
  readonly payloads?: ReadonlyMap<IndicationId, Uint8Array>
  /** Brought after the last of what was asked for. */
  readonly surplus?: Uint8Array
  readonly keeps?: boolean
  /** False for one that no endpoint has told how far its log is known. */
  readonly catchesUp?: boolean
}

export class FakeAgent {
  readonly heard: ToAgent[] = []
  readonly malformed: string[] = []
  readonly outputs = new Map<string, Uint8Array>()
  readonly pipe: Duplex
  readonly #channel: Channel<ToExecutor>
  readonly #settings: FakeAgentSettings
  readonly #executor: KeyId
  readonly #driver: ExecutorDriver
  #hasLeft = false

  constructor(driver: ExecutorDriver, executor: KeyId, settings: FakeAgentSettings = {}) {
    const [near, far] = duplexPair()
    this.#settings = settings
    this.#executor = executor
    this.#driver = driver
    this.pipe = near
    this.#channel = openChannel<ToAgent, ToExecutor>(near, decodeToAgent, { message: (message) => this.#hear(message), malformed: () => undefined, closed: () => undefined })
    const toAgent = openChannel<ToExecutor, ToAgent>(far, decodeToExecutor, {
      message: (message) => (this.#hasLeft ? undefined : driver.receive(message)),
      malformed: (code) => void this.malformed.push(code),
      closed: () => undefined
    })
    driver.attach(toAgent)
  }

  send(message: ToExecutor): Promise<boolean> {
    return this.#channel.send(message)
  }

  /** The agent process is gone. */
  leave(): void {
    this.#hasLeft = true
    this.#driver.detach()
    this.#channel.close()
  }

  sealed(): Verified<StatementBody>[] {
    return this.heard.flatMap((message) => (message.kind === 'statement' ? [openStatement(message.statement, this.#executor)] : []))
  }

  statements(indication?: IndicationId): StatementBody[] {
    return this.sealed().flatMap(({ body }) => (indication === undefined || body.indication === indication ? [body] : []))
  }

  states(indication: IndicationId): string[] {
    return this.statements(indication).map(({ state }) => state)
  }

  kinds(): string[] {
    return this.heard.map(({ kind }) => kind)
  }

  async outcome(indication: IndicationId, deadlineMs = 10_000): Promise<StatementBody> {
    const statements = await eventually(() => this.statements(indication), (all) => all.some(({ state }) => state !== 'running'), deadlineMs)
    const outcome = statements.find(({ state }) => state !== 'running')
    if (outcome === undefined) throw new Error('unreachable')
    return outcome
  }

  hears(kind: ToAgent['kind'], times = 1): Promise<string[]> {
    return eventually(() => this.kinds(), (kinds) => kinds.filter((heard) => heard === kind).length >= times)
  }

  async #hear(message: ToAgent): Promise<void> {
    this.heard.push(message)
    if (message.kind === 'output-chunk') {
      const before = message.offset === 0 ? new Uint8Array() : (this.outputs.get(message.cid) ?? new Uint8Array())
      this.outputs.set(message.cid, concatBytes([before, message.bytes]))
    } else if (message.kind === 'statement' && this.#settings.keeps !== false) {
      await this.send({ kind: 'kept', statement: openStatement(message.statement, this.#executor).id })
    } else if (message.kind === 'payload-wanted') {
      await this.#bring(message)
    } else if (message.kind === 'ready' && this.#settings.catchesUp !== false) {
      await this.send({ kind: 'caught-up' })
    }
  }

  async #bring({ indication, ranges }: Extract<ToAgent, { kind: 'payload-wanted' }>): Promise<void> {
    const bytes = this.#settings.payloads?.get(indication)
    if (bytes === undefined) return
    for (const range of ranges) {
      const end = range.offset + range.sizeBytes
      for (let { offset } = range; offset < end; offset += 100_000) await this.send({ kind: 'payload-chunk', indication, offset, bytes: bytes.slice(offset, Math.min(end, offset + 100_000)) })
    }
    if (this.#settings.surplus !== undefined) await this.send({ kind: 'payload-chunk', indication, offset: ranges.reduce((end, { offset, sizeBytes }) => Math.max(end, offset + sizeBytes), 0), bytes: this.#settings.surplus })
    await this.send({ kind: 'payload-end', indication })
  }
}

/** Every statement must be signed by the executor. */
const openStatement = (bytes: Uint8Array, executor: KeyId) => {
  const decoded = decodeRecord(statementKind, bytes)
  const verified = decoded.ok ? verifyRecordSync(decoded.value, [executor]) : decoded
  if (!verified.ok) throw new Error(`the executor sent a bad statement: ${verified.code} ${verified.detail}`)
  return verified.value
}
