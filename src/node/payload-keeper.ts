/**
 * Sees to it that an endpoint holds the payload of every order it knows, so that its agents need not reach the endpoint
 * that accepted the order; and that what no order needs any more is collected.
 */
import { describeError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Content } from '../content/content.ts'
import type { KeyId } from '../base/brand.ts'
import type { Log } from '../base/log.ts'
import type { PayloadRef } from '../record/indication.ts'

export interface PayloadKeeperDeps {
  readonly content: Content
  readonly log: Log
  /** Payloads of all orders that are open. */
  readonly needed: () => Promise<readonly PayloadRef[]>
  readonly providers: () => readonly KeyId[]
}

export class PayloadKeeper {
  readonly #deps: PayloadKeeperDeps
  readonly #held = new Set<string>()
  readonly #fetching = new Set<string>()
  readonly #stopping = new AbortController()

  constructor(deps: PayloadKeeperDeps) {
    this.#deps = deps
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Starts fetching whatever is needed and neither held nor under way. */
  async replicate(): Promise<void> {
    if (this.#deps.providers().length === 0) return
    const needed = await this.#deps.needed()
    for (const ref of needed) {
      if (this.#held.has(ref.cid) || this.#fetching.has(ref.cid)) continue
      this.#fetching.add(ref.cid)
      this.#fetch(ref).then(
        () => this.#fetching.delete(ref.cid),
        (error: unknown) => {
          this.#fetching.delete(ref.cid)
          this.#deps.log.error('a payload could not be replicated', { cid: ref.cid, error: describeError(error) })
        }
      )
    }
  }

  async collect(): Promise<void> {
    const needed = await this.#deps.needed()
    const cids = new Set(needed.map(({ cid }) => cid))
    for (const cid of this.#held) if (!cids.has(cid)) this.#held.delete(cid)
    const { removedBlocks } = await this.#deps.content.retain(needed)
    if (removedBlocks > 0) this.#deps.log.info('blocks that no order needs were removed', { removedBlocks })
  }

  async #fetch(ref: PayloadRef): Promise<void> {
    const held = await this.#deps.content.retrieve(ref, this.#deps.providers, { signal: this.#stopping.signal, deadlineMs: limits.fetch.deadlineMs })
    if (held.ok) this.#held.add(ref.cid)
    else if (!this.#stopping.signal.aborted) this.#deps.log.warn('a payload is not to be had; it is tried again', { cid: ref.cid, code: held.code })
  }
}
