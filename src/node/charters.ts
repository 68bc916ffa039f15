/** The charter chain that a process goes by: grows by what peers bring, is kept before it counts, tells who listens. */
import { accept, type Result } from '../base/result.ts'
import { extendCharterChain, headOf, type CharterChain } from '../trust/charter-chain.ts'

export class Charters {
  #chain: CharterChain
  readonly #keep: (chain: CharterChain) => void
  readonly #listeners = new Set<(chain: CharterChain) => void>()

  constructor(chain: CharterChain, keep: (chain: CharterChain) => void) {
    this.#chain = chain
    this.#keep = keep
  }

  get chain(): CharterChain {
    return this.#chain
  }

  /** True when something was new. Errors: those of `extendCharterChain`. */
  learn(charters: readonly Uint8Array[]): Result<boolean> {
    if (charters.length === 0) return accept(false)
    const extended = extendCharterChain(this.#chain, charters)
    if (!extended.ok) return extended
    if (headOf(extended.value) === headOf(this.#chain)) return accept(false)
    this.#keep(extended.value)
    this.#chain = extended.value
    for (const listener of this.#listeners) listener(extended.value)
    return accept(true)
  }

  onChange(listener: (chain: CharterChain) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
