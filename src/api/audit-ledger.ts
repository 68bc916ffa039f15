/**
 * What an audit has heard, kept in a store of its own so that it takes no memory, and told again by order: who ordered what,
 * when, and what came of it on each node. Pure but for the store.
 */
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { put, withPrefix, type Change, type KeyValueStore } from '../base/key-value-store.ts'
import { mergeFacts, type Fact } from '../queue/fold.ts'
import type { Finding } from './evidence.ts'
import type { Said } from './log-audit.ts'
import type { IndicationId, KeyId, Millis } from '../base/brand.ts'

/** An order as its admin signed it. */
export interface AuditedOrder {
  readonly indication: IndicationId
  /** Null where the order itself is not among the evidence, as in an agent's own log. */
  readonly given: { readonly name: string; readonly format: string; readonly admin: KeyId; readonly createdAt: Millis } | null
  /** Admins who cancelled it, and when. */
  readonly cancels: readonly { readonly admin: KeyId; readonly at: Millis }[]
  /** The last word of each node, in the order of their keys. */
  readonly runs: readonly { readonly agent: KeyId; readonly fact: Fact }[]
}

type Given = NonNullable<AuditedOrder['given']>
type Cancel = AuditedOrder['cancels'][number]

const batchMax = 1000
const pad = (number: number): string => String(number).padStart(16, '0')

export class AuditLedger {
  readonly #store: KeyValueStore
  #changes: Change[] = []
  #number = 0

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  async note(said: readonly Said[]): Promise<void> {
    for (const one of said) this.#noteOne(one)
    await this.#write(batchMax)
  }

  async find(findings: readonly Finding[]): Promise<void> {
    for (const finding of findings) this.#put(`f/${this.#next()}`, finding)
    await this.#write(batchMax)
  }

  async *findings(): AsyncGenerator<Finding> {
    await this.#write(0)
    for await (const [, bytes] of this.#store.entries(withPrefix('f/'))) yield decodeOwn(bytes) as Finding
  }

  /** The oldest first; those of which only receipts are held come last. */
  async *orders(): AsyncGenerator<AuditedOrder> {
    await this.#write(0)
    for await (const [key] of this.#store.entries(withPrefix('t/'))) yield this.#order(key.slice(-52) as IndicationId)
    let last = ''
    for await (const [key] of this.#store.entries(withPrefix('r/'))) {
      const [, indication = ''] = key.split('/')
      if (indication !== last && (await this.#store.get(`o/${indication}`)) === undefined) yield this.#order(indication as IndicationId)
      last = indication
    }
  }

  async #order(indication: IndicationId): Promise<AuditedOrder> {
    const given = await this.#store.get(`o/${indication}`)
    const cancels: Cancel[] = []
    for await (const [, bytes] of this.#store.entries(withPrefix(`c/${indication}/`))) cancels.push(decodeOwn(bytes) as Cancel)
    const runs = new Map<KeyId, Fact>()
    for await (const [key, bytes] of this.#store.entries(withPrefix(`r/${indication}/`))) {
      const agent = (key.split('/')[2] ?? '') as KeyId
      runs.set(agent, mergeFacts(runs.get(agent), decodeOwn(bytes) as Fact))
    }
    return { indication, given: given === undefined ? null : (decodeOwn(given) as Given), cancels, runs: [...runs].map(([agent, fact]) => ({ agent, fact })) }
  }

  #noteOne(said: Said): void {
    if (said.kind === 'order') {
      const { id, body } = said.indication
      this.#put(`o/${id}`, { name: body.name, format: body.format, admin: body.admin, createdAt: body.createdAt } satisfies Given)
      this.#changes.push(put(`t/${pad(body.createdAt)}/${id}`, new Uint8Array()))
    } else if (said.kind === 'cancel') {
      const { admin, at, indication } = said.control
      this.#put(`c/${indication}/${this.#next()}`, { admin, at } satisfies Cancel)
    } else {
      this.#put(`r/${said.indication}/${said.agent}/${this.#next()}`, said.fact)
    }
  }

  #next(): string {
    this.#number += 1
    return pad(this.#number)
  }

  #put(key: string, value: unknown): void {
    this.#changes.push(put(key, encodeCbor(value)))
  }

  async #write(above: number): Promise<void> {
    if (this.#changes.length <= above) return
    const changes = this.#changes
    this.#changes = []
    await this.#store.write(changes, { durable: false })
  }
}
