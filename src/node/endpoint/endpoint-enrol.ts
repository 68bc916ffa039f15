/**
 * The endpoint's side of `/writ/enrol/1`: keeps the ledger of an invite's uses, durably, before it countersigns. A ledger
 * that was lost comes back in part, from the credentials that the queues know; no invite from before is good for more.
 */
import { decodeShape } from '../../base/schema.ts'
import { decodeOwn, encodeCbor } from '../../base/codec.ts'
import { toText, utf8 } from '../../base/bytes.ts'
import { WritError } from '../../base/errors.ts'
import { put, withPrefix, type KeyValueStore } from '../../base/key-value-store.ts'
import { limits } from '../../base/limits.ts'
import { Mutex } from '../../base/mutex.ts'
import { endpointAddresses } from './endpoint-addresses.ts'
import { grantEnrolment, openEnrolment } from './enrolment.ts'
import { enrolRequestSchema, type EnrolAnswer } from '../protocol/enrol.ts'
import type { Admission } from '../network/network.ts'
import type { Charters } from '../charters.ts'
import type { Clock } from '../../base/clock.ts'
import type { KeyId, Millis } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { Membership } from '../../trust/admission.ts'
import type { NodeProfile } from '../../queue/views.ts'
import type { Queue } from '../../queue/queue.ts'
import type { Signer } from '../../record/keys.ts'

export interface EnrolDeps {
  readonly queue: Queue
  readonly store: KeyValueStore
  readonly charters: Charters
  readonly counter: Signer
  readonly clock: Clock
  readonly log: Log
}

const lossKey = 'grants-lost'
const grantPrefix = (token: KeyId): string => `grant/${token}/`
const nameKey = (name: string): string => `granted-name/${name}`

/** Into the store of an endpoint: uses granted up to `at` may be missing in it. Errors: `store-write-failed`. */
export const recordLedgerLoss = async (store: KeyValueStore, at: Millis): Promise<void> => {
  if (at > (await readLedgerLoss(store))) await store.write([put(lossKey, encodeCbor(at))], { durable: true })
}

const readLedgerLoss = async (store: KeyValueStore): Promise<Millis> => {
  const bytes = await store.get(lossKey)
  return bytes === undefined ? 0 : Number(decodeOwn(bytes))
}

export class EnrolmentDesk {
  readonly #deps: EnrolDeps
  readonly #turn = new Mutex()

  constructor(deps: EnrolDeps) {
    this.#deps = deps
  }

  /** Errors: those of `openEnrolment` and `grantEnrolment`. */
  async answer(from: Admission, message: Uint8Array): Promise<Uint8Array> {
    const decoded = decodeShape(enrolRequestSchema, message, limits.network.messageBytesMax)
    if (!decoded.ok) throw new WritError(decoded.code, decoded.detail)
    const request = openEnrolment(this.#deps.charters.chain, this.#deps.counter.key, decoded.value.credential)
    if (!request.ok) throw new WritError(request.code, request.detail)
    if (request.value.credential.body.peer !== from.peer) throw new WritError('bad-credential', 'the credential is for another peer than the one that asks')
    return this.#turn.run(() => this.#grant(request.value))
  }

  async #grant(request: Membership): Promise<Uint8Array> {
    const { store, queue, charters, counter, clock, log } = this.#deps
    const { token } = request.invite.body
    const { name, peer, role } = request.credential.body
    const nodes = queue.profiles()
    const ledger = { grantedTo: await this.#grantedTo(token), lostBefore: await readLedgerLoss(store), nameHolder: holderOf(name, peer, nodes) ?? (await this.#grantedName(name)) }
    const granted = grantEnrolment(request, ledger, counter, clock.now())
    if (!granted.ok) throw new WritError(granted.code, granted.detail)
    await store.write([put(grantPrefix(token) + peer, utf8(name)), put(nameKey(name), utf8(peer))], { durable: true })
    log.info('a node was enrolled', { name, role, peer })
    const answer: EnrolAnswer = { credential: granted.value.bytes, charters: charters.chain.versions.map(({ bytes }) => bytes), endpoints: endpointAddresses(nodes) }
    return encodeCbor(answer)
  }

  async #grantedTo(token: KeyId): Promise<Set<KeyId>> {
    const peers = new Set(this.#deps.queue.enrolledBy(token))
    for await (const [key] of this.#deps.store.entries(withPrefix(grantPrefix(token)))) peers.add(key.slice(grantPrefix(token).length) as KeyId)
    return peers
  }

  async #grantedName(name: string): Promise<KeyId | null> {
    const holder = await this.#deps.store.get(nameKey(name))
    return holder === undefined ? null : (toText(holder) as KeyId)
  }
}

/** Who has a name, "name~id" of those who took it in a partition included; the peer itself, where it is one of them. */
const holderOf = (name: string, peer: KeyId, nodes: readonly NodeProfile[]): KeyId | undefined => {
  const holders = nodes.filter((node) => node.name === name || node.name.startsWith(`${name}~`)).map(({ key }) => key)
  return holders.includes(peer) ? peer : holders[0]
}
