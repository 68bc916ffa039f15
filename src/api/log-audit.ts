/**
 * The audit of one log, entry by entry in order: links, signatures, the author's right to a log, and the executor's to a
 * statement. Pure. What an entry says counts only once the next one has not shown a fork at its place. Where an admin has
 * thawed the log, the branches are followed as the queues follow them.
 */
import { factOfAgent, factOfExecutor, type Fact } from '../queue/fold.ts'
import type { Claim, Finding, Place } from './evidence.ts'
import type { IndicationId, KeyId, RecordId } from '../base/brand.ts'
import type { ThawChoices } from './audit-thaws.ts'
import type { ControlBody, ThawBody } from '../record/control.ts'
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

type Sound = Extract<Checked, { kind: 'sound' }>

export interface LogContext {
  readonly isAdmin: boolean
  readonly choices: ThawChoices
  /** What the home says that it holds of the log. */
  readonly claims: readonly Claim[]
}

export class LogAudit {
  readonly #place: Place
  readonly #context: LogContext
  /** The lowest number of which an admin chose the entry. */
  readonly #thawedFrom: number
  readonly findings: Finding[] = []
  #said: Said[] = []
  #membership: Membership | null = null
  #isNode = false
  #head: Head = { sequence: 0, id: null }
  /** The head is an entry that an admin chose and nobody here holds; what links to it may be held. */
  #isAbsent = false
  /** Nothing at or above it counts. */
  #frozenAt: number | null = null
  #hasRight = true

  /** Entries of the last place that are no part of the log; what links to them is none either. */
  #aside: ReadonlySet<RecordId> = new Set()
  #forks = new Set<number>()
  /** The author let go what comes before: nothing is judged until a checkpoint says whose log it is. */
  #isRemains = false

  constructor(place: Place, context: LogContext) {
    this.#place = place
    this.#context = context
    this.#thawedFrom = Math.min(...context.choices.keys())
  }

  /** The newest credential of a node's log. */
  get membership(): Membership | null {
    return this.#membership
  }

  /** What is held at the next place: what the one before said, which nothing contradicts now. */
  next(sequence: number, checked: readonly Checked[]): Said[] {
    // Copies of one entry may differ in their signatures.
    const sound = [...new Map(checked.flatMap((entry) => (entry.kind === 'sound' ? [[idOf(entry), entry]] : []))).values()]
    const bad = checked.find((entry) => entry.kind === 'bad')
    if (bad !== undefined) this.#find('altered', sequence, sequence, bad.detail)
    if (sound.length === 0) {
      this.#noteGap(sequence, sound)
      const said = this.#take()
      this.#head = { sequence, id: null }
      return said
    }
    return this.#follow(sequence, sound)
  }

  /** After the last place. */
  end(): Said[] {
    const known = Math.max(0, ...this.#context.claims.map(({ last }) => last))
    const held = this.#head.sequence - (this.#isAbsent ? 1 : 0)
    if (known > held) this.#find('missing', held + 1, known, 'the home says that it holds them')
    return this.#take()
  }

  #follow(sequence: number, sound: readonly Sound[]): Said[] {
    const before = this.#head
    const aside = new Set<RecordId>()
    const own = sound.filter((entry) => !isIn(this.#aside, previousOf(entry)))
    const standing = this.#chosenAmong(sequence, own)
    if (standing.length > 0) this.#noteGap(sequence, standing)
    const isNext = sequence === before.sequence + 1 && (before.id !== null || sequence === 1)
    const linked = isNext ? standing.filter((entry) => previousOf(entry) === before.id) : standing
    const stray = standing.filter((entry) => !linked.includes(entry))
    if (stray.length > 0) this.#contradict(sequence - 1, [before.id, ...stray.map(previousOf)])
    if (linked.length > 1) this.#fork(sequence, linked.map(idOf))
    const said = this.#take()
    const [entry] = linked
    for (const other of sound) if (other !== entry) aside.add(idOf(other))
    this.#aside = aside
    const chosen = this.#context.choices.get(sequence)?.keep
    if (entry !== undefined) {
      if (this.#isAbsent) this.#find('missing', before.sequence, before.sequence, 'an admin let it count, and nothing holds it')
      this.#isAbsent = false
      this.#head = { sequence, id: idOf(entry) }
      if (this.#frozenAt === null || sequence < this.#frozenAt) this.#said = this.#read(sequence, entry)
    } else if (isNext && chosen !== undefined && own.length > 0 && standing.length === 0) {
      this.#head = { sequence, id: chosen }
      this.#isAbsent = true
    }
    return said
  }

  /** Those that an admin's choice lets count, which may be all. */
  #chosenAmong(sequence: number, sound: readonly Sound[]): readonly Sound[] {
    const choice = this.#context.choices.get(sequence)
    if (choice === undefined) return sound
    const standing = sound.filter((entry) => idOf(entry) === choice.keep)
    if (standing.length < sound.length) this.#noteThawed(sequence, choice, sound.map(idOf))
    return standing
  }

  /** Entries name another predecessor than what is held at `at`. */
  #contradict(at: number, ids: readonly (RecordId | null)[]): void {
    if (at < this.#thawedFrom) return this.#fork(at, ids)
    const choice = this.#context.choices.get(at)
    if (choice !== undefined) this.#noteThawed(at, choice, ids)
  }

  /** Between what was held before and `sequence`. What the home says it holds is missing; what comes before a checkpoint may have been let go. */
  #noteGap(sequence: number, sound: readonly Sound[]): void {
    const [from, through] = [this.#head.sequence + 1, sequence - 1]
    if (through < from) return
    const { claims } = this.#context
    const claimed = claims.filter(({ first, last }) => first <= through && last >= from)
    const isCheckpoint = sound.some(({ opened }) => opened.record.body.content.kind === 'checkpoint')
    const isBelow = claims.some(({ first }) => first > through)
    if (claimed.length > 0) return this.#find('missing', Math.max(from, Math.min(...claimed.map(({ first }) => first))), through, 'the home says that it holds them')
    if (!isCheckpoint && !isBelow) return this.#find('missing', from, through, 'nothing holds them')
    this.#isRemains = !isCheckpoint
    this.#find('dropped', from, through, `the log is held from entry ${sequence} on; its author let go what is before a checkpoint, and an archive made earlier may hold it`)
  }

  #fork(at: number, ids: readonly (RecordId | null)[]): void {
    if (!this.#forks.has(at)) this.#find('fork', at, at, 'the author wrote different entries with one number; nothing from there on counts', named(ids))
    this.#forks.add(at)
    this.#frozenAt = Math.min(this.#frozenAt ?? at, at)
    if (this.#head.sequence >= this.#frozenAt) this.#said = []
  }

  #noteThawed(at: number, { keep, admin, at: time }: ThawBody, ids: readonly (RecordId | null)[]): void {
    if (!this.#forks.has(at)) this.#find('fork', at, at, 'the author wrote different entries with one number; an admin chose one of them', named([keep, ...ids]), { keep, admin, at: time })
    this.#forks.add(at)
  }

  #read(sequence: number, { opened, checkpoint }: Sound): Said[] {
    const { content, record, problems } = opened
    for (const problem of problems) this.#find('forged', sequence, sequence, problem.detail)
    if (content.kind === 'credential' && !content.membership.ok) this.#find('forged', sequence, sequence, content.membership.detail)
    const membership = content.kind === 'credential' && content.membership.ok ? content.membership.value : checkpoint
    if (membership !== null) {
      this.#membership = membership
      this.#isNode = true
    }
    if (content.kind === 'checkpoint' || membership !== null || this.#context.claims.some(({ first }) => first === sequence)) this.#isRemains = false
    if (this.#isRemains) return []
    if (!this.#isNode && !this.#context.isAdmin) {
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
    if (this.#context.isAdmin && !this.#isNode) return true
    this.#find('forged', sequence, sequence, "a node's log holds what only an admin may say")
    return false
  }

  #take(): Said[] {
    const said = this.#said
    this.#said = []
    return said
  }

  #find(kind: Finding['kind'], from: number, through: number, detail: string, entries: readonly RecordId[] = [], thaw: Finding['thaw'] = null): void {
    const { author, incarnation } = this.#place
    this.findings.push({ kind, author, incarnation, from, through, detail, entries, thaw })
  }
}

const idOf = ({ opened }: Sound): RecordId => opened.record.id
const previousOf = ({ opened }: Sound): RecordId | null => opened.record.body.previous
const isIn = (ids: ReadonlySet<RecordId>, id: RecordId | null): boolean => id !== null && ids.has(id)
const named = (ids: readonly (RecordId | null)[]): RecordId[] => [...new Set(ids.filter((id) => id !== null))].sort()
