/**
 * A node's word about itself, signed anew when what it says has changed or it has grown old: questions that follow each
 * other, as to both endpoints after a receipt, say the same, and endpoints need not verify and pass on each of them.
 */
import { release } from '../base/release.ts'
import { limits } from '../base/limits.ts'
import { presenceKind, type PresenceBody } from '../record/presence.ts'
import { sealRecord, type Verified } from '../record/record.ts'
import type { Clock } from '../base/clock.ts'
import type { MeshId } from '../base/brand.ts'
import type { Signer } from '../record/keys.ts'

export interface OwnPresenceDeps {
  readonly mesh: MeshId
  readonly signer: Signer
  readonly clock: Clock
  readonly addresses: () => readonly string[]
}

export class OwnPresence {
  readonly #deps: OwnPresenceDeps
  #last: Verified<PresenceBody> | undefined

  constructor(deps: OwnPresenceDeps) {
    this.#deps = deps
  }

  record(): Uint8Array {
    const { mesh, signer, clock, addresses } = this.#deps
    const now = clock.now()
    const told = addresses().slice(0, 16)
    if (this.#last === undefined || !isStillGood(this.#last.body, told, now)) {
      this.#last = sealRecord(presenceKind, { mesh, node: signer.key, at: now, release, addresses: told }, [signer])
    }
    return this.#last.bytes
  }
}

/** A clock that was set back makes a new one too: the old one would be from the future. */
const isStillGood = ({ at, addresses }: PresenceBody, told: readonly string[], now: number): boolean =>
  now >= at && now - at < limits.pull.presenceAgeMs && addresses.length === told.length && addresses.every((address, index) => address === told[index])
