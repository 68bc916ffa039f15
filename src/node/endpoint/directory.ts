/** What an endpoint tells agents about the mesh; made anew at most every few seconds, however many ask. */
import { limits } from '../../base/limits.ts'
import { endpointAddresses } from './endpoint-addresses.ts'
import { NeighbourRing } from './neighbours.ts'
import type { Clock } from '../../base/clock.ts'
import type { EndpointAddress } from '../../trust/home-config.ts'
import type { Millis } from '../../base/brand.ts'
import type { NodeProfile } from '../../queue/views.ts'

export interface DirectoryPage {
  readonly endpoints: EndpointAddress[]
  readonly neighbours: NeighbourRing
}

export class Directory {
  readonly #nodes: () => readonly NodeProfile[]
  readonly #clock: Clock
  #page: DirectoryPage | undefined
  #madeAt: Millis = 0

  constructor(deps: { readonly nodes: () => readonly NodeProfile[]; readonly clock: Clock }) {
    this.#nodes = deps.nodes
    this.#clock = deps.clock
  }

  page(): DirectoryPage {
    const now = this.#clock.now()
    if (this.#page === undefined || now - this.#madeAt > limits.pull.directoryAgeMs || now < this.#madeAt) {
      const nodes = this.#nodes()
      this.#page = { endpoints: endpointAddresses(nodes), neighbours: new NeighbourRing(nodes, now, this.#page?.neighbours) }
      this.#madeAt = now
    }
    return this.#page
  }
}
