/**
 * Which agents an endpoint proposes to each other as neighbours. Each agent gets a few of its own, spread over the
 * fleet by consistent hashing, so that the choice is stable and costs nothing that grows with the fleet.
 */
import { compareText, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/codec.ts'
import { limits } from '../../base/limits.ts'
import type { KeyId, Millis } from '../../base/brand.ts'
import type { NodeProfile } from '../../queue/views.ts'

export interface Neighbour {
  readonly key: KeyId
  readonly addresses: string[]
}

export class NeighbourRing {
  /** In the order of their positions. */
  readonly #neighbours: readonly Neighbour[]
  readonly #positions: Uint32Array
  readonly #positionOf: ReadonlyMap<KeyId, number>

  /** Of agents that listen and were heard of within a few pull intervals. The ring `before` spares computing where those are that it had. */
  constructor(nodes: readonly NodeProfile[], now: Millis, before?: NeighbourRing) {
    const places = nodes
      .filter(({ role, addresses, lastContactAt }) => role === 'agent' && addresses.length > 0 && lastContactAt !== null && now - lastContactAt < 4 * limits.pull.intervalMs)
      .map(({ key, addresses }) => ({ position: (before === undefined ? undefined : before.#positionOf.get(key)) ?? drawPositions(key)[0] ?? 0, neighbour: { key, addresses: addresses.slice(0, 16) } }))
      .sort((left, right) => left.position - right.position || compareText(left.neighbour.key, right.neighbour.key))
    this.#neighbours = places.map(({ neighbour }) => neighbour)
    this.#positions = Uint32Array.from(places, ({ position }) => position)
    this.#positionOf = new Map(places.map(({ position, neighbour }) => [neighbour.key, position]))
  }

  /** At most `limits.network.neighboursMax`, never the agent itself. */
  choose(agent: KeyId): Neighbour[] {
    const chosen = new Map<KeyId, Neighbour>()
    for (const position of drawPositions(`${agent}/neighbours`)) {
      const neighbour = this.#neighbourAfter(position)
      if (neighbour !== undefined && neighbour.key !== agent) chosen.set(neighbour.key, neighbour)
    }
    return [...chosen.values()]
  }

  #neighbourAfter(position: number): Neighbour | undefined {
    let low = 0
    let high = this.#positions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#positions[middle] ?? 0) < position) low = middle + 1
      else high = middle
    }
    return this.#neighbours[low] ?? this.#neighbours[0]
  }
}

/** As many places on the ring as an agent has neighbours, each 32 bits of one hash. */
const drawPositions = (text: string): number[] => {
  const hash = sha256(utf8(text))
  const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength)
  return Array.from({ length: limits.network.neighboursMax }, (_, turn) => view.getUint32(4 * turn))
}
