/** Authors with logs of their own, over the trust world of the fixtures, and queues to merge them into. */
import { MemoryStore } from '../../src/base/memory-store.ts'
import { drawIncarnation, type Random } from '../../src/base/random.ts'
import { sha256 } from '../../src/base/codec.ts'
import { toBase32, utf8 } from '../../src/base/bytes.ts'
import { silentLog } from '../../src/base/log.ts'
import { limits } from '../../src/base/limits.ts'
import { credentialKind, type CredentialBody } from '../../src/record/credential.ts'
import { controlKind } from '../../src/record/control.ts'
import { entryKind, type AgentState, type EntryBody, type EntryContent, type Receipt } from '../../src/record/entry.ts'
import { presenceKind } from '../../src/record/presence.ts'
import { sealRecord, type Verified } from '../../src/record/record.ts'
import { statementKind, type StatementBody } from '../../src/record/statement.ts'
import { Queue, type QueueDeps, type QueueOptions } from '../../src/queue/queue.ts'
import { keyFor, startedAt, TestMesh, type NodeSettings, type TestNode } from '../fixtures/mesh.ts'
import { orderOf } from '../fixtures/orders.ts'
import type { Incarnation, IndicationId, RecordId } from '../../src/base/brand.ts'
import type { KeyValueStore } from '../../src/base/key-value-store.ts'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { CheckSignature, Signer } from '../../src/record/keys.ts'
import type { Indication } from '../../src/trust/order.ts'

/** The moment at which everything here is made. */
export const madeAt = startedAt
export const dayMs = 24 * 3_600_000
export const signerOf = keyFor

/** The same bytes in every run for one name. */
export const randomOf = (name: string): Random => {
  let drawn = 0
  return {
    bytes: (length) => sha256(utf8(`${name} ${(drawn += 1)}`)).slice(0, length),
    fraction: () => (sha256(utf8(`${name} ${(drawn += 1)}`))[0] ?? 0) / 256
  }
}

/** A log in the hands of a test: it can also be written wrongly. */
export class Author {
  readonly entries: Verified<EntryBody>[] = []
  readonly incarnation: Incarnation
  readonly #mesh: TestMesh
  readonly #signer: Signer

  constructor(mesh: TestMesh, signer: Signer, incarnation: Incarnation) {
    this.#mesh = mesh
    this.#signer = signer
    this.incarnation = incarnation
  }

  get signer(): Signer {
    return this.#signer
  }

  get key() {
    return this.#signer.key
  }

  say(content: EntryContent): Verified<EntryBody> {
    const entry = this.forge(content, {})
    this.entries.push(entry)
    return entry
  }

  /** An entry signed by the author that is not made part of the log. */
  forge(content: EntryContent, overrides: Partial<EntryBody>): Verified<EntryBody> {
    const last = this.entries.at(-1)
    const body = { mesh: this.#mesh.mesh, author: this.key, incarnation: this.incarnation, sequence: this.entries.length + 1, previous: last?.id ?? null, at: madeAt, content }
    return sealRecord(entryKind, { ...body, ...overrides }, [this.#signer])
  }

  /** The log as it was after `length` entries, to be continued otherwise. */
  branch(length: number): Author {
    const other = new Author(this.#mesh, this.#signer, this.incarnation)
    other.entries.push(...this.entries.slice(0, length))
    return other
  }
}


export const said = (indication: RecordId, state: AgentState, at = madeAt): Receipt => ({ kind: 'agent', indication: indication as IndicationId, state, at, code: null, detail: null })

export const receipts = (...list: Receipt[]): EntryContent => ({ kind: 'receipts', receipts: list })

export class World {
  readonly mesh = new TestMesh()
  readonly admin = new Author(this.mesh, this.mesh.admin, drawIncarnation(randomOf('admin log')))
  #orders = 0

  agent(name: string, options: NodeSettings & { life?: string } = {}): Author & { readonly node: TestNode } {
    const node = this.mesh.node(name, options)
    const author = new Author(this.mesh, node.peer, drawIncarnation(randomOf(`${name} log ${options.life ?? ''}`)))
    author.say({ kind: 'credential', credential: node.credential.bytes })
    return Object.assign(author, { node })
  }

  /** A later credential of the same node with another executor. */
  renewed(name: string, executor: Signer): Verified<CredentialBody> {
    const { body } = this.mesh.node(name).credential
    const signers = [this.mesh.key(`token:${name}`), this.mesh.key(`peer:${name}`), executor, this.mesh.key('peer:endpoint-1')]
    return sealRecord(credentialKind, { ...body, executor: executor.key, enrolledAt: body.enrolledAt + 1 }, signers)
  }

  /** An order that is in no log yet. */
  sealOrder(overrides: Partial<IndicationBody> = {}, signer: Signer = this.mesh.admin): Indication {
    return orderOf(this.mesh, { expiresAt: madeAt + dayMs, ...overrides }, signer)
  }

  /** An order in the admin's log. */
  order(overrides: Partial<IndicationBody> = {}): Indication {
    const indication = this.sealOrder({ nonce: toBase32(sha256(utf8(`order ${(this.#orders += 1)}`)).slice(0, 16)), ...overrides })
    this.admin.say({ kind: 'indication', indication: indication.bytes })
    return indication
  }

  cancel(indication: RecordId, afterMs = 1): Verified<EntryBody> {
    const body = { mesh: this.mesh.mesh, admin: this.mesh.admin.key, indication: indication as IndicationId, action: 'cancel' as const, at: madeAt + afterMs }
    return this.admin.say({ kind: 'control', control: sealRecord(controlKind, body, [this.mesh.admin]).bytes })
  }

  checkpoint(log: Author & { readonly node?: TestNode }): Verified<EntryBody> {
    return log.say({ kind: 'checkpoint', credential: log.node?.credential.bytes ?? null })
  }

  /** In the log of an admin: of the entries with that number, `keep` counts. */
  thaw(log: Author, sequence: number, keep: Verified<EntryBody>, at = madeAt + 1, author: Author = this.admin): Verified<EntryBody> {
    const body = { mesh: this.mesh.mesh, admin: author.key, action: 'thaw' as const, author: log.key, incarnation: log.incarnation, sequence, keep: keep.id, at }
    return author.say({ kind: 'control', control: sealRecord(controlKind, body, [author.signer]).bytes })
  }

  statement(executor: Signer, indication: RecordId, state: StatementBody['state'], overrides: Partial<StatementBody> = {}): Receipt {
    const body: StatementBody = {
      mesh: this.mesh.mesh,
      executor: executor.key,
      previous: null,
      indication: indication as IndicationId,
      state,
      at: madeAt + 2,
      startedAt: madeAt + 1,
      exitCode: state === 'succeeded' ? 0 : null,
      signal: null,
      code: null,
      detail: null,
      stdout: null,
      stderr: null,
      ...overrides
    }
    return { kind: 'executor', statement: sealRecord(statementKind, body, [executor]).bytes }
  }

  presence(name: string, at: number, release = '0.1.0'): Uint8Array {
    const peer = this.mesh.key(`peer:${name}`)
    return sealRecord(presenceKind, { mesh: this.mesh.mesh, node: peer.key, at, release, addresses: [] }, [peer]).bytes
  }

  async queue(options: { store?: KeyValueStore; now?: () => number; name?: string; retention?: QueueOptions['retention']; chain?: QueueDeps['chain']; checkSignature?: CheckSignature } = {}): Promise<Queue> {
    const deps: QueueDeps = {
      store: options.store ?? new MemoryStore(),
      chain: options.chain ?? (() => this.mesh.chain),
      clock: { now: options.now ?? (() => madeAt + 1000) },
      random: randomOf(options.name ?? 'queue'),
      log: silentLog,
      ...(options.checkSignature === undefined ? {} : { checkSignature: options.checkSignature })
    }
    return Queue.open(deps, { retention: options.retention ?? { mode: 'label', ageMs: limits.queue.labelRetentionMs } })
  }
}

/** What may be handed out at once, where a test does not ask about bounds. */
export const plenty = { countMax: 1000, sizeBytesMax: 1 << 20 }

export const bytesOf = (...entries: readonly Verified<EntryBody>[]): Uint8Array[] => entries.map(({ bytes }) => bytes)

/** The same record with a signature that is not valid. Copied, since a Buffer's slice shares its memory. */
export const spoil = (bytes: Uint8Array): Uint8Array => {
  const spoilt = Uint8Array.from(bytes)
  spoilt[spoilt.length - 1] = (spoilt.at(-1) ?? 0) ^ 1
  return spoilt
}

/** All that a store holds under these prefixes, as text: equal where the state is byte-identical. */
export const dump = async (store: KeyValueStore, prefixes: readonly string[]): Promise<string[]> => {
  const lines: string[] = []
  for (const prefix of prefixes) {
    for await (const [key, value] of store.entries({ from: prefix, to: `${prefix}~` })) lines.push(`${key} ${Buffer.from(value).toString('hex')}`)
  }
  return lines
}

/** What is a fold over entries: everything but the order of arrival and what belongs to this store alone. */
export const foldedPrefixes = ['q/log/', 'q/thaw/', 'q/node/', 'q/order/', 'q/age/', 'q/expiry/', 'q/control/', 'q/cell/'] as const
