/**
 * Sees to it that an endpoint holds the payload of every order it knows, so that its agents need not reach the endpoint
 * that accepted the order.
 */
import { Background } from '../../base/background.ts'
import { limits } from '../../base/limits.ts'
import type { Content } from '../../content/content.ts'
import type { KeyId } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { PayloadRef } from '../../record/indication.ts'

export interface PayloadKeeperDeps {
  readonly content: Content
  readonly log: Log
  /** Payloads of all orders that are open. */
  readonly needed: () => readonly PayloadRef[]
  readonly providers: () => readonly KeyId[]
}

export class PayloadKeeper {
  readonly #deps: PayloadKeeperDeps
  readonly #background: Background
  readonly #held = new Set<string>()
  readonly #fetching = new Set<string>()
  readonly #stopping = new AbortController()

  constructor(deps: PayloadKeeperDeps) {
    this.#deps = deps
    this.#background = new Background(deps.log)
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Resolves when nothing is being fetched. */
  settled(): Promise<void> {
    return this.#background.settle()
  }

  /** Starts fetching whatever is needed and neither held nor under way. */
  replicate(): void {
    const needed = this.#deps.needed()
    const cids = new Set(needed.map(({ cid }) => cid))
    for (const cid of this.#held) if (!cids.has(cid)) this.#held.delete(cid)
    if (this.#deps.providers().length === 0) return
    for (const ref of needed) {
      if (this.#held.has(ref.cid) || this.#fetching.has(ref.cid)) continue
      this.#fetching.add(ref.cid)
      this.#background.run('a payload could not be replicated', this.#fetch(ref).finally(() => this.#fetching.delete(ref.cid)))
    }
  }

  async #fetch(ref: PayloadRef): Promise<void> {
    const held = await this.#deps.content.retrieve(ref, this.#deps.providers, { signal: this.#stopping.signal, deadlineMs: limits.fetch.deadlineMs })
    if (held.ok) this.#held.add(ref.cid)
    else if (!this.#stopping.signal.aborted) this.#deps.log.warn('a payload is not to be had; it is tried again', { cid: ref.cid, code: held.code })
  }
}
