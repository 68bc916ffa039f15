/**
 * Reads the homes of nodes that have ended, with the library's own classes over LevelDB: queues, own logs, journals.
 * Changes nothing in them.
 */
import { LevelStore } from '../../src/base/level-store.ts'
import { silentLog } from '../../src/base/log.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { systemRandom } from '../../src/base/system-random.ts'
import { toBase32 } from '../../src/base/bytes.ts'
import { Journal } from '../../src/executor/journal.ts'
import { OwnLog } from '../../src/queue/own-log.ts'
import { Queue } from '../../src/queue/queue.ts'
import { hasEnded } from '../../src/queue/views.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { entryKind, type EntryBody } from '../../src/record/entry.ts'
import { loadCharters, loadCredential, loadSigner, openNodeHome, type Home } from '../../src/trust/file-home.ts'
import { statementKind } from '../../src/record/statement.ts'
import type { Incarnation, KeyId } from '../../src/base/brand.ts'
import type { KeyValueStore } from '../../src/base/key-value-store.ts'
import type { NodeConfig } from '../../src/trust/home-config.ts'
import type { Sealed } from '../../src/record/record.ts'
import { ordersName } from './effects.ts'
import type { EndpointEvidence, NodeEvidence, OrderEvidence } from './proof.ts'

const everything = { countMax: Number.MAX_SAFE_INTEGER, sizeBytesMax: Number.MAX_SAFE_INTEGER }

/** What the queues of an endpoint's home hold. */
export const readEndpoint = async (directory: string, name: string): Promise<EndpointEvidence> => {
  const home = openNodeHome(directory)
  const chain = loadCharters(home, 'agent')
  const store = await LevelStore.open(home.paths.agentState)
  try {
    const queue = await Queue.open({ store, chain: () => chain, clock: systemClock, random: systemRandom, log: silentLog }, { retention: home.config.retention })
    const authors = [...queue.nodes().map(({ key }) => key), ...chain.current.admins.map(({ key }) => key)]
    const [entries, statements, forks] = [new Set<string>(), new Set<string>(), [] as string[]]
    for (const { author, incarnation, head, frozenAt } of (await Promise.all(authors.map((author) => queue.headsOf(author)))).flat()) {
      if (frozenAt !== null) forks.push(`${author}/${incarnation}`)
      for (const entry of await readLog(queue, author, incarnation, head.sequence)) {
        entries.add(entry.id)
        for (const statement of statementsOf(entry)) statements.add(statement)
      }
    }
    return { name, digest: toBase32(queue.digest()), orders: await readOrders(queue), entries, statements, forks }
  } finally {
    await store.close()
  }
}

const readLog = async (queue: Queue, author: KeyId, incarnation: Incarnation, upTo: number): Promise<Sealed<EntryBody>[]> =>
  (await queue.entriesOfLog(author, incarnation, 1, everything)).map(openEntry).filter(({ body }) => body.sequence <= upTo)

const openEntry = (bytes: Uint8Array): Sealed<EntryBody> => {
  const entry = decodeRecord(entryKind, bytes)
  if (!entry.ok) throw new Error(`an entry that was stored cannot be read: ${entry.detail}`)
  return entry.value
}

const statementsOf = ({ body: { content } }: Sealed<EntryBody>): string[] =>
  content.kind !== 'receipts' ? [] : content.receipts.flatMap((receipt) => (receipt.kind === 'executor' ? [idOfStatement(receipt.statement)] : []))

const idOfStatement = (bytes: Uint8Array): string => openStatement(bytes).id

const openStatement = (bytes: Uint8Array) => {
  const statement = decodeRecord(statementKind, bytes)
  if (!statement.ok) throw new Error(`a statement that was stored cannot be read: ${statement.detail}`)
  return statement.value
}

/** Those of the suite: the one that forms the mesh leaves no lines. */
const readOrders = async (queue: Queue): Promise<OrderEvidence[]> => {
  const orders: OrderEvidence[] = []
  for (const { indication, name } of await queue.orders({ limit: Number.MAX_SAFE_INTEGER })) {
    if (!name.startsWith(ordersName)) continue
    const rows = (await queue.rowsOf(indication)).map(({ agentName, state, code }) => ({ node: agentName, state, code }))
    orders.push({ indication, name, isIdempotent: (await queue.indication(indication))?.body.idempotent === true, rows })
  }
  return orders
}

/** `indications` are the orders that the journal is asked for. */
export const readNode = async (directory: string, name: string, indications: Iterable<string>): Promise<NodeEvidence> => {
  const home = openNodeHome(directory)
  const ownEntries = await withStore(home.paths.agentState, (store) => readOwnEntries(home, store))
  return withStore(home.paths.journal, async (store) => {
    const journal = await Journal.open(store)
    const outcomes: { statement: string; indication: string; state: NodeEvidence['outcomes'][number]['state'] }[] = []
    for (const indication of indications) {
      const finished = await store.get(`finished/${indication}`)
      if (finished === undefined) continue
      const { id, body } = openStatement(finished)
      outcomes.push({ statement: id, indication, state: body.state })
    }
    return { name, ownEntries, outcomes, unkept: journal.unkept().length, active: (await journal.active()).map(({ id }) => id) }
  })
}

const readOwnEntries = async (home: Home<NodeConfig>, store: KeyValueStore): Promise<NodeEvidence['ownEntries']> => {
  const chain = loadCharters(home, 'agent')
  const signer = loadSigner(home.paths.peerKey)
  const { credential } = loadCredential(home, 'agent', chain)
  const log = await OwnLog.open({ store, signer, mesh: chain.mesh, random: systemRandom, clock: systemClock, first: { kind: 'credential', credential: credential.bytes } })
  // Nobody who has acknowledged nothing lacks everything.
  const nobody = credential.body.executor
  return (await log.unacknowledgedFor(nobody, Number.MAX_SAFE_INTEGER)).map(openEntry).map((entry) => ({ id: entry.id, ...describeEntry(entry) }))
}

/** Where an entry stands, what it says, and whether that is the end of an order. */
const describeEntry = ({ body: { incarnation, sequence, content } }: Sealed<EntryBody>): { place: string; hasOutcome: boolean } => {
  const said = content.kind === 'receipts' ? content.receipts.map((receipt) => (receipt.kind === 'agent' ? receipt.state : openStatement(receipt.statement).body.state)) : [content.kind]
  return { place: `${incarnation.slice(0, 6)}/${sequence} (${said.join('+')})`, hasOutcome: content.kind === 'receipts' && content.receipts.some((receipt) => hasEnded(receipt.kind === 'agent' ? receipt.state : openStatement(receipt.statement).body.state)) }
}

const withStore = async <T>(directory: string, read: (store: KeyValueStore) => Promise<T>): Promise<T> => {
  const store = await LevelStore.open(directory)
  try {
    return await read(store)
  } finally {
    await store.close()
  }
}
