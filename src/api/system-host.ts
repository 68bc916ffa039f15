/** What this machine says of itself. */
import { hostname, networkInterfaces } from 'node:os'

/** The host's name, as a node's name may be written. */
export const hostName = (): string => hostname().toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-')

/** Where a listener on every interface can be dialled: from this machine, and by its other addresses. */
export const reachableForms = (address: string): string[] => {
  if (!address.startsWith('/ip4/0.0.0.0/')) return [address]
  const hosts = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).filter(({ family }) => family === 'IPv4').map((entry) => entry.address))
  return [...new Set(['127.0.0.1', ...hosts])].map((host) => address.replace('0.0.0.0', host))
}
