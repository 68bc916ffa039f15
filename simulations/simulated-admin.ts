/**
 * The admin and its node: gives orders through the submit protocol, as the library does, until min(2, endpoints) hold
 * each, however often that takes.
 */
import { decodeShape } from '../src/base/schema.ts'
import { isWritError, WritError } from '../src/base/errors.ts'
import { limits } from '../src/base/limits.ts'
import { drawNonce } from '../src/base/random.ts'
import { encodeCbor } from '../src/base/codec.ts'
import { MemoryStore } from '../src/base/memory-store.ts'
import { controlKind } from '../src/record/control.ts'
import { indicationKind, type Target } from '../src/record/indication.ts'
import { sealRecord, type Verified } from '../src/record/record.ts'
import { OwnLog } from '../src/queue/own-log.ts'
import { submitAnswerSchema, submitProtocol, type SubmitAnswer, type SubmitRequest } from '../src/node/protocol/submit.ts'
import { SimulatedContent } from './simulated-content.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { EndpointAddress } from '../src/trust/home-config.ts'
import type { EntryBody, EntryContent } from '../src/record/entry.ts'
import type { Fabric } from './fabric.ts'
import type { GivenOrder, Ledger } from './ledger.ts'
import type { IndicationId, KeyId, Millis } from '../src/base/brand.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { State } from '../src/queue/views.ts'
import type { World } from './world.ts'

const submitTimeoutMs = 60_000
const retryMs = 2_000

export interface OrderDraft {
  readonly name: string
  readonly argv: readonly string[]
  readonly target: Target
  /** Who that is, decided apart from the code that resolves targets. */
  readonly targets: readonly KeyId[]
  readonly expiresInMs: Millis
  readonly timeoutMs: Millis
  readonly result: State
}

export interface AdminDeps {
  readonly world: World
  readonly fabric: Fabric<SimulatedNetwork>
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly endpoints: readonly EndpointAddress[]
}

const listen = ['/ip4/10.1.0.1/tcp/4400']

export class SimulatedAdmin {
  readonly #deps: AdminDeps
  readonly #network: SimulatedNetwork
  readonly #content: SimulatedContent
  readonly #log: OwnLog

  private constructor(deps: AdminDeps, network: SimulatedNetwork, log: OwnLog) {
    this.#deps = deps
    this.#network = network
    this.#log = log
    this.#content = new SimulatedContent({ network, clock: deps.fabric.time, timers: deps.fabric.time, random: deps.random.stream('content') })
  }

  static async open(deps: AdminDeps): Promise<SimulatedAdmin> {
    const { world, fabric, random } = deps
    const network = new SimulatedNetwork(fabric, {
      self: world.adminPeer.key, name: 'admin', listen, door: 'admin',
      identity: { kind: 'admin', session: world.adminSession },
      chain: () => world.chain,
      learnCharters: () => undefined
    })
    const log = await OwnLog.open({ store: new MemoryStore(), signer: world.admin, mesh: world.chain.mesh, random, clock: fabric.time })
    const admin = new SimulatedAdmin(deps, network, log)
    await network.start()
    return admin
  }

  /** Resolves when the order is written down; it is on its way then. */
  async give(draft: OrderDraft): Promise<GivenOrder> {
    const { world, fabric, random, ledger } = this.#deps
    const now = fabric.time.now()
    const payload = await this.#content.add(encodeCbor({ argv: draft.argv }))
    const indication = sealRecord(
      indicationKind,
      {
        mesh: world.chain.mesh, admin: world.admin.key, nonce: drawNonce(random), name: draft.name, format: 'command', payload,
        repository: { kind: 'mesh' }, parameters: {}, environment: {}, target: draft.target, prerequisites: { executables: [] },
        expected: { exitCode: 0, output: null }, createdAt: now, notBefore: now, expiresAt: now + draft.expiresInMs,
        timeoutMs: draft.timeoutMs, idempotent: false, priority: 5, charterVersion: 1
      },
      [world.admin]
    )
    const order: GivenOrder = {
      indication: indication.id as IndicationId, name: draft.name, targets: new Set(draft.targets),
      expiresAt: now + draft.expiresInMs, result: draft.result, heldBy: new Set()
    }
    ledger.noteOrder(order)
    this.#submit({ kind: 'indication', indication: indication.bytes }, await this.#content.readInline(payload), order.heldBy)
    return order
  }

  async cancel(order: GivenOrder): Promise<void> {
    const { world, fabric } = this.#deps
    const body = { mesh: world.chain.mesh, admin: world.admin.key, indication: order.indication, action: 'cancel' as const, at: fabric.time.now() }
    this.#submit({ kind: 'control', control: sealRecord(controlKind, body, [world.admin]).bytes }, null, new Set())
  }

  #submit(content: EntryContent, payload: Uint8Array | null, heldBy: Set<KeyId>): void {
    this.#submitToAll(content, payload, heldBy).catch((error: unknown) => {
      // As the library would tell its caller: too late, nobody took it.
      if (!isWritError(error, 'expired')) this.#deps.ledger.violate('submitted', `the admin could not submit: ${String(error)}`)
    })
  }

  async #submitToAll(content: EntryContent, payload: Uint8Array | null, heldBy: Set<KeyId>): Promise<void> {
    const { fabric, random, endpoints } = this.#deps
    const entry = await this.#log.append(content, { durable: true })
    const wanted = Math.min(limits.submit.holdersWanted, endpoints.length)
    for (;;) {
      for (const endpoint of random.sample(endpoints, endpoints.length)) {
        if (heldBy.size >= wanted) return
        if (!heldBy.has(endpoint.key) && (await this.#submitTo(endpoint, entry, payload))) heldBy.add(endpoint.key)
      }
      await fabric.time.pause(retryMs)
    }
  }

  /** False when the endpoint did not answer in time, or could not be reached; another refusal is thrown. */
  async #submitTo(endpoint: EndpointAddress, entry: Verified<EntryBody>, payload: Uint8Array | null): Promise<boolean> {
    const { sequence } = entry.body
    try {
      await this.#network.connect(endpoint.key, endpoint.addresses)
      let answer = await this.#ask(endpoint.key, { kind: 'entries', entries: [entry.bytes], payload })
      for (let known = -1; answer.kind === 'head' && answer.sequence < sequence && answer.sequence > known; ) {
        known = answer.sequence
        const missing = await this.#log.entriesAfter(known, limits.sync.entriesBytesMax)
        answer = await this.#ask(endpoint.key, { kind: 'entries', entries: missing.slice(0, sequence - known), payload: null })
      }
      return answer.kind === 'head' && answer.sequence >= sequence
    } catch (error) {
      if (isWritError(error) && passing.has(error.code)) return false
      throw error
    }
  }

  async #ask(endpoint: KeyId, request: SubmitRequest): Promise<SubmitAnswer> {
    const bytes = await this.#network.request(endpoint, submitProtocol, encodeCbor(request), { timeoutMs: submitTimeoutMs })
    const answer = decodeShape(submitAnswerSchema, bytes, limits.network.messageBytesMax)
    if (!answer.ok) throw new WritError('bad-answer', answer.detail)
    return answer.value
  }
}

const passing: ReadonlySet<string> = new Set(['unreachable', 'not-connected', 'connection-lost', 'request-timeout', 'payload-unavailable', 'retrieve-cancelled'])
