/**
 * What a fork takes back. Entries below the lowest conflict count and no others, whatever arrived first: so what was
 * folded from entries above it is folded anew without them. Rare, and bounded by the author's own logs.
 */
import { mergeFacts, type Told } from './fold.ts'
import { decodeEntry, openHeldEntry, type OpenedEntry } from './intake.ts'
import { logIdOf } from './log.ts'
import { gatherEntry, noFacts, type Gathered } from './gathering.ts'
import type { LogWork } from './log-plan.ts'
import { keys, ranges } from './queue-store.ts'
import type { CheckSignature } from '../record/keys.ts'
import type { IndicationId, KeyId, RecordId } from '../base/brand.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import type { Membership } from '../trust/admission.ts'
import type { LogTable } from './log-table.ts'
import type { RefoldedCell } from './order-table.ts'

export interface Withdrawal {
  /** Cells as they are without what was taken back, by their keys. */
  readonly cells: Map<string, RefoldedCell>
  readonly indications: Set<RecordId>
  readonly controls: { readonly id: RecordId; readonly indication: IndicationId }[]
  /** All that still counts of the credentials of each author of whom something was taken back. */
  readonly memberships: Map<KeyId, readonly Membership[]>
}

export interface WithdrawalDeps {
  readonly store: KeyValueStore
  readonly logs: LogTable
  readonly checkSignature: CheckSignature
}

/** `gathered` is what the same merge adds: it stands in no store yet. */
export const planWithdrawal = async (
  deps: WithdrawalDeps,
  chain: CharterChain,
  work: readonly LogWork[],
  gathered: Gathered
): Promise<Withdrawal> => {
  const withdrawal: Withdrawal = { cells: new Map(), indications: new Set(), controls: [], memberships: new Map() }
  const shortened = work.filter(({ before, plan, relaid }) => before !== undefined && plan.state !== undefined && cutOf({ plan, relaid }) < before.head.sequence)
  for (const author of new Set(shortened.map(({ name }) => name.author))) {
    const { counting, lost } = await readLogs(deps, chain, author, work)
    withdrawal.memberships.set(author, counting.memberships)
    withdrawCells(withdrawal, author, { counting, lost })
    withdrawOrders(withdrawal, lost, new Set([...counting.indications, ...gathered.indications, ...counting.controls, ...gathered.controls].map(({ id }) => id)))
  }
  return withdrawal
}

/** Up to here the log counts as it is stored. Where it was laid anew, all above is among what the merge adds. */
const cutOf = ({ plan, relaid }: Pick<LogWork, 'plan' | 'relaid'>): number => Math.min(plan.state?.head.sequence ?? 0, relaid === null ? Infinity : relaid.from - 1)

/** All stored entries of an author: what counts now, and the entries that counted until now. */
const readLogs = async (
  { store, logs, checkSignature }: WithdrawalDeps,
  chain: CharterChain,
  author: KeyId,
  work: readonly LogWork[]
): Promise<{ counting: Gathered; lost: OpenedEntry[] }> => {
  const planned = new Map(work.map(({ name, plan, relaid }) => [logIdOf(name), cutOf({ plan, relaid })]))
  const states = new Map((await logs.statesOf(author)).map((state) => [logIdOf(state), state]))
  const counting = noFacts()
  const lost: OpenedEntry[] = []
  const executors = new Map<string, KeyId | null>()
  for await (const [key, bytes] of store.entries(ranges.entriesOf(author))) {
    const decoded = decodeEntry(chain.mesh, bytes)
    if (!decoded.ok || key !== keys.entry(decoded.value.body, decoded.value.body.sequence)) continue
    const id = logIdOf(decoded.value.body)
    const state = states.get(id)
    const { sequence } = decoded.value.body
    if (state === undefined || sequence > state.head.sequence) continue
    const opened = await openHeldEntry({ chain, checkSignature }, decoded.value)
    const { content } = opened
    if ((content.kind === 'credential' || content.kind === 'checkpoint') && content.membership?.ok === true) executors.set(id, content.membership.value.credential.body.executor)
    if (sequence > (planned.get(id) ?? state.head.sequence)) lost.push(opened)
    else gatherEntry({ opened, executor: executors.get(id) ?? null }, state.kind, counting)
  }
  return { counting, lost }
}

const withdrawCells = (withdrawal: Withdrawal, agent: KeyId, { counting, lost }: { counting: Gathered; lost: readonly OpenedEntry[] }): void => {
  for (const indication of lost.flatMap(indicationsOf)) withdrawal.cells.set(keys.cell(indication, agent), { agent, indication, cell: undefined })
  const refold = ({ indication, fact }: Told): void => {
    const key = keys.cell(indication, agent)
    const known = withdrawal.cells.get(key)
    if (known !== undefined) withdrawal.cells.set(key, { ...known, cell: mergeFacts(known.cell, fact) })
  }
  for (const told of counting.facts) refold(told)
}

const indicationsOf = ({ content }: OpenedEntry): IndicationId[] =>
  content.kind !== 'receipts' ? [] : content.receipts.map((receipt) => (receipt.kind === 'agent' ? receipt.receipt.indication : receipt.statement.body.indication))

const withdrawOrders = (withdrawal: Withdrawal, lost: readonly OpenedEntry[], counting: ReadonlySet<RecordId>): void => {
  for (const { content } of lost) {
    if (content.kind === 'indication' && !counting.has(content.indication.id)) withdrawal.indications.add(content.indication.id)
    if (content.kind === 'control' && !counting.has(content.control.id)) withdrawal.controls.push({ id: content.control.id, indication: content.control.body.indication })
  }
}
