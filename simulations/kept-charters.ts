/** The charters of one machine, which its agent and its executor each keep in a file, and write at once. */
import type { CharterChain } from '../src/trust/charter-chain.ts'

export type CharterKeeper = 'agent' | 'executor'

export class KeptCharters {
  readonly #onBackwards: () => void
  #chains: Readonly<Record<CharterKeeper, CharterChain>>

  constructor(chain: CharterChain, onBackwards: () => void) {
    this.#chains = { agent: chain, executor: chain }
    this.#onBackwards = onBackwards
  }

  of(keeper: CharterKeeper): CharterChain {
    return this.#chains[keeper]
  }

  keep(keeper: CharterKeeper, chain: CharterChain): void {
    if (chain.current.version < this.#chains[keeper].current.version) this.#onBackwards()
    this.#chains = { ...this.#chains, [keeper]: chain }
  }

  image(): Readonly<Record<CharterKeeper, CharterChain>> {
    return this.#chains
  }

  restore(image: Readonly<Record<CharterKeeper, CharterChain>>): void {
    this.#chains = image
  }
}
