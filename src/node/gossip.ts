/**
 * The fast path: what is heard on the topics, and what is said. Nothing depends on it; pull and sync deliver without.
 * A message's record is verified before it is passed on, and what cannot be judged yet is ignored, not punished.
 */
import { decodeShape } from '../base/schema.ts'
import { sha256 } from '../base/codec.ts'
import { describeError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { decodeRecord, verifyRecord } from '../record/record.ts'
import { entryKind } from '../record/entry.ts'
import { openControl, openIndication, type Indication } from '../trust/order.ts'
import { wasEverAdmin } from '../trust/charter-chain.ts'
import { announcementSchema, encodeAnnouncement, indicationsTopic, receiptsTopic, type Announcement } from './protocol/announcement.ts'
import type { Charters } from './charters.ts'
import type { GossipVerdict, Network } from './network/network.ts'
import type { CheckSignature } from '../record/keys.ts'
import type { KeyId, MeshId } from '../base/brand.ts'
import type { Log } from '../base/log.ts'

/** An admin's entry that was heard and verified. */
export interface Heard {
  readonly announcement: Announcement
  readonly what:
    | { readonly kind: 'indication'; readonly indication: Indication }
    | { readonly kind: 'cancel'; readonly control: Uint8Array }
    /** For those who keep logs: endpoints. */
    | { readonly kind: 'thaw' }
}

export interface GossipDeps {
  readonly network: Network
  readonly charters: Charters
  readonly log: Log
  /** The thread pool when absent. */
  readonly checkSignature?: CheckSignature
}

export class Gossip {
  readonly #deps: GossipDeps
  readonly #mesh: MeshId
  readonly #heard = new WeakMap<Uint8Array, Heard>()

  constructor(deps: GossipDeps) {
    this.#deps = deps
    this.#mesh = deps.charters.chain.mesh
  }

  hearIndications(deliver: (heard: Heard, from: KeyId) => void): void {
    this.#deps.network.subscribe(
      indicationsTopic(this.#mesh),
      (message) => this.#judge(message),
      (message, from) => {
        const heard = this.#heard.get(message)
        if (heard !== undefined) deliver(heard, from)
      }
    )
  }

  /** Endpoints only; merging is the judgement, so that each signature is verified once. */
  hearReceipts(merge: (entry: Uint8Array, from: KeyId) => Promise<GossipVerdict>): void {
    this.#deps.network.subscribe(receiptsTopic(this.#mesh), merge, () => undefined)
  }

  announce(announcement: Announcement): void {
    void this.#publish(indicationsTopic(this.#mesh), encodeAnnouncement(announcement))
  }

  /** To how many it was sent. */
  report(entry: Uint8Array): Promise<number> {
    return this.#publish(receiptsTopic(this.#mesh), entry)
  }

  async #judge(message: Uint8Array): Promise<GossipVerdict> {
    const announcement = decodeShape(announcementSchema, message, limits.gossip.messageBytesMax)
    if (!announcement.ok) return 'reject'
    const entry = decodeRecord(entryKind, announcement.value.entry)
    if (!entry.ok) return 'reject'
    const { author, content, mesh } = entry.value.body
    if (mesh !== this.#mesh) return 'reject'
    if (!wasEverAdmin(this.#deps.charters.chain, author)) return 'ignore'
    if (!(await verifyRecord(entry.value, [author], this.#deps.checkSignature)).ok) return 'reject'
    const { payload } = announcement.value
    if (content.kind === 'control') {
      const control = openControl(content.control)
      if (!control.ok || control.value.body.admin !== author || payload !== null) return 'reject'
      this.#heard.set(message, { announcement: announcement.value, what: control.value.body.action === 'cancel' ? { kind: 'cancel', control: content.control } : { kind: 'thaw' } })
      return 'accept'
    }
    if (content.kind !== 'indication') return 'reject'
    const indication = openIndication(content.indication)
    if (!indication.ok || indication.value.body.admin !== author) return 'reject'
    // Nobody signs what lies beside an entry: whoever passed on another payload would spoil the order for all who hear it.
    if (payload !== null && Buffer.from(sha256(payload)).toString('hex') !== indication.value.body.payload.sha256) return 'reject'
    this.#heard.set(message, { announcement: announcement.value, what: { kind: 'indication', indication: indication.value } })
    return 'accept'
  }

  async #publish(topic: string, message: Uint8Array): Promise<number> {
    if (message.length > limits.gossip.messageBytesMax) return 0 // pull and sync carry it
    try {
      return await this.#deps.network.publish(topic, message)
    } catch (error) {
      this.#deps.log.warn('gossip failed; pull will deliver', { topic, error: describeError(error) })
      return 0
    }
  }
}
