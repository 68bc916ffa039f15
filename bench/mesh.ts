/** A mesh on this machine, of processes from the bundle, made with the public library as the command line makes it. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type * as api from '../src/api/index.ts'
import { findFreePort } from '../scripts/free-port.ts'
import { childrenOf, until, type Scope } from './processes.ts'

export type Library = typeof api

export const cliFile = fileURLToPath(new URL('../dist/writ.js', import.meta.url))

/** What production loads, not its source. */
export const loadLibrary = (): Promise<Library> => import('writ')

export interface RunningNode {
  readonly name: string
  readonly launcher: number
  readonly executor: number
  readonly agent: number
  /** From the spawn of `writ start` to the line that says it joined. */
  readonly joinedMs: number
  /** From that spawn to an endpoint's answer to its first question. */
  readonly contactMs: number
  /** What its processes wrote to standard error so far. */
  log(): string
  stop(): Promise<void>
}

export interface Mesh {
  readonly admin: string
  readonly endpoints: readonly RunningNode[]
  readonly agents: readonly RunningNode[]
}

/** Time for gossip to find its neighbours and for the first collections of garbage. */
const settleMs = 4000

export const startNode = async (scope: Scope, library: Library, name: string): Promise<RunningNode> => {
  const home = scope.path(name)
  const [startedAt, startedAtEpoch] = [performance.now(), Date.now()]
  const node = scope.node(name, [cliFile, 'start', '--home', home])
  await until(`${name} joins`, () => {
    if (node.hasEnded()) throw new Error(`${name} ended: ${node.log()}`)
    return node.log().includes('"msg":"joined"') ? true : undefined
  })
  const joinedMs = performance.now() - startedAt
  const contactAt = await until(`${name} has contact`, async () => {
    const { live } = await library.readStatus({ home })
    return live !== null && childrenOf(node.pid).includes(live.pid) && live.lastContactAt !== null ? live.lastContactAt : undefined
  })
  const [executor] = childrenOf(node.pid)
  const [agent] = executor === undefined ? [] : childrenOf(executor)
  if (executor === undefined || agent === undefined) throw new Error(`${name} lacks a process`)
  return { name, launcher: node.pid, executor, agent, joinedMs, contactMs: contactAt - startedAtEpoch, log: () => node.log(), stop: () => node.stop() }
}

/** Two endpoints, and `agents` nodes with the label `bench=agent`; returns when everyone was heard of at an endpoint. */
export const startMesh = async (scope: Scope, library: Library, counts: { readonly agents: number }): Promise<Mesh> => {
  const admin = scope.path('admin')
  await library.createMesh({ home: admin, mesh: 'bench' })
  const listenOn = async (): Promise<string[]> => [`/ip4/127.0.0.1/tcp/${await findFreePort()}`]
  await library.bootstrapEndpoint({ admin, home: scope.path('endpoint-1'), name: 'endpoint-1', listen: await listenOn() })
  const first = await startNode(scope, library, 'endpoint-1')
  const token = await library.createInvite({ home: admin, role: 'endpoint' })
  await library.joinMesh({ token, home: scope.path('endpoint-2'), name: 'endpoint-2', listen: await listenOn() })
  const endpoints = [first, await startNode(scope, library, 'endpoint-2')]
  await knowEndpoints(library, admin, 2)
  const invite = await library.createInvite({ home: admin, role: 'agent', labels: { bench: 'agent' }, uses: counts.agents })
  const agents: RunningNode[] = []
  for (let index = 1; index <= counts.agents; index += 1) {
    const name = `agent-${String(index).padStart(2, '0')}`
    await library.joinMesh({ token: invite, home: scope.path(name), name })
    agents.push(await startNode(scope, library, name))
  }
  await waitForContact(library, admin, counts.agents + 2)
  return { admin, endpoints, agents }
}

/** Any command makes the admin's home learn the endpoints, so that invites name them all. */
const knowEndpoints = async (library: Library, home: string, wanted: number): Promise<void> => {
  const admin = await library.createAdmin({ home })
  try {
    await until('both endpoints are known', async () => ((await admin.nodes()).filter(({ addresses }) => addresses.length > 0).length >= wanted ? true : undefined))
    await admin.submit({ target: { kind: 'all' }, payload: { kind: 'command', argv: ['true'] } })
  } finally {
    await admin.close()
  }
}

const waitForContact = async (library: Library, home: string, wanted: number): Promise<void> => {
  const admin = await library.createAdmin({ home })
  try {
    await until('every node has called', async () => ((await admin.nodes()).filter(({ lastContactAt }) => lastContactAt !== null).length >= wanted ? true : undefined))
    await delay(settleMs)
  } finally {
    await admin.close()
  }
}
