/**
 * Which agents an endpoint proposes to each other as neighbours. Each agent gets a few of its own, spread over the
 * fleet by consistent hashing, so that the choice is stable and costs nothing that grows with the fleet.
 */
import { compareText, toBase32, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/codec.ts'
import { limits } from '../../base/limits.ts'
import type { KeyId, Millis } from '../../base/brand.ts'
import type { NodeProfile } from '../../queue/views.ts'

export interface Neighbour {
  readonly key: KeyId
  readonly addresses: string[]
}

interface Place {
  readonly position: string
  readonly neighbour: Neighbour
}

export class NeighbourRing {
  readonly #places: readonly Place[]
  readonly #positions: ReadonlyMap<KeyId, string>

  /** Of agents that listen and were heard of within a few pull intervals. The ring `before` spares computing where those are that it had. */
  constructor(nodes: readonly NodeProfile[], now: Millis, before?: NeighbourRing) {
    this.#places = nodes
      .filter(({ role, addresses, lastContactAt }) => role === 'agent' && addresses.length > 0 && lastContactAt !== null && now - lastContactAt < 4 * limits.pull.intervalMs)
      .map(({ key, addresses }) => ({ position: (before === undefined ? undefined : before.#positions.get(key)) ?? positionOf(key), neighbour: { key, addresses: addresses.slice(0, 16) } }))
      .sort((left, right) => compareText(left.position, right.position))
    this.#positions = new Map(this.#places.map(({ position, neighbour }) => [neighbour.key, position]))
  }

  /** At most `limits.network.neighboursMax`, never the agent itself. */
  choose(agent: KeyId): Neighbour[] {
    const chosen = new Map<KeyId, Neighbour>()
    for (let turn = 0; turn < limits.network.neighboursMax; turn += 1) {
      const place = this.#placeAfter(positionOf(`${agent}/${turn}`))
      if (place !== undefined && place.neighbour.key !== agent) chosen.set(place.neighbour.key, place.neighbour)
    }
    return [...chosen.values()]
  }

  #placeAfter(position: string): Place | undefined {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#places[middle]?.position ?? '') < position) low = middle + 1
      else high = middle
    }
    return this.#places[low] ?? this.#places[0]
  }
}

const positionOf = (text: string): string => toBase32(sha256(utf8(text)))
