/**
 * Where the queues keep what in a store: the keys, the rows, and how rows become bytes. All keys start with `q/`, so
 * that a node's own log may share the store. Numbers in keys are padded: their order is that of the keys.
 *
 *   q/meta                                  StoreMeta
 *   q/log/<author>/<incarnation>            LogRow
 *   q/entry/<author>/<incarnation>/<seq>    the entry's bytes; `…/<seq>/<id>` for evidence of a fork
 *   q/arrival/<number>                      key of that entry, in the order in which this store took them in
 *   q/checkpoint/<author>/<incarnation>/<seq>   nothing: checkpoints below which something may be dropped one day
 *   q/thaw/<author>/<incarnation>/<seq>     the control's bytes that chose a branch there
 *   q/node/<key>                            MemberRow
 *   q/presence/<key>                        PresenceRow
 *   q/order/<indication>                    the indication's bytes
 *   q/age/<createdAt>/<indication>          nothing: orders by age
 *   q/expiry/<expiresAt>/<indication>       nothing: orders by expiry
 *   q/control/<indication>/<control>        the control's bytes
 *   q/cell/<indication>/<agent>             Cell
 *   q/hidden/<indication>/<agent>           nothing: rows that retention took out of the views
 *   q/gone/<indication>                     nothing: the order was dropped, and what is still said of it is nobody's row
 *   q/forget/<millis>/<indication>          nothing: when that may be forgotten
 *   q/cursor/<peer>                         how far this store knows another's order of arrival
 */
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { put, withPrefix, type Change, type KeyValueStore, type Range } from '../base/key-value-store.ts'
import type { IndicationId, Incarnation, KeyId, Millis, RecordId } from '../base/brand.ts'
import type { Labels, Role } from '../record/invite.ts'
import type { LogName } from './log.ts'
import type { LogState } from './log-plan.ts'

export interface StoreMeta {
  readonly storeId: string
  /** The number of the newest arrival; 0 for none. */
  readonly arrival: number
  readonly digest: Uint8Array
}

export type LogRow = Pick<LogState, 'kind' | 'head' | 'executor' | 'frozenAt' | 'base'>

/** What of a node's credential the queues need. The newest credential counts, and of two equally new ones the higher id. */
export interface MemberRow {
  readonly key: KeyId
  readonly name: string
  readonly role: Role
  readonly labels: Labels
  readonly enrolledAt: Millis
  readonly executor: KeyId
  readonly credential: RecordId
  /** The key of the invite that it was enrolled by. */
  readonly token: KeyId
}

export interface PresenceRow {
  /** The record as it travels. */
  readonly record: Uint8Array
  readonly contactAt: Millis
  /** Grows with every presence that this store takes in. */
  readonly stamp: number
}

const pad = (number: number): string => number.toString().padStart(16, '0')
const logPath = ({ author, incarnation }: LogName): string => `${author}/${incarnation}`

export const keys = {
  meta: 'q/meta',
  /** Before the name of every log. */
  logs: 'q/log/',
  log: (name: LogName) => `q/log/${logPath(name)}`,
  entry: (name: LogName, sequence: number) => `q/entry/${logPath(name)}/${pad(sequence)}`,
  conflict: (name: LogName, sequence: number, id: RecordId) => `q/entry/${logPath(name)}/${pad(sequence)}/${id}`,
  checkpoint: (name: LogName, sequence: number) => `q/checkpoint/${logPath(name)}/${pad(sequence)}`,
  thaw: (name: LogName, sequence: number) => `q/thaw/${logPath(name)}/${pad(sequence)}`,
  arrival: (number: number) => `q/arrival/${pad(number)}`,
  node: (key: KeyId) => `q/node/${key}`,
  presence: (key: KeyId) => `q/presence/${key}`,
  order: (indication: IndicationId) => `q/order/${indication}`,
  age: (createdAt: Millis, indication: IndicationId) => `q/age/${pad(createdAt)}/${indication}`,
  expiry: (expiresAt: Millis, indication: IndicationId) => `q/expiry/${pad(expiresAt)}/${indication}`,
  control: (indication: IndicationId, control: RecordId) => `q/control/${indication}/${control}`,
  cell: (indication: IndicationId, agent: KeyId) => `q/cell/${indication}/${agent}`,
  hidden: (indication: IndicationId, agent: KeyId) => `q/hidden/${indication}/${agent}`,
  gone: (indication: IndicationId) => `q/gone/${indication}`,
  forget: (at: Millis, indication: IndicationId) => `q/forget/${pad(at)}/${indication}`,
  cursor: (peer: KeyId) => `q/cursor/${peer}`
} as const

export const ranges = {
  logsOf: (author: KeyId): Range => withPrefix(`q/log/${author}/`),
  entriesOf: (author: KeyId): Range => withPrefix(`q/entry/${author}/`),
  logs: withPrefix('q/log/'),
  /** Evidence of forks included. */
  entriesFrom: (name: LogName, sequence: number): Range => ({ from: keys.entry(name, sequence), to: `q/entry/${logPath(name)}/~` }),
  entriesBelow: (name: LogName, sequence: number): Range => ({ from: `q/entry/${logPath(name)}/`, to: keys.entry(name, sequence) }),
  conflictsAt: (name: LogName, sequence: number): Range => withPrefix(`${keys.entry(name, sequence)}/`),
  arrivalsAfter: (number: number): Range => ({ from: keys.arrival(number + 1), to: 'q/arrival/~' }),
  checkpoints: withPrefix('q/checkpoint/'),
  checkpointsUpTo: (name: LogName, sequence: number): Range => ({ from: `q/checkpoint/${logPath(name)}/`, to: keys.checkpoint(name, sequence + 1) }),
  thaws: withPrefix('q/thaw/'),
  forgettable: (now: Millis): Range => ({ from: 'q/forget/', to: `q/forget/${pad(Math.max(0, now))}` }),
  nodes: withPrefix('q/node/'),
  presences: withPrefix('q/presence/'),
  /** Newest first. */
  ordersSince: (createdAt: Millis): Range => ({ from: `q/age/${pad(createdAt)}`, to: 'q/age/~', reverse: true }),
  ordersByPrefix: (prefix: string): Range => ({ from: `q/order/${prefix}`, to: `q/order/${prefix}~`, limit: 2 }),
  expiringFrom: (expiresAt: Millis): Range => ({ from: `q/expiry/${pad(expiresAt)}`, to: 'q/expiry/~' }),
  expiredBefore: (expiresAt: Millis): Range => ({ from: 'q/expiry/', to: `q/expiry/${pad(Math.max(0, expiresAt))}` }),
  controls: withPrefix('q/control/'),
  controlsOf: (indication: IndicationId): Range => withPrefix(`q/control/${indication}/`),
  cellsOf: (indication: IndicationId): Range => withPrefix(`q/cell/${indication}/`),
  hiddenOf: (indication: IndicationId): Range => withPrefix(`q/hidden/${indication}/`)
} as const

/** The last part of a key is what it is about. */
export const lastPart = (key: string): string => key.slice(key.lastIndexOf('/') + 1)

/** Author and incarnation of a key that names a log: `q/log/…`, `q/checkpoint/…`. */
export const logNameOf = (key: string): LogName => {
  const [author = '', incarnation = ''] = key.split('/').slice(2)
  return { author: author as KeyId, incarnation: incarnation as Incarnation }
}

export const emptyValue = new Uint8Array(0)

export const putRow = (key: string, row: StoreMeta | LogRow | MemberRow | PresenceRow): Change => put(key, encodeCbor(row))
/** A row that this module wrote under a key of that kind. */
export const readRow = <Row>(bytes: Uint8Array): Row => decodeOwn(bytes) as Row

export const collectKeys = async (store: KeyValueStore, range: Range): Promise<string[]> => {
  const found: string[] = []
  for await (const [key] of store.entries(range)) found.push(key)
  return found
}

/**
 * The changes of one merge. They are written in one batch; only then does what is kept in memory follow, so a write that
 * fails leaves both as they were.
 */
export class Stage {
  readonly changes: Change[] = []
  readonly #commits: (() => void)[] = []

  onceWritten(commit: () => void): void {
    this.#commits.push(commit)
  }

  async write(store: KeyValueStore, options: { readonly durable: boolean }): Promise<void> {
    if (this.changes.length > 0) await store.write(this.changes, options)
    for (const commit of this.#commits) commit()
  }
}
