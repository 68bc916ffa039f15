/** An admin's process on the network: a short-lived peer key, vouched for by the admin's own for an hour. */
import { removeTree } from '../base/file-durable.ts'
import { silentLog } from '../base/log.ts'
import { drawNonce } from '../base/random.ts'
import { accept } from '../base/result.ts'
import { limits } from '../base/limits.ts'
import { systemClock, systemTimers } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { createHeliaHost, type HeliaHost } from '../node/network/helia-host.ts'
import { AdminSession } from '../node/admin-session.ts'
import { Charters } from '../node/charters.ts'
import { Libp2pNetwork } from '../node/network/libp2p-network.ts'
import { sealRecord } from '../record/record.ts'
import { sessionKind } from '../record/session.ts'
import { signerFromSeed, type Signer } from '../record/keys.ts'
import { loadCharters, loadSigner, openAdminHome, saveCharters, type Home } from '../trust/file-home.ts'
import { loadEndpoints, saveEndpoints } from './file-endpoints.ts'
import { planScratch } from './system-scratch.ts'
import type { AdminConfig, EndpointAddress } from '../trust/home-config.ts'
import type { KeyId } from '../base/brand.ts'
import type { Content } from '../content/content.ts'

export interface AdminConnection {
  readonly home: Home<AdminConfig>
  readonly signer: Signer
  readonly charters: Charters
  readonly session: AdminSession
  readonly network: Libp2pNetwork
  readonly content: Content
  /** Learns the mesh's endpoints from one of them, and remembers them. */
  refreshEndpoints(): Promise<void>
  close(): Promise<void>
}

/** Opens the home and starts the network; dials nobody yet. Errors: those of `openAdminHome` and of its files. */
export const openAdminConnection = async (directory: string): Promise<AdminConnection> => {
  const home = openAdminHome(directory)
  const signer = loadSigner(home.paths.adminKey)
  const charters = new Charters(loadCharters(home, 'admin'), (chain) => saveCharters(home.paths, 'admin', chain))
  let endpoints: readonly EndpointAddress[] = loadEndpoints(home)
  const network = createNetwork(charters, signer)
  const blocks = planScratch(home.paths.adminBlocks, drawNonce(systemRandom))
  const host: HeliaHost = await createHeliaHost(network, { blocks, log: silentLog })
  await host.start()
  const prefer = (key: KeyId): void => {
    if (endpoints[0]?.key === key) return
    endpoints = [...endpoints].sort((left, right) => Number(right.key === key) - Number(left.key === key))
    saveEndpoints(home, endpoints)
  }
  const session = new AdminSession({ network, clock: systemClock, timers: systemTimers, endpoints: () => endpoints, noteAnswer: prefer })
  const learn = (known: readonly EndpointAddress[]): void => {
    const merged = new Map([...endpoints, ...known].map((endpoint) => [endpoint.key, endpoint]))
    endpoints = [...merged.values()]
    saveEndpoints(home, endpoints)
  }
  return {
    home, signer, charters, session, network,
    content: host.content,
    refreshEndpoints: async () => {
      for await (const page of session.ask({ kind: 'endpoints' })) if (page.kind === 'endpoints') learn(page.endpoints)
    },
    close: async () => {
      await host.stop()
      removeTree(blocks)
    }
  }
}

const createNetwork = (charters: Charters, signer: Signer): Libp2pNetwork => {
  const seed = systemRandom.bytes(32)
  const now = systemClock.now()
  const { mesh } = charters.chain
  const session = sealRecord(sessionKind, { mesh, admin: signer.key, peer: signerFromSeed(seed).key, issuedAt: now, expiresAt: now + limits.trust.sessionValidityMs }, [signer])
  return new Libp2pNetwork(
    {
      log: silentLog,
      hello: {
        mesh,
        clock: systemClock,
        log: silentLog,
        identity: () => ({ kind: 'admin', session: session.bytes }),
        door: () => 'admin',
        chain: () => charters.chain,
        learnCharters: (bytes) => charters.learn(bytes),
        mayEnter: () => accept(null)
      }
    },
    { seed, listen: [], gossipTopics: null }
  )
}
