/** The endpoint's side of `/writ/query/1`. */
import { decodeShape } from '../../base/schema.ts'
import { encodeCbor } from '../../base/codec.ts'
import { WritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { chartersAfter } from '../../trust/charter-chain.ts'
import { hasEnded, type QueueRow, type State } from '../../queue/views.ts'
import { endpointAddresses } from './endpoint-addresses.ts'
import { queryRequestSchema, type ForkRow, type QueryPage, type QueryRequest } from '../protocol/query.ts'
import type { Charters } from '../charters.ts'
import type { Clock, Timers } from '../../base/clock.ts'
import type { IndicationId, KeyId, Millis } from '../../base/brand.ts'
import type { Queue } from '../../queue/queue.ts'

export interface QueryDeps {
  readonly queue: Queue
  readonly charters: Charters
  readonly clock: Clock
  readonly timers: Timers
}

/** Pages of one answer. Errors: `malformed`, `oversized`, `unknown-indication`, `ambiguous-indication`. */
export async function* answerQuery(deps: QueryDeps, message: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const decoded = decodeShape(queryRequestSchema, message, limits.network.messageBytesMax)
  if (!decoded.ok) throw new WritError(decoded.code, decoded.detail)
  for await (const page of answerPages(deps, decoded.value, signal)) yield encodeCbor(page)
}

async function* answerPages(deps: QueryDeps, request: QueryRequest, signal: AbortSignal): AsyncIterable<QueryPage> {
  const { queue } = deps
  switch (request.kind) {
    case 'nodes':
      for (const nodes of inPages(queue.nodes())) yield { kind: 'nodes', nodes: nodes.map((node) => ({ ...node, addresses: [...node.addresses] })) }
      return
    case 'endpoints':
      yield { kind: 'endpoints', endpoints: endpointAddresses(queue.profiles()), charters: chartersAfter(deps.charters.chain, 0, limits.sync.chartersBytesMax) }
      return
    case 'orders':
      for (const orders of inPages(await queue.orders({ sinceMs: request.since, limit: limits.query.rowsMax }))) yield { kind: 'orders', orders }
      return
    case 'queue':
      for (const rows of inPages(await gatherQueue(queue, request.agent, request.status))) yield { kind: 'queue', rows }
      return
    case 'forks':
      for (const forks of inPages(await gatherForks(deps))) yield { kind: 'forks', forks }
      return
    case 'order': {
      const found = await queue.findOrder(request.prefix)
      if (!found.ok) throw new WritError(found.code, found.detail)
      yield* request.follow ? followOrder(deps, found.value.indication, signal) : viewOrder(deps, found.value.indication, () => true)
    }
  }
}

const gatherQueue = async (queue: Queue, agent: KeyId | null, status: State | null): Promise<QueueRow[]> => {
  if (agent !== null) return queue.queueOf(agent, status === null ? {} : { status })
  const rows: QueueRow[] = []
  for (const { indication } of await queue.orders()) {
    for (const row of await queue.rowsOf(indication)) if (status === null || row.state === status) rows.push(row)
    if (rows.length >= limits.query.rowsMax) break
  }
  return rows.slice(0, limits.query.rowsMax)
}

const gatherForks = async ({ queue, charters }: QueryDeps): Promise<ForkRow[]> => {
  const admins = new Map(charters.chain.versions.flatMap(({ body }) => body.admins.map(({ key, name }) => [key, name])))
  // Whoever's log was frozen at its very beginning is known by nothing but a key.
  const nameOf = (key: KeyId): string => queue.node(key)?.name ?? admins.get(key) ?? key
  const forks = (await queue.forks()).slice(0, limits.query.rowsMax)
  return forks.map(({ branches, thaw, ...fork }) => ({
    ...fork,
    authorName: nameOf(fork.author),
    branches: branches.slice(0, limits.query.branchesMax),
    thaw: thaw === null ? null : { ...thaw, adminName: nameOf(thaw.admin) }
  }))
}

async function* viewOrder(deps: QueryDeps, indication: IndicationId, isWanted: (row: QueueRow) => boolean): AsyncGenerator<QueryPage, readonly QueueRow[]> {
  // Rows before counts: entries may be merged in between, and the last view must not count less than its rows say.
  const rows = await deps.queue.rowsOf(indication)
  const order = await deps.queue.order(indication)
  if (order === undefined) throw new WritError('unknown-indication', `the order ${indication} is not known here`)
  const pages = inPages(rows.filter(isWanted))
  for (const [index, page] of pages.entries()) yield { kind: 'order', order, rows: page, last: index === pages.length - 1 }
  return rows
}

async function* followOrder(deps: QueryDeps, indication: IndicationId, signal: AbortSignal): AsyncGenerator<QueryPage> {
  const shown = new Map<string, string>()
  const isNews = (row: QueueRow): boolean => {
    const mark = `${row.state}/${row.at}`
    if (shown.get(row.agent) === mark) return false
    shown.set(row.agent, mark)
    return true
  }
  const change = watchChanges(deps, indication, signal)
  try {
    while (!signal.aborted) {
      const rows = yield* viewOrder(deps, indication, isNews)
      if (rows.every(({ state }) => hasEnded(state))) return
      await change.next(settleMsOf(rows.length))
    }
  } finally {
    change.stop()
  }
}

/** A look costs as much as the order has rows: of a large one a change is shown a little later, so that looking is no endpoint's main work. */
const settleMsOf = (rows: number): Millis => Math.max(limits.follow.settleMs, Math.ceil(rows / limits.follow.rowsPerMs))

/** Resolves a little after a change of the order, or at its expiry, which changes its view without an entry. */
const watchChanges = (deps: QueryDeps, indication: IndicationId, signal: AbortSignal): { next(settleMs: Millis): Promise<void>; stop(): void } => {
  let changed = false
  let wake: (() => void) | undefined
  const note = (): void => {
    changed = true
    wake?.()
  }
  const stopListening = deps.queue.onChange((report) => {
    if (report.changed.some((cell) => cell.indication === indication)) note()
  })
  signal.addEventListener('abort', note)
  const waitForChange = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = deps.timers.after(limits.follow.refreshMs, resolve)
      wake = () => { cancel(); resolve() }
    })
  return {
    async next(settleMs) {
      if (!changed) await waitForChange()
      wake = undefined
      changed = false
      if (!signal.aborted) await new Promise<void>((resolve) => deps.timers.after(settleMs, resolve))
      changed = false
    },
    stop() {
      stopListening()
      signal.removeEventListener('abort', note)
    }
  }
}

/** Never empty: an answer without rows is one empty page. Rows may hold two output heads each. */
const inPages = <T>(rows: readonly T[]): T[][] => {
  const pages: T[][] = []
  for (let start = 0; start < rows.length || start === 0; start += limits.follow.rowsPerPageMax) pages.push(rows.slice(start, start + limits.follow.rowsPerPageMax))
  return pages
}
