/**
 * The audit of one log, entry by entry in order: links, signatures, the author's right to a log, and the executor's to a
 * statement. Pure. What an entry says counts only once the next one has not shown a fork at its place.
 */
import { factOfAgent, factOfExecutor, type Fact } from '../queue/fold.ts'
import type { Finding, Place } from './evidence.ts'
import type { IndicationId, KeyId, RecordId } from '../base/brand.ts'
import type { ControlBody } from '../record/control.ts'
import type { Membership } from '../trust/admission.ts'
import type { OpenedEntry } from '../queue/intake.ts'
import type { Indication } from '../trust/order.ts'
import type { Head } from '../queue/log.ts'

export type Said =
  | { readonly kind: 'order'; readonly indication: Indication }
  | { readonly kind: 'cancel'; readonly control: Extract<ControlBody, { action: 'cancel' }> }
  | { readonly kind: 'receipt'; readonly agent: KeyId; readonly indication: IndicationId; readonly fact: Fact }

/** One entry at a place, with what came of its verification. */
export type Checked = { readonly kind: 'sound'; readonly opened: OpenedEntry; readonly checkpoint: Membership | null } | { readonly kind: 'bad'; readonly detail: string }

export class LogAudit {
  readonly #place: Place
  readonly #isAdmin: boolean
  readonly findings: Finding[] = []
  #said: Said[] = []
  #membership: Membership | null = null
  #isNode = false
  #head: Head = { sequence: 0, id: null }
  /** Nothing at or above it counts. */
  #frozenAt: number | null = null
  #hasRight = true

  constructor(place: Place, isAdmin: boolean) {
    this.#place = place
    this.#isAdmin = isAdmin
  }

  /** The newest credential of a node's log. */
  get membership(): Membership | null {
    return this.#membership
  }

  /** What is held at the next place: what the one before said, which nothing contradicts now. */
  next(sequence: number, checked: readonly Checked[]): Said[] {
    const sound = checked.flatMap((entry) => (entry.kind === 'sound' ? [entry] : []))
    const bad = checked.find((entry) => entry.kind === 'bad')
    if (bad !== undefined) this.#find('altered', sequence, sequence, bad.detail)
    if (sound.length === 0) {
      const said = this.#take()
      this.#head = { sequence, id: null }
      return said
    }
    return this.#follow(sequence, sound)
  }

  /** After the last place. `known`: how far the home says that it holds the log. */
  end(known: number): Said[] {
    if (known > this.#head.sequence) this.#find('missing', this.#head.sequence + 1, known, 'the home says that it holds them')
    return this.#take()
  }

  #follow(sequence: number, sound: readonly Extract<Checked, { kind: 'sound' }>[]): Said[] {
    const before = this.#head
    this.#noteGap(sequence, sound)
    const isNext = sequence === before.sequence + 1 && (before.id !== null || sequence === 1)
    const linked = isNext ? sound.filter(({ opened }) => opened.record.body.previous === before.id) : sound
    const stray = sound.filter((entry) => !linked.includes(entry))
    if (stray.length > 0) this.#fork(sequence - 1, [before.id, ...stray.map(({ opened }) => opened.record.body.previous)])
    if (linked.length > 1) this.#fork(sequence, linked.map(({ opened }) => opened.record.id))
    const said = this.#take()
    const [entry] = linked
    if (entry === undefined) return said
    this.#head = { sequence, id: entry.opened.record.id }
    if (this.#frozenAt === null || sequence < this.#frozenAt) this.#said = this.#read(sequence, entry)
    return said
  }

  #noteGap(sequence: number, sound: readonly Extract<Checked, { kind: 'sound' }>[]): void {
    if (sequence === this.#head.sequence + 1) return
    const isCheckpoint = this.#head.sequence === 0 && sound.some(({ opened }) => opened.record.body.content.kind === 'checkpoint')
    if (isCheckpoint) this.#find('dropped', 1, sequence - 1, 'the log begins at a checkpoint of its author; what lies below is in earlier archives, if anywhere')
    else this.#find('missing', this.#head.sequence + 1, sequence - 1, 'nothing holds them')
  }

  #fork(at: number, ids: readonly (RecordId | null)[]): void {
    this.#find('fork', at, at, 'the author wrote different entries with one number; nothing from there on counts', [...new Set(ids.filter((id) => id !== null))].sort())
    this.#frozenAt = Math.min(this.#frozenAt ?? at, at)
    if (this.#head.sequence >= this.#frozenAt) this.#said = []
  }

  #read(sequence: number, { opened, checkpoint }: Extract<Checked, { kind: 'sound' }>): Said[] {
    const { content, record, problems } = opened
    for (const problem of problems) this.#find('forged', sequence, sequence, problem.detail)
    if (content.kind === 'credential' && !content.membership.ok) this.#find('forged', sequence, sequence, content.membership.detail)
    const membership = content.kind === 'credential' && content.membership.ok ? content.membership.value : checkpoint
    if (membership !== null) {
      this.#membership = membership
      this.#isNode = true
    }
    if (!this.#isNode && !this.#isAdmin) {
      if (this.#hasRight) this.#find('forged', sequence, sequence, 'the log begins with no credential of its author, who never was an admin')
      this.#hasRight = false
      return []
    }
    switch (content.kind) {
      case 'indication': return this.#byAdmin(sequence) ? [{ kind: 'order', indication: content.indication }] : []
      case 'control': {
        const control = content.control.body
        return this.#byAdmin(sequence) && control.action === 'cancel' ? [{ kind: 'cancel', control }] : []
      }
      case 'receipts': return content.receipts.flatMap((receipt): Said[] => {
        const agent = record.body.author
        if (receipt.kind === 'agent') return [{ kind: 'receipt', agent, indication: receipt.receipt.indication, fact: factOfAgent(receipt.receipt, record.id) }]
        const { body } = receipt.statement
        if (body.executor === this.#membership?.credential.body.executor) return [{ kind: 'receipt', agent, indication: body.indication, fact: factOfExecutor(body, record.id) }]
        this.#find('forged', sequence, sequence, `a statement on the order ${body.indication} is not signed by the executor of the node's credential`)
        return []
      })
      default: return []
    }
  }

  #byAdmin(sequence: number): boolean {
    if (this.#isAdmin && !this.#isNode) return true
    this.#find('forged', sequence, sequence, "a node's log holds what only an admin may say")
    return false
  }

  #take(): Said[] {
    const said = this.#said
    this.#said = []
    return said
  }

  #find(kind: Finding['kind'], from: number, through: number, detail: string, entries: readonly RecordId[] = []): void {
    const { author, incarnation } = this.#place
    this.findings.push({ kind, author, incarnation, from, through, detail, entries })
  }
}
