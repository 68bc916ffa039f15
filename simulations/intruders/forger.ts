/**
 * An attacker who owns an agent's process, and so its peer key, but not the executor beside it: claims that orders ran
 * which did not, here and elsewhere, replays and alters what others said, and tries to make the executor run what nobody
 * ordered.
 */
import { toBase32 } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { decodeRecord, sealRecord } from '../../src/record/record.ts'
import { entryKind, type Receipt } from '../../src/record/entry.ts'
import { indicationKind } from '../../src/record/indication.ts'
import { controlKind } from '../../src/record/control.ts'
import { statementKind } from '../../src/record/statement.ts'
import { receiptsTopic } from '../../src/node/protocol/announcement.ts'
import { Intruder, type IntruderDeps, type Tip } from './intruder.ts'
import type { ExecutorLink } from '../../src/node/agent/executor-link.ts'
import type { IndicationId, KeyId, RecordId } from '../../src/base/brand.ts'
import type { Signer } from '../../src/record/keys.ts'

const tickMs = 500
const heardMax = 200

export class Forger extends Intruder {
  readonly #executor: ExecutorLink
  /** Entries of others. */
  readonly #heard: Uint8Array[] = []
  #tip: Tip
  #unsent: Uint8Array[] = []

  constructor(deps: IntruderDeps, executor: ExecutorLink) {
    super(deps)
    this.#executor = executor
    this.#tip = this.freshTip()
  }

  protected begin(): void {
    const { mesh } = this.deps.world.chain
    this.network.subscribe(receiptsTopic(mesh), async () => 'accept', (message) => {
      if (this.#heard.length < heardMax) this.#heard.push(message)
    })
    // What its executor says is not passed on, and never kept.
    this.#executor.listen(() => undefined)
    this.#append({ kind: 'credential' })
    this.every(tickMs, () => this.#claim())
    this.every(tickMs, () => this.#spread())
    this.every(tickMs, () => this.#deceiveExecutor())
  }

  async #claim(): Promise<void> {
    if (this.deps.ledger.orders.size === 0) return
    this.#append({ kind: 'receipts', receipts: Array.from({ length: this.deps.random.between(1, 4) }, () => this.#drawReceipt()) })
    await this.handIn(this.drawEndpoint(), this.#unsent)
    this.#unsent = []
  }

  /** Of any order, whether it is meant for this node or not, as if some executor had said it. */
  #drawReceipt(): Receipt {
    const { random, member } = this.deps
    const indication = this.drawOf([...this.deps.ledger.orders.keys()])
    const heard = this.#heard.length > 0 && random.chance(0.3) ? this.#stolenStatement() : undefined
    if (heard !== undefined) return { kind: 'executor', statement: heard }
    if (random.chance(0.3)) return { kind: 'agent', indication, state: random.chance(0.5) ? 'received' : 'validated', at: this.deps.fabric.time.now(), code: null, detail: null }
    // Named as the executor: its own, that of another node, or the attacker's key.
    const executor = this.drawOf<KeyId>([member.executor.key, this.drawVictim(), member.peer.key])
    return { kind: 'executor', statement: this.#sealStatement(indication, executor) }
  }

  #sealStatement(indication: IndicationId, executor: KeyId): Uint8Array {
    const { world, member, fabric, random } = this.deps
    const at = fabric.time.now()
    const body = {
      mesh: world.chain.mesh, executor, previous: null, indication, state: random.chance(0.5) ? ('succeeded' as const) : ('running' as const),
      at, startedAt: at, exitCode: 0, signal: null, code: null, detail: null, stdout: null, stderr: null
    }
    return sealRecord(statementKind, body, [as(member.peer, executor)]).bytes
  }

  #stolenStatement(): Uint8Array | undefined {
    const entry = decodeRecord(entryKind, this.drawOf(this.#heard))
    if (!entry.ok || entry.value.body.content.kind !== 'receipts') return undefined
    const stolen = entry.value.body.content.receipts.find(({ kind }) => kind === 'executor')
    return stolen?.kind === 'executor' ? stolen.statement : undefined
  }

  #append(content: { readonly kind: 'credential' } | { readonly kind: 'receipts'; readonly receipts: Receipt[] }): void {
    const { entry, tip } = this.write(this.#tip, content.kind === 'credential' ? this.credential : content)
    this.#tip = tip
    this.#unsent.push(entry.bytes)
  }

  /** Replayed, altered, cut off, too large, or in the name of another. */
  async #spread(): Promise<void> {
    const { random, world } = this.deps
    const endpoint = this.drawEndpoint()
    const entry = this.#heard.length > 0 && random.chance(0.7) ? this.drawOf(this.#heard) : this.#inNameOf(this.drawVictim())
    const position = random.between(0, entry.length - 1)
    const altered = random.chance(0.5) ? entry : entry.map((byte, index) => (index === position ? byte ^ (1 << random.between(0, 7)) : byte))
    const message = random.chance(0.9) ? altered.slice(0, random.chance(0.9) ? altered.length : position) : random.bytes(limits.record.entryBytesMax + 1)
    if (random.chance(0.5)) return this.handIn(endpoint, [message])
    await this.network.connect(endpoint.key, endpoint.addresses)
    await this.network.publish(receiptsTopic(world.chain.mesh), message)
  }

  #inNameOf(author: KeyId): Uint8Array {
    const { world, member, fabric, random } = this.deps
    const at = fabric.time.now()
    const body = { mesh: world.chain.mesh, author, incarnation: this.#tip.incarnation, sequence: random.between(2, 9), previous: toBase32(random.bytes(32)) as RecordId, at, content: { kind: 'fault' as const, fault: { kind: 'forged', subject: 'nothing', detail: '' } } }
    return sealRecord(entryKind, body, [as(member.peer, author)]).bytes
  }

  async #deceiveExecutor(): Promise<void> {
    const { random, world, member, fabric } = this.deps
    const bundle = { controls: [], payload: null }
    const [real] = random.sample([...this.deps.ledger.orders.values()], 1)
    // Real ones are handed over again and again, whomever they are for.
    if (real !== undefined && random.chance(0.3)) {
      await this.#executor.send({ kind: 'order', bundle: { ...bundle, indication: real.bytes } })
      return
    }
    const now = fabric.time.now()
    const admin = this.drawOf([world.admin.signer.key, member.peer.key])
    const sha256 = 'a'.repeat(64)
    const body = {
      mesh: world.chain.mesh, admin, nonce: toBase32(random.bytes(16)), name: 'forged', format: 'command', payload: { cid: 'bafkreie', sizeBytes: 1, sha256 },
      repository: { kind: 'mesh' as const }, parameters: {}, environment: {}, target: { kind: 'nodes' as const, nodes: [member.peer.key] }, prerequisites: { executables: [] },
      expected: { exitCode: 0, output: null }, createdAt: now, notBefore: now, expiresAt: now + 60_000, timeoutMs: 1000, idempotent: false, priority: 9, charterVersion: 1
    }
    const forged = sealRecord(indicationKind, body, [as(member.peer, admin)])
    await this.#executor.send({ kind: 'order', bundle: { ...bundle, indication: forged.bytes } })
    const [order] = random.sample([...this.deps.ledger.orders.keys()], 1)
    if (order === undefined) return
    const control = sealRecord(controlKind, { mesh: world.chain.mesh, admin, indication: order, action: 'cancel', at: now }, [as(member.peer, admin)])
    await this.#executor.send({ kind: 'control', control: control.bytes })
  }
}

/** Signs as if it held another's key: what comes of it is well-formed, and wrong. */
const as = (signer: Signer, key: KeyId): Signer => ({ ...signer, key, sign: (message) => signer.sign(message) })
