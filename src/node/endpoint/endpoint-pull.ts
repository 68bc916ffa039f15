/** The endpoint's side of `/writ/pull/1`. */
import { decodeShape } from '../../base/schema.ts'
import { encodeCbor } from '../../base/codec.ts'
import { WritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { openIndication } from '../../trust/order.ts'
import { chartersAfter, knownVersions } from '../../trust/charter-chain.ts'
import { faultOfAuthor } from '../../queue/misconduct.ts'
import { pullRequestSchema, type PullAnswer, type PullRequest } from '../protocol/pull.ts'
import type { Charters } from '../charters.ts'
import type { Clock } from '../../base/clock.ts'
import type { Content } from '../../content/content.ts'
import type { IndicationId, KeyId } from '../../base/brand.ts'
import type { Directory } from './directory.ts'
import type { LogState } from '../../queue/log-plan.ts'
import type { Network } from '../network/network.ts'
import type { Queue } from '../../queue/queue.ts'

export interface PullDeps {
  readonly queue: Queue
  readonly content: Content
  readonly charters: Charters
  readonly directory: Directory
  readonly network: Pick<Network, 'blame'>
  readonly clock: Clock
  /** Tells the other endpoints what an agent has brought; sync tells them too, later. */
  readonly relay: (entry: Uint8Array) => void
}

/** Errors: `malformed`, `oversized`. */
export const answerPull = async (deps: PullDeps, agent: KeyId, message: Uint8Array): Promise<Uint8Array> => {
  const decoded = decodeShape(pullRequestSchema, message, limits.network.messageBytesMax)
  if (!decoded.ok) throw new WritError(decoded.code, decoded.detail)
  const request = decoded.value
  if (request.entries.length > 0) await mergeBrought(deps, agent, request.entries)
  await deps.queue.notePresence(request.presence, deps.clock.now())
  const lives = knownLivesOf(await deps.queue.headsOf(agent))
  const history = await readHistory(deps, agent, request.wanted)
  // What gossip brought is not on disk yet, and an agent drops what is acknowledged.
  await deps.queue.makeDurable()
  await deps.queue.lookAtClock()
  const { endpoints, neighbours } = deps.directory.page()
  const answer: PullAnswer = {
    charters: chartersAfter(deps.charters.chain, knownVersions(deps.charters.chain, request), limits.sync.chartersBytesMax),
    acknowledged: lives,
    history,
    endpoints,
    neighbours: neighbours.choose(agent),
    work: await gatherWork(deps, agent, new Set(request.have))
  }
  return encodeCbor(answer)
}

const mergeBrought = async (deps: PullDeps, agent: KeyId, entries: readonly Uint8Array[]): Promise<void> => {
  const report = await deps.queue.merge(entries, agent, { durable: true })
  const fault = faultOfAuthor(report)
  if (fault !== undefined) deps.network.blame(agent, fault.code, fault.detail)
  if (report.accepted.length <= limits.gossip.relayedMax) for (const { bytes } of report.accepted) deps.relay(bytes)
}

/** What an author is told of its own log. */
export const knownLivesOf = (lives: readonly LogState[]): PullAnswer['acknowledged'] =>
  lives.slice(-limits.pull.livesMax).map(({ incarnation, head, frozenAt }) => ({ incarnation, sequence: head.sequence, id: head.id, frozenAt }))

const readHistory = async ({ queue }: PullDeps, agent: KeyId, wanted: PullRequest['wanted']): Promise<Uint8Array[]> =>
  wanted === null ? [] : queue.entriesOfLog(agent, wanted.incarnation, wanted.from, { sizeBytesMax: limits.pull.entriesBytesMax, countMax: limits.sync.entriesMax })

const gatherWork = async (deps: PullDeps, agent: KeyId, have: ReadonlySet<IndicationId>): Promise<PullAnswer['work']> => {
  const { orders, more } = deps.queue.notAttempted(agent, deps.clock.now(), have, { countMax: limits.pull.ordersMax, sizeBytesMax: limits.pull.ordersBytesMax })
  const controls = deps.queue.controlsForHave(have)
  if (orders.length === 0 && controls.length === 0) return { kind: 'nothing' }
  const bundles = []
  for (const { indication, controls: own } of orders) {
    const opened = openIndication(indication)
    bundles.push({ indication, controls: [...own], payload: opened.ok ? await deps.content.readInline(opened.value.body.payload) : null })
  }
  return { kind: 'orders', bundles, controls: [...controls], more }
}
