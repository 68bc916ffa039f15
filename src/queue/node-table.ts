/**
 * The nodes of the mesh: what their newest credential says, and their newest presence. Kept whole in memory, since every
 * target is judged by it. Presence is no part of any log or digest.
 */
import { hash } from 'node:crypto'
import { compareBytes, compareText } from '../base/bytes.ts'
import { remove, type KeyValueStore } from '../base/key-value-store.ts'
import { accept, reject, type Result } from '../base/result.ts'
import { presenceKind, type PresenceBody } from '../record/presence.ts'
import { decodeRecord, verifyRecord } from '../record/record.ts'
import { keys, putRow, ranges, readRow, type MemberRow, type PresenceRow, type Stage } from './queue-store.ts'
import type { KeyId, MeshId, Millis } from '../base/brand.ts'
import type { CheckSignature } from '../record/keys.ts'
import type { EntryBounds } from './arrivals.ts'
import type { Membership } from '../trust/admission.ts'
import type { Targetable } from '../trust/order.ts'

export interface Member extends MemberRow, Targetable {
  /** Its number in this process: the order in which the table met it. */
  readonly index: number
}

interface Presence {
  readonly body: PresenceBody
  readonly row: PresenceRow
}

/** A presence as endpoints hand it on. */
export interface PresenceNote {
  readonly record: Uint8Array
  /** When an endpoint last heard from the node. */
  readonly contactAt: Millis
}

export class NodeTable {
  readonly #store: KeyValueStore
  readonly #checkSignature: CheckSignature
  readonly #members = new Map<KeyId, Member>()
  readonly #presences = new Map<KeyId, Presence>()
  /** Whose presence it is, by the hash of its bytes: each other endpoint brings it again, and then it need not be decoded. */
  readonly #known = new Map<string, KeyId>()
  readonly #contacts = new Map<KeyId, Millis>()
  readonly #names = new Map<string, number>()
  /** Numbers are not used again: rosters may still hold those of nodes that are gone. */
  #nextIndex = 0
  #stamp = 0

  private constructor(store: KeyValueStore, checkSignature: CheckSignature) {
    this.#store = store
    this.#checkSignature = checkSignature
  }

  static async open(store: KeyValueStore, checkSignature: CheckSignature): Promise<NodeTable> {
    const table = new NodeTable(store, checkSignature)
    for await (const [, bytes] of store.entries(ranges.nodes)) table.#put(readRow<MemberRow>(bytes))
    for await (const [, bytes] of store.entries(ranges.presences)) {
      const row = readRow<PresenceRow>(bytes)
      const decoded = decodeRecord(presenceKind, row.record)
      if (decoded.ok) table.#putPresence({ body: decoded.value.body, row })
    }
    return table
  }

  get(key: KeyId): Member | undefined {
    return this.#members.get(key)
  }

  /** In the order of their numbers. */
  all(): IterableIterator<Member> {
    return this.#members.values()
  }

  /** The name, with the beginning of the key when several nodes took the same. */
  displayName(member: Member): string {
    return (this.#names.get(member.name) ?? 0) > 1 ? `${member.name}~${member.key.slice(0, 6)}` : member.name
  }

  /**
   * Those whose row is new or changed; they are in the table once the stage is written. Of authors in `recounted` the
   * memberships given there and in `memberships` count alone: where there are none, the node is known no more.
   */
  stage(memberships: readonly Membership[], recounted: ReadonlyMap<KeyId, readonly Membership[]>, stage: Stage): MemberRow[] {
    const newest = new Map<KeyId, MemberRow>()
    for (const membership of [...[...recounted.values()].flat(), ...memberships]) {
      const row = rowOf(membership)
      const known = newest.get(row.key) ?? (recounted.has(row.key) ? undefined : this.#members.get(row.key))
      if (known === undefined || compareRows(known, row) < 0) newest.set(row.key, row)
    }
    for (const key of recounted.keys()) {
      if (newest.has(key) || !this.#members.has(key)) continue
      stage.changes.push(remove(keys.node(key)))
      stage.onceWritten(() => this.#remove(key))
    }
    const rows = [...newest.values()].filter(({ key, credential }) => this.#members.get(key)?.credential !== credential)
    for (const row of rows) {
      stage.changes.push(putRow(keys.node(row.key), row))
      stage.onceWritten(() => this.#put(row))
    }
    return rows
  }

  presenceOf(key: KeyId): PresenceBody | undefined {
    return this.#presences.get(key)?.body
  }

  lastContactAt(key: KeyId): Millis | null {
    return this.#contacts.get(key) ?? null
  }

  noteContact(key: KeyId, contactAt: Millis): void {
    this.#contacts.set(key, Math.max(contactAt, this.#contacts.get(key) ?? 0))
  }

  /** True when it was news. Errors: `malformed`, `oversized`, `wrong-type`, `wrong-mesh`, `unknown-node`, `bad-signature`. */
  async notePresence(mesh: MeshId, { record, contactAt }: PresenceNote): Promise<Result<boolean>> {
    const known = this.#known.get(markOf(record))
    if (known !== undefined) {
      this.noteContact(known, contactAt)
      return accept(false)
    }
    const decoded = decodeRecord(presenceKind, record)
    if (!decoded.ok) return decoded
    const { node, at } = decoded.value.body
    if (decoded.value.body.mesh !== mesh) return reject('wrong-mesh', 'the presence is for another mesh')
    if (!this.#members.has(node)) return reject('unknown-node', 'the presence is that of a node whose credential is not known yet')
    if (!this.#isNewer(node, at, record)) return accept(false)
    const verified = await verifyRecord(decoded.value, [node], this.#checkSignature)
    if (!verified.ok) return verified
    if (!this.#isNewer(node, at, record)) return accept(false)
    const contact = Math.max(contactAt, this.#contacts.get(node) ?? 0)
    const presence = { body: verified.value.body, row: { record, contactAt: contact, stamp: this.#stamp + 1 } }
    this.#putPresence(presence)
    await this.#store.write([putRow(keys.presence(node), presence.row)], { durable: false })
    return accept(true)
  }

  /** Presences taken in after `stamp`, oldest first. */
  presencesAfter(stamp: number, bounds: EntryBounds): { readonly presences: readonly PresenceNote[]; readonly next: number; readonly more: boolean } {
    const found = stamp >= this.#stamp ? [] : [...this.#presences.values()].filter(({ row }) => row.stamp > stamp)
    found.sort((left, right) => left.row.stamp - right.row.stamp)
    let room = bounds.sizeBytesMax
    const taken = found.slice(0, bounds.countMax).filter(({ row }, index) => {
      room -= row.record.length
      return room >= 0 || index === 0
    })
    const presences = taken.map(({ body, row }) => ({ record: row.record, contactAt: this.#contacts.get(body.node) ?? row.contactAt }))
    return { presences, next: taken.at(-1)?.row.stamp ?? Math.min(stamp, this.#stamp), more: found.length > taken.length }
  }

  #isNewer(node: KeyId, at: Millis, record: Uint8Array): boolean {
    const known = this.#presences.get(node)
    return known === undefined || at > known.body.at || (at === known.body.at && compareBytes(record, known.row.record) > 0)
  }

  #put(row: MemberRow): void {
    const index = this.#members.get(row.key)?.index ?? this.#nextIndex++
    this.#forgetName(row.key)
    this.#names.set(row.name, (this.#names.get(row.name) ?? 0) + 1)
    this.#members.set(row.key, { ...row, peer: row.key, index })
  }

  #remove(key: KeyId): void {
    this.#forgetName(key)
    this.#members.delete(key)
  }

  #forgetName(key: KeyId): void {
    const known = this.#members.get(key)
    if (known !== undefined) this.#names.set(known.name, (this.#names.get(known.name) ?? 1) - 1)
  }

  #putPresence(presence: Presence): void {
    const { body, row } = presence
    this.#stamp = Math.max(this.#stamp, row.stamp)
    const before = this.#presences.get(body.node)
    if (before !== undefined) this.#known.delete(markOf(before.row.record))
    this.#known.set(markOf(row.record), body.node)
    this.#presences.set(body.node, presence)
    this.noteContact(body.node, row.contactAt)
  }
}

const rowOf = ({ credential: { id, body }, invite }: Membership): MemberRow => ({
  key: body.peer,
  name: body.name,
  role: body.role,
  labels: body.labels,
  enrolledAt: body.enrolledAt,
  executor: body.executor,
  credential: id,
  token: invite.body.token
})

const markOf = (record: Uint8Array): string => hash('sha256', record, 'base64')

const compareRows = (left: MemberRow, right: MemberRow): number => left.enrolledAt - right.enrolledAt || compareText(left.credential, right.credential)

