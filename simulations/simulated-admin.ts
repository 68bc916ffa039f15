/**
 * An admin and its node: gives orders through the submit protocol, as the library does, until min(2, endpoints) hold
 * each, however often that takes. Its log lies on a disk that may be put back to what it was; so before it appends it
 * asks the endpoints how far they know that log.
 */
import { decodeShape } from '../src/base/schema.ts'
import { isWritError, WritError } from '../src/base/errors.ts'
import { limits } from '../src/base/limits.ts'
import { Mutex } from '../src/base/mutex.ts'
import { drawNonce } from '../src/base/random.ts'
import { encodeCbor } from '../src/base/codec.ts'
import { buildThaw } from '../src/api/fork-choice.ts'
import { charterKind, type CharterBody } from '../src/record/charter.ts'
import { controlKind } from '../src/record/control.ts'
import { indicationKind, type Target } from '../src/record/indication.ts'
import { sealRecord, type Verified } from '../src/record/record.ts'
import { headOf } from '../src/trust/charter-chain.ts'
import { Charters } from '../src/node/charters.ts'
import { queryPageSchema, queryProtocol, type ForkRow } from '../src/node/protocol/query.ts'
import { OwnLog } from '../src/queue/own-log.ts'
import { submitAnswerSchema, submitProtocol, type SubmitAnswer, type SubmitRequest } from '../src/node/protocol/submit.ts'
import { Disk, type DiskImage } from './disk.ts'
import { Life } from './life.ts'
import { MachineClock } from './machine-clock.ts'
import { MemoryBlocks, SimulatedContent } from './simulated-content.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { KnownLife } from '../src/queue/own-lives.ts'
import type { EndpointAddress } from '../src/trust/home-config.ts'
import type { EntryBody, EntryContent } from '../src/record/entry.ts'
import type { Fabric } from './fabric.ts'
import type { GivenOrder, Ledger } from './ledger.ts'
import type { IndicationId, KeyId, Millis } from '../src/base/brand.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { State } from '../src/queue/views.ts'
import type { AdminIdentity, World } from './world.ts'

const submitTimeoutMs = 60_000
const headTimeoutMs = 5_000
const retryMs = 2_000

export interface OrderDraft {
  readonly name: string
  readonly argv: readonly string[]
  readonly target: Target
  /** Who that is, decided apart from the code that resolves targets. */
  readonly targets: readonly KeyId[]
  readonly expiresInMs: Millis
  readonly timeoutMs: Millis
  readonly idempotent: boolean
  readonly result: State
}

export interface AdminDeps {
  readonly world: World
  readonly identity: AdminIdentity
  readonly listen: readonly string[]
  readonly fabric: Fabric<SimulatedNetwork>
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly endpoints: readonly EndpointAddress[]
}

/** Where one of two stories is told, by an admin that tells two. */
export interface Branch {
  readonly disk: Disk
  readonly endpoints: readonly EndpointAddress[]
}

export class SimulatedAdmin {
  readonly clock: MachineClock
  readonly #deps: AdminDeps
  readonly #network: SimulatedNetwork
  readonly #content: SimulatedContent
  readonly #whole: Branch
  readonly #life: Life
  readonly #charters: Charters
  readonly #appending = new Mutex()
  /** Commands that were at work when the disk was put back have ended. */
  #restores = 0

  constructor(deps: AdminDeps) {
    const { world, identity, listen, fabric, endpoints } = deps
    this.#deps = deps
    this.clock = new MachineClock(fabric.time)
    this.#life = new Life(fabric.time)
    this.#charters = new Charters(world.chain, () => undefined)
    this.#whole = { disk: new Disk(), endpoints }
    this.#network = new SimulatedNetwork(fabric, {
      self: identity.peer.key, name: identity.name, listen, door: 'admin',
      identity: { kind: 'admin', session: identity.session },
      chain: () => this.#charters.chain,
      learnCharters: (bytes) => void this.#charters.learn(bytes)
    })
    this.#content = new SimulatedContent({ blocks: new MemoryBlocks(), network: this.#network, clock: this.clock, timers: fabric.time, random: deps.random.stream('content') })
  }

  start(): Promise<void> {
    return this.#network.start()
  }

  image(): DiskImage {
    return this.#whole.disk.image()
  }

  async restore(image: DiskImage): Promise<void> {
    this.#deps.fabric.note(`restored ${this.#deps.identity.name}`)
    await this.#appending.run(() => this.#whole.disk.restore(image))
    this.#restores += 1
    // What nobody holds yet is gone, and the commands that would have brought it.
    for (const order of this.#deps.ledger.orders.values()) if (order.heldBy.size === 0) order.isPromised = false
  }

  /** Another log that goes on from where this one is, for these endpoints alone. */
  async fork(endpoints: readonly EndpointAddress[]): Promise<Branch> {
    const disk = new Disk()
    await this.#appending.run(() => disk.restore(this.image()))
    return { disk, endpoints }
  }

  /** Resolves when the order is written down; it is on its way then. With a branch it tells a story of its own. */
  async give(draft: OrderDraft, branch?: Branch): Promise<GivenOrder> {
    const { world, identity, random, ledger } = this.#deps
    const payload = await this.#content.add(encodeCbor({ argv: draft.argv }))
    const entry = await this.#append(branch, () => {
      const now = this.clock.now()
      const indication = sealRecord(
        indicationKind,
        {
          mesh: world.chain.mesh, admin: identity.signer.key, nonce: drawNonce(random), name: draft.name, format: 'command', payload,
          repository: { kind: 'mesh' }, parameters: {}, environment: {}, target: draft.target, prerequisites: { executables: [] },
          expected: { exitCode: 0, output: null }, createdAt: now, notBefore: now, expiresAt: now + draft.expiresInMs,
          timeoutMs: draft.timeoutMs, idempotent: draft.idempotent, priority: 5, charterVersion: this.#charters.chain.current.version
        },
        [identity.signer]
      )
      const order: GivenOrder = {
        indication: indication.id as IndicationId, bytes: indication.bytes, name: draft.name, targets: new Set(draft.targets), expiresAt: now + draft.expiresInMs, result: draft.result,
        attemptsMax: draft.idempotent ? limits.executor.attemptsMax : 1, isPromised: branch === undefined, entry: null, heldBy: new Set()
      }
      ledger.noteOrder(order)
      return { content: { kind: 'indication', indication: indication.bytes }, with: order }
    })
    entry.with.entry = entry.appended.id
    void this.#submit(entry.appended, await this.#content.readInline(payload), entry.with.heldBy, branch)
    return entry.with
  }

  async cancel(order: GivenOrder): Promise<void> {
    const { world, identity } = this.#deps
    const { appended } = await this.#append(undefined, () => {
      const body = { mesh: world.chain.mesh, admin: identity.signer.key, indication: order.indication, action: 'cancel' as const, at: this.clock.now() }
      return { content: { kind: 'control', control: sealRecord(controlKind, body, [identity.signer]).bytes }, with: null }
    })
    const heldBy = new Set<KeyId>()
    await this.#submit(appended, null, heldBy, undefined)
    // A restore took it back before anybody held it, and the command with it: the operator sees that it failed, and says it again.
    if (heldBy.size === 0) await this.cancel(order)
  }

  /** A new version of the charter; resolves when min(2, endpoints) have it, or a rival that wins. */
  async amend(): Promise<void> {
    const { world, ledger, random, endpoints, fabric } = this.#deps
    const { chain } = this.#charters
    const body: CharterBody = { ...chain.current, version: chain.current.version + 1, previous: headOf(chain), issuedAt: this.clock.now(), expiresAt: chain.current.expiresAt + random.between(1, 1_000_000) }
    const learned = this.#charters.learn([sealRecord(charterKind, body, [world.root]).bytes])
    if (!learned.ok) throw new Error(`the new charter is not valid: ${learned.detail}`)
    ledger.noteCharters(this.#charters.chain)
    const holders = new Set<KeyId>()
    while (holders.size < Math.min(limits.submit.holdersWanted, endpoints.length)) {
      for (const endpoint of endpoints) if (await this.#bringCharters(endpoint)) holders.add(endpoint.key)
      await fabric.time.pause(retryMs)
    }
  }

  /** Whoever says hello brings its charters along. */
  async #bringCharters({ key, addresses }: EndpointAddress): Promise<boolean> {
    try {
      await this.#network.disconnect(key)
      await this.#network.connect(key, addresses)
      return true
    } catch (error) {
      if (isWritError(error)) return false
      throw error
    }
  }

  /** Keeps one branch, any, of each fork that some endpoint knows. */
  async thaw(): Promise<void> {
    const { world, identity, random, ledger } = this.#deps
    for (const fork of await this.#askForks()) {
      const keep = fork.branches[random.between(0, fork.branches.length - 1)]
      if (keep === undefined) continue
      const { appended } = await this.#append(undefined, () => ({
        content: { kind: 'control', control: sealRecord(controlKind, buildThaw({ fork, keep }, world.chain.mesh, identity.signer.key, this.clock.now()), [identity.signer]).bytes }, with: null
      }))
      // The order that the branch begins with counts from now on, and those of the others do not.
      for (const order of ledger.orders.values()) if (order.entry !== null && fork.branches.includes(order.entry)) order.isPromised = order.entry === keep
      await this.#submit(appended, null, new Set(), undefined)
    }
  }

  async #askForks(): Promise<ForkRow[]> {
    const { endpoints, fabric } = this.#deps
    for (;;) {
      for (const { key, addresses } of endpoints) {
        try {
          await this.#network.connect(key, addresses)
          const forks: ForkRow[] = []
          for await (const bytes of this.#network.follow(key, queryProtocol, encodeCbor({ kind: 'forks' }))) {
            const page = decodeShape(queryPageSchema, bytes, limits.network.messageBytesMax)
            if (page.ok && page.value.kind === 'forks') forks.push(...page.value.forks)
          }
          return forks
        } catch (error) {
          if (!isWritError(error)) throw error
        }
      }
      await fabric.time.pause(retryMs)
    }
  }

  /** The log is opened for one append, as by a command. Whoever tells two stories asks nobody what is known of the first. */
  #append<T>(branch: Branch | undefined, compose: () => { readonly content: EntryContent; readonly with: T }): Promise<{ readonly appended: Verified<EntryBody>; readonly with: T }> {
    return this.#appending.run(async () => {
      const log = await this.#openLog(branch ?? this.#whole)
      const known = branch === undefined ? await this.#askLives() : []
      if (await log.isBehind(known)) {
        await log.startIncarnation()
        await log.note(known)
      }
      await log.checkpoint()
      const { content, with: rest } = compose()
      return { appended: await log.append(content, { durable: true }), with: rest }
    })
  }

  #openLog({ disk }: Branch): Promise<OwnLog> {
    const { world, identity, random } = this.#deps
    return OwnLog.open({ store: disk.open(this.#life), signer: identity.signer, mesh: world.chain.mesh, random, clock: this.clock })
  }

  /** What all endpoints say that answer, once one has. */
  async #askLives(): Promise<readonly KnownLife[]> {
    for (;;) {
      const answers = await Promise.all(this.#deps.endpoints.map((endpoint) => this.#askLivesOf(endpoint)))
      const known = answers.filter((lives) => lives !== undefined)
      if (known.length > 0) return known.flat()
      await this.#deps.fabric.time.pause(retryMs)
    }
  }

  async #askLivesOf({ key, addresses }: EndpointAddress): Promise<readonly KnownLife[] | undefined> {
    try {
      await this.#network.connect(key, addresses)
      const answer = await this.#ask(key, { kind: 'lives' }, headTimeoutMs)
      return answer.kind === 'lives' ? answer.lives : undefined
    } catch (error) {
      if (isWritError(error)) return undefined
      throw error
    }
  }

  #submit(entry: Verified<EntryBody>, payload: Uint8Array | null, heldBy: Set<KeyId>, branch: Branch | undefined): Promise<void> {
    return this.#submitToAll(entry, payload, heldBy, branch ?? this.#whole).catch((error: unknown) => {
      // Who tells two stories is found out.
      if (branch === undefined) this.#deps.ledger.violate('submitted', `the admin could not submit: ${String(error)}`)
    })
  }

  async #submitToAll(entry: Verified<EntryBody>, payload: Uint8Array | null, heldBy: Set<KeyId>, branch: Branch): Promise<void> {
    const { fabric, random } = this.#deps
    const wanted = Math.min(limits.submit.holdersWanted, branch.endpoints.length)
    const restores = this.#restores
    const order = [...this.#deps.ledger.orders.values()].find(({ heldBy: holders }) => holders === heldBy)
    while (restores === this.#restores) {
      if (order !== undefined && this.clock.now() > order.expiresAt) return // as the library would tell its caller: too late
      for (const endpoint of random.sample(branch.endpoints, branch.endpoints.length)) {
        if (heldBy.size >= wanted || restores !== this.#restores) return
        if (!heldBy.has(endpoint.key) && (await this.#submitTo(endpoint, entry, { payload, branch }))) heldBy.add(endpoint.key)
      }
      await fabric.time.pause(retryMs)
    }
  }

  /** False when the endpoint did not answer in time, or could not be reached; another refusal is thrown. */
  async #submitTo(endpoint: EndpointAddress, entry: Verified<EntryBody>, { payload, branch }: { readonly payload: Uint8Array | null; readonly branch: Branch }): Promise<boolean> {
    const { sequence, incarnation } = entry.body
    try {
      await this.#network.connect(endpoint.key, endpoint.addresses)
      let answer = await this.#ask(endpoint.key, { kind: 'entries', entries: [entry.bytes], payload }, submitTimeoutMs)
      for (let known = -1; answer.kind === 'head' && answer.sequence < sequence && answer.sequence > known; ) {
        known = answer.sequence
        const log = await this.#openLog(branch)
        if (log.head().incarnation !== incarnation) return false // a restore took the life away that it was written in
        const missing = await log.entriesAfter(known, limits.sync.entriesBytesMax)
        answer = await this.#ask(endpoint.key, { kind: 'entries', entries: missing.slice(0, sequence - known), payload: null }, submitTimeoutMs)
      }
      return answer.kind === 'head' && answer.sequence >= sequence
    } catch (error) {
      if (isWritError(error) && passing.has(error.code)) return false
      throw error
    }
  }

  async #ask(endpoint: KeyId, request: SubmitRequest, timeoutMs: Millis): Promise<SubmitAnswer> {
    const bytes = await this.#network.request(endpoint, submitProtocol, encodeCbor(request), { timeoutMs })
    const answer = decodeShape(submitAnswerSchema, bytes, limits.network.messageBytesMax)
    if (!answer.ok) throw new WritError('bad-answer', answer.detail)
    return answer.value
  }
}

/** Another time, or another endpoint, may do better: what is lost, full, or lives in another time. */
const passing: ReadonlySet<string> = new Set([
  'unreachable', 'charter-behind', 'not-connected', 'connection-lost', 'request-timeout', 'payload-unavailable', 'retrieve-cancelled', 'store-write-failed', 'session-expired', 'not-yet-valid', 'bad-session', 'expired'
])
