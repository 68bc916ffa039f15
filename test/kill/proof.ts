/**
 * Judges what was found when everything had come to rest: what ran, what the executors wrote down, what the endpoints
 * hold. Pure: evidence goes in, one sentence for each violation comes out.
 */
import { hasEnded, type State } from '../../src/queue/views.ts'
import type { Effect } from './effects.ts'

export interface OrderEvidence {
  readonly indication: string
  readonly name: string
  readonly isIdempotent: boolean
  readonly rows: readonly { readonly node: string; readonly state: State; readonly code: string | null }[]
}

/** What one endpoint holds. */
export interface EndpointEvidence {
  readonly name: string
  readonly digest: string
  readonly orders: readonly OrderEvidence[]
  /** Ids of the entries that count. */
  readonly entries: ReadonlySet<string>
  /** Ids of the executors' statements in them. */
  readonly statements: ReadonlySet<string>
  /** Logs of which two entries with one number are known. */
  readonly forks: readonly string[]
}

/** What one node's own home holds. */
export interface NodeEvidence {
  readonly name: string
  readonly outcomes: readonly { readonly statement: string; readonly indication: string; readonly state: State }[]
  /** Statements that the agent has not kept. */
  readonly unkept: number
  /** Orders without an outcome. */
  readonly active: readonly string[]
  /** Entries of its own log, of all lives. */
  readonly ownEntries: readonly { readonly id: string; readonly place: string; readonly hasOutcome: boolean }[]
}

export interface Evidence {
  readonly effects: readonly Effect[]
  readonly endpoints: readonly EndpointEvidence[]
  readonly nodes: readonly NodeEvidence[]
}

export interface Bounds {
  /** How often an idempotent order is started at most. */
  readonly attemptsMax: number
  /** Whether an order of that name may fail or be rejected on that node: its disk was full. */
  readonly mayFail: (order: string, node: string) => boolean
}

export const findViolations = (evidence: Evidence, bounds: Bounds): string[] => [
  // The rows of one; that the others show the same is judged apart.
  ...evidence.endpoints.slice(0, 1).flatMap((endpoint) => judgeRows(evidence, endpoint, bounds)),
  ...evidence.endpoints.flatMap(({ name, forks }) => forks.map((fork) => `${name} knows a fork of the log ${fork}`)),
  ...judgeAgreement(evidence.endpoints),
  ...judgeStarts(evidence, bounds),
  ...evidence.nodes.flatMap((node) => judgeNode(evidence, node))
]

const judgeAgreement = ([first, ...others]: readonly EndpointEvidence[]): string[] => {
  if (first === undefined) return ['there is no endpoint']
  return others.flatMap((other) => {
    const differing = listDifferences(first, other)
    return [
      ...(first.digest === other.digest ? [] : [`${first.name} and ${other.name} differ in their digests (entries: ${first.entries.size} and ${other.entries.size})`]),
      ...(differing.length === 0 ? [] : [`${first.name} and ${other.name} differ in their rows: ${shorten(differing)}`])
    ]
  })
}

const listDifferences = (left: EndpointEvidence, right: EndpointEvidence): string[] => {
  const [ours, theirs] = [left, right].map(({ orders }) => new Map(orders.map((order) => [order.indication, JSON.stringify(order)])))
  return [...new Set([...(ours?.keys() ?? []), ...(theirs?.keys() ?? [])])].filter((indication) => ours?.get(indication) !== theirs?.get(indication))
}

/** No order may be started more often than it allows, anywhere; none that nobody gave. */
const judgeStarts = ({ effects, endpoints }: Evidence, { attemptsMax }: Bounds): string[] => {
  const orders = new Map(endpoints.flatMap(({ orders }) => orders.map((order) => [order.indication, order] as const)))
  return effects.flatMap(({ indication, node, starts }) => {
    const order = orders.get(indication)
    if (order === undefined) return [`${node} ran ${indication}, which no endpoint knows`]
    const most = order.isIdempotent ? attemptsMax : 1
    const what = `${order.name} ${indication}`
    if (!order.rows.some((row) => row.node === node)) return [`${node} ran ${what}, which was not for it`]
    return starts <= most ? [] : [`${node} started ${what} ${starts} times, ${most} allowed`]
  })
}

const judgeRows = (evidence: Evidence, { name, orders }: EndpointEvidence, bounds: Bounds): string[] => {
  const effects = new Map(evidence.effects.map((effect) => [`${effect.indication} ${effect.node}`, effect]))
  return orders.flatMap((order) =>
    order.rows.flatMap(({ node, state, code }) => {
      const { starts = 0, ends = 0 } = effects.get(`${order.indication} ${node}`) ?? {}
      const problem = judgeRow({ state, starts, ends, mayFail: bounds.mayFail(order.name, node) })
      return problem === undefined ? [] : [`${name} says that ${order.name} ${order.indication} is ${state}${code === null ? '' : ` (${code})`} on ${node}: ${problem}`]
    })
  )
}

interface Judged {
  readonly state: State
  readonly starts: number
  readonly ends: number
  readonly mayFail: boolean
}

/** How a state may look from outside: what the order has left behind. How often it may have started is judged apart. */
const judgeRow = ({ state, starts, ends, mayFail }: Judged): string | undefined => {
  if (!hasEnded(state)) return 'it has not ended'
  switch (state) {
    case 'succeeded': return starts === 0 || ends === 0 ? `it started ${starts} times and ended ${ends} times` : undefined
    case 'interrupted': case 'cancelled': return undefined
    case 'failed': return mayFail ? undefined : 'nothing could make it fail'
    case 'rejected': return starts > 0 ? `it ran, ${starts} times` : mayFail ? undefined : 'nothing was wrong with it'
    default: return starts > 0 ? `it ran, ${starts} times` : 'nothing could bring that about'
  }
}

/** What a node wrote down has arrived everywhere, and it owes nothing. */
const judgeNode = ({ endpoints }: Evidence, node: NodeEvidence): string[] => [
  ...(node.unkept === 0 ? [] : [`the executor of ${node.name} has ${node.unkept} statements that its agent never kept`]),
  ...node.active.map((indication) => `the executor of ${node.name} holds ${indication} without an outcome`),
  ...endpoints.flatMap((endpoint) => {
    const outcomes = node.outcomes.filter(({ statement }) => !endpoint.statements.has(statement)).map(({ indication, state }) => `${indication} ${state}`)
    // Rest is when all orders have ended: what is said on the way of one whose end is known already may come after.
    const owed = node.ownEntries.slice(0, 1 + node.ownEntries.findLastIndex(({ id, hasOutcome }) => hasOutcome || endpoint.entries.has(id)))
    const entries = owed.filter(({ id }) => !endpoint.entries.has(id)).map(({ place }) => place)
    return [
      ...(outcomes.length === 0 ? [] : [`${endpoint.name} lacks outcomes that the executor of ${node.name} wrote down: ${shorten(outcomes)}`]),
      ...(entries.length === 0 ? [] : [`${endpoint.name} lacks entries of the log of ${node.name}: ${shorten(entries)}`])
    ]
  })
]

const shownMax = 3

const shorten = (items: readonly string[]): string => `${items.slice(0, shownMax).join(', ')}${items.length > shownMax ? ` and ${items.length - shownMax} more` : ''}`
