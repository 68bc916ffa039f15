/** Where the mesh's endpoints are, as far as an endpoint knows. Pure. */
import type { EndpointAddress } from '../../trust/home-config.ts'
import type { NodeProfile } from '../../queue/views.ts'

/** Endpoints that have told their addresses; membership in the charter is proved to each caller by the hello. */
export const endpointAddresses = (nodes: readonly NodeProfile[]): EndpointAddress[] =>
  nodes
    .filter(({ role, addresses }) => role === 'endpoint' && addresses.length > 0)
    .slice(0, 64)
    .map(({ key, name, addresses }) => ({ key, name: name.replace(/~.*$/, ''), addresses: addresses.slice(0, 16) }))
