/**
 * The agent process of a node: `node agent.js HOME`, spawned by the executor with a pipe on file descriptor 3.
 * Composition root: everything that touches the outside is made here and handed on.
 */
import { setMaxListeners } from 'node:events'
import { describeError, isWritError, WritError } from '../base/errors.ts'
import { openOrReplace } from '../base/level-guard.ts'
import { limits } from '../base/limits.ts'
import { release } from '../base/release.ts'
import { systemClock, systemTimers } from '../base/system-clock.ts'
import { createSystemLog } from '../base/system-log.ts'
import { systemRandom } from '../base/system-random.ts'
import { accept } from '../base/result.ts'
import { FileOutputs } from '../content/file-outputs.ts'
import { signerFromSeed } from '../record/keys.ts'
import { homePaths, loadCharters, loadCredential, loadSecret, saveCharters, type HomePaths } from '../trust/file-home.ts'
import { openExecutorLink } from './agent/child-link.ts'
import { Charters } from './charters.ts'
import { recordLedgerLoss } from './endpoint/endpoint-enrol.ts'
import { StatusFile, type LiveStatus } from './file-status.ts'
import { createHeliaHost } from './network/helia-host.ts'
import { Libp2pNetwork } from './network/libp2p-network.ts'
import { createNode, type Node } from './node.ts'
import { indicationsTopic, receiptsTopic } from './protocol/announcement.ts'
import { builtInFormats } from '../record/format-options.ts'
import type { LevelStore } from '../base/level-store.ts'
import type { Log } from '../base/log.ts'
import type { AgentSettings } from '../trust/agent-settings.ts'
import type { Network } from './network/network.ts'

const run = async (directory: string): Promise<void> => {
  const stop = Promise.withResolvers<'stop'>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.resolve('stop'))
  const pipeLog = createSystemLog('agent', 'error')
  const executor = openExecutorLink(pipeLog, (reason) => {
    pipeLog.error('the pipe to the executor has ended', { reason })
    process.exit(1)
  })
  const config = await Promise.race([executor.ready.then(() => executor.settings), stop.promise])
  if (config === 'stop') return
  const log = createSystemLog('agent', config.logLevel)
  const paths = homePaths(directory)
  const home = { paths, config, agentOwner: null }
  const seed = loadSecret(paths.peerKey)
  const charters = new Charters(loadCharters(home, 'agent'), (chain) => saveCharters(paths, 'agent', chain))
  const membership = loadCredential(home, 'agent', charters.chain)
  const store = await openState(paths, config, log)
  const { mesh } = charters.chain
  const network = new Libp2pNetwork(
    {
      log,
      hello: {
        mesh, clock: systemClock, log,
        identity: () => ({ kind: 'node', credential: membership.credential.bytes }),
        door: () => (membership.credential.body.role === 'endpoint' ? 'endpoint' : 'agent'),
        chain: () => charters.chain,
        learnCharters: (bytes) => charters.learn(bytes),
        mayEnter: () => accept(null)
      }
    },
    { seed, listen: config.listen, gossipTopics: config.gossip ? [indicationsTopic(mesh), receiptsTopic(mesh)] : null }
  )
  const outputs = await FileOutputs.open(paths.outputs)
  const host = await createHeliaHost(network, { blocks: paths.blocks, log })
  const node = await createNode(
    { network, store, content: host.content, outputs, executor, charters, signer: signerFromSeed(seed), membership, clock: systemClock, timers: systemTimers, random: systemRandom, log },
    { ...config, formats: new Set([...builtInFormats, ...config.formats]) }
  )
  await host.start()
  await node.start()
  const status = new StatusFile(paths.status, { timers: systemTimers, log, read: () => readStatus(network, node) })
  status.start()
  log.info('joined', { mesh, name: config.name, role: config.role, addresses: network.addresses() })
  await stop.promise
  node.stop()
  status.stop()
  await host.stop()
  await node.settled()
  await store.close()
}

/**
 * The queues come back from the other endpoints, and the own log goes on in a new life. What only this store knew, the uses
 * of invites, is taken for spent. Errors: those of `openOrReplace`.
 */
const openState = async (paths: HomePaths, config: AgentSettings, log: Log): Promise<LevelStore> => {
  const { store } = await openOrReplace(
    paths.agentState,
    { clock: systemClock, log, begin: recordLedgerLoss },
    config.role === 'endpoint' ? { writeBufferBytes: limits.store.queueWriteBufferBytes } : undefined
  )
  if (config.restoredAt !== null) await recordLedgerLoss(store, config.restoredAt)
  return store
}

const readStatus = (network: Network, node: Node): LiveStatus => ({
  at: systemClock.now(),
  pid: process.ppid,
  release,
  addresses: network.addresses(),
  peers: network.peers().map(({ admission, address }) => ({
    name: admission.membership?.credential.body.name ?? admission.kind,
    kind: admission.kind !== 'node' ? admission.kind : admission.isEndpoint ? 'endpoint' : 'agent',
    address
  })),
  ...node.vitals()
})

const main = async (): Promise<number> => {
  // libp2p hands one abort signal to many streams; the warning about that would reach the operator's log.
  setMaxListeners(Number.POSITIVE_INFINITY)
  const [directory] = process.argv.slice(2)
  try {
    if (directory === undefined) throw new WritError('bad-usage', 'the agent needs the directory of a home: agent HOME')
    await run(directory)
    return 0
  } catch (error) {
    process.stderr.write(`writ: ${describeError(error)}${isWritError(error) ? ` [${error.code}]` : ''}\n`)
    return 1
  }
}

process.exit(await main())
