/**
 * Those that have connected and not said hello yet: no remote address may take up all the room there is for them. They
 * are counted from the accepted socket to the upgraded connection, or to its end; libp2p bounds them in all, and in time.
 */
import { limits } from '../../base/limits.ts'
import type { Connection, ConnectionGater, MultiaddrConnection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export class Doorstep {
  readonly #counts = new Map<string, number>()
  /** Keyed by the connection's timeline, which libp2p hands on from the socket to the upgraded connection. */
  readonly #leaving = new WeakMap<object, () => void>()

  readonly gater: ConnectionGater = {
    denyInboundConnection: (connection) => !this.#enter(connection)
  }

  /** A connection that came through. */
  leave(connection: Connection): void {
    this.#leaving.get(connection.timeline)?.()
  }

  get waiting(): ReadonlyMap<string, number> {
    return this.#counts
  }

  #enter(connection: MultiaddrConnection): boolean {
    const host = hostOf(connection.remoteAddr)
    const count = this.#counts.get(host) ?? 0
    if (count >= limits.network.pendingConnectionsPerAddressMax) return false
    this.#counts.set(host, count + 1)
    let isWaiting = true
    const leave = (): void => {
      if (!isWaiting) return
      isWaiting = false
      const left = (this.#counts.get(host) ?? 1) - 1
      if (left > 0) this.#counts.set(host, left)
      else this.#counts.delete(host)
    }
    this.#leaving.set(connection.timeline, leave)
    connection.addEventListener('close', leave, { once: true })
    return true
  }
}

/** An IPv6 host has a whole network of addresses of its own, so its first four groups count; without them it is an IPv4 host, or this one. */
const hostOf = (address: Multiaddr): string => {
  const { name, value = '' } = address.getComponents()[0] ?? { name: '' }
  return name === 'ip6' ? firstGroups(value) : value
}

const firstGroups = (address: string): string => {
  const [head = '', tail = ''] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  const gap = address.includes('::') ? Math.max(0, 8 - groups.length - after.length) : 0
  const network = [...groups, ...Array<string>(gap).fill('0'), ...after].slice(0, 4).join(':')
  return network === '0:0:0:0' ? address : network
}
