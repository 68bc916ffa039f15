/** Homes of endpoints with stores on disk, audited and changed behind their backs. */
import path from 'node:path'
import type { ExecutionContext } from 'ava'
import { audit, type AuditEvent, type AuditOptions } from '../../src/api/index.ts'
import { openGuarded } from '../../src/base/level-guard.ts'
import { withPrefix, type Change } from '../../src/base/key-value-store.ts'
import { keys } from '../../src/queue/queue-store.ts'
import { createHomeDirectories, homePaths, saveCharters, saveConfig, saveCredential, saveKey } from '../../src/trust/file-home.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { bytesOf, receipts, said, World, type Author } from '../queue/world.ts'
import type { Verified } from '../../src/record/record.ts'
import type { EntryBody } from '../../src/record/entry.ts'

/** The home of an endpoint that holds `entries`. */
export const homeOf = async (t: ExecutionContext, world: World, entries: readonly Verified<EntryBody>[], name = 'e1'): Promise<string> => {
  const home = path.join(await temporaryDirectory(t), name)
  const node = world.mesh.node('endpoint-1')
  const paths = createHomeDirectories(home, ['agent', 'executor'])
  saveKey(paths.peerKey, 'ed25519', node.peer.seed)
  saveCharters(paths, 'agent', world.mesh.chain)
  saveCredential(paths, 'agent', node.credential.bytes)
  saveConfig(paths, { kind: 'node', version: 1, mesh: world.mesh.mesh, meshName: 'lab', name: 'endpoint-1', endpoints: [], role: 'endpoint', listen: [] })
  const store = await openGuarded(paths.agentState)
  await (await world.queue({ store })).merge(bytesOf(...entries), 'test', { durable: true })
  await store.close()
  return home
}

/** Two orders, one that was cancelled, run on two nodes. */
export const fleet = () => {
  const world = new World()
  const [first, second] = [world.order({ name: 'first' }), world.order({ name: 'second' })]
  world.cancel(second.id)
  const nodes = ['web-1', 'web-2'].map((name) => {
    const agent = world.agent(name)
    agent.say(receipts(said(first.id, 'received'), said(second.id, 'received')))
    agent.say(receipts(world.statement(agent.node.executor, first.id, 'running')))
    agent.say(receipts(world.statement(agent.node.executor, first.id, name === 'web-1' ? 'succeeded' : 'failed')))
    return agent
  })
  const [web1, web2] = nodes
  if (web1 === undefined || web2 === undefined) throw new Error('two nodes')
  return { world, first, second, web1, web2, all: [...world.admin.entries, ...web1.entries, ...web2.entries] }
}

export const run = async (options: AuditOptions) => {
  const events: AuditEvent[] = []
  for await (const event of audit(options)) events.push(event)
  const orders = events.flatMap((event) => (event.kind === 'order' ? [event] : []))
  const findings = events.flatMap((event) => (event.kind === 'finding' ? [event.finding] : []))
  const summary = events.flatMap((event) => (event.kind === 'summary' ? [event.summary] : []))[0]
  if (summary === undefined) throw new Error('no summary')
  return { orders, findings, summary, damage: events.filter(({ kind }) => kind === 'damage') }
}

export const change = async (home: string, decide: (rows: ReadonlyMap<string, Uint8Array>) => readonly Change[]): Promise<void> => {
  const store = await openGuarded(homePaths(home).agentState)
  const rows = new Map<string, Uint8Array>()
  for await (const [key, value] of store.entries(withPrefix('q/'))) rows.set(key, value)
  await store.write(decide(rows), { durable: true })
  await store.close()
}

export const keyOf = (author: Author, sequence: number): string => keys.entry({ author: author.key, incarnation: author.incarnation }, sequence)

/** What is told of one order on one node. */
export const endsOf = (orders: Awaited<ReturnType<typeof run>>['orders'], author: Author, indication: string) =>
  orders.flatMap(({ order }) => (order.indication === indication ? order.runs.filter(({ agent }) => agent === author.key).map(({ fact }) => fact.state) : []))
