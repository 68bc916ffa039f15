/** Which admitted peers are connected: several connections count as one peer, the newest open one speaks for it. */
import { accountOf } from './conduct.ts'
import type { Connection } from '@libp2p/interface'
import type { KeyId } from '../../base/brand.ts'
import type { Admission, ConnectedPeer, PeerEvent } from './network.ts'

interface Link {
  readonly connection: Connection
  readonly admission: Admission
}

export class Libp2pPeers {
  readonly #links = new Map<KeyId, Link[]>()
  readonly #listeners = new Set<(event: PeerEvent) => void>()

  onPeer(listener: (event: PeerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  add(connection: Connection, admission: Admission): void {
    const links = this.#links.get(admission.peer) ?? []
    this.#links.set(admission.peer, [{ connection, admission }, ...links])
    if (links.length === 0) this.#emit({ kind: 'connected', admission })
  }

  remove(connection: Connection, peer: KeyId): void {
    const links = this.#links.get(peer) ?? []
    const left = links.filter((link) => link.connection !== connection)
    if (left.length > 0) {
      this.#links.set(peer, left)
      return
    }
    this.#links.delete(peer)
    const last = links[0]
    if (last !== undefined) this.#emit({ kind: 'disconnected', admission: last.admission })
  }

  /** An open connection to `peer`, the newest first. */
  find(peer: KeyId): Connection | undefined {
    return this.#links.get(peer)?.find(isOpen)?.connection
  }

  /** As whom `peer` was admitted. */
  admissionOf(peer: KeyId): Admission | undefined {
    return this.#links.get(peer)?.[0]?.admission
  }

  /** Of all peers that answer to `account`, the newest connection of each peer first. */
  connectionsOf(account: KeyId): Connection[] {
    return [...this.#links.values()].flat().filter(({ admission }) => accountOf(admission).id === account).map(({ connection }) => connection)
  }

  connections(peer?: KeyId): Connection[] {
    const links = peer === undefined ? [...this.#links.values()].flat() : (this.#links.get(peer) ?? [])
    return links.map(({ connection }) => connection)
  }

  list(): ConnectedPeer[] {
    return [...this.#links.values()].flatMap((links) =>
      links.filter(isOpen).slice(0, 1).map(({ connection, admission }) => ({ admission, address: withoutPeer(connection.remoteAddr.toString()), direction: connection.direction }))
    )
  }

  #emit(event: PeerEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

const isOpen = ({ connection }: Link): boolean => connection.status === 'open'

/** A multiaddr without its trailing peer id. */
export const withoutPeer = (address: string): string => address.replace(/\/p2p\/[^/]+$/, '')
