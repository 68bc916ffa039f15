/**
 * What the queues may say of an order on an agent in the end, judged by what really happened there. Where nothing went
 * wrong on the agent it is what the command comes to, and nothing else.
 */
import { hasEnded, type QueueRow, type State } from '../src/queue/views.ts'
import type { Deed, GivenOrder, Ledger } from './ledger.ts'
import type { KeyId } from '../src/base/brand.ts'

/** The order of the fold among executors' outcomes, told apart from its code. */
const ranks: Partial<Record<State, number>> = { rejected: 1, expired: 1, cancelled: 1, skipped: 1, interrupted: 2, succeeded: 3, failed: 4 }

const rankOf = (state: State): number => ranks[state] ?? 0

/** What is wrong with a row, in words; undefined for one that is right. */
export const judgeRow = (ledger: Ledger, order: GivenOrder, agent: KeyId, row: QueueRow | undefined): string | undefined => {
  if (row === undefined) return 'no endpoint knows of it'
  if (!hasEnded(row.state)) return `still ${row.state}`
  const deed = ledger.deed(agent, order.indication)
  const said = `${row.state} (${row.code ?? 'no code'}), started ${deed.starts} times`
  const lie = findLie(row.state, deed, ledger.isForgetful(agent))
  if (lie !== undefined) return `${said}: ${lie}`
  const outcomes = deed.statements.filter(({ state }) => state !== 'running')
  const kept = outcomes.filter((outcome) => !ledger.isTakenBack(agent, outcome))
  const highest = Math.max(0, ...kept.map(({ state }) => rankOf(state)))
  if (rankOf(row.state) < highest) return `${said}: its executor said ${kept.map(({ state }) => state).join(', ')}`
  // Nobody knows of a start that a lost journal alone told of: what endpoints make of the order by themselves stands.
  if (kept.length === 0 && ledger.isForgetful(agent) && (row.state === 'cancelled' || row.state === 'expired')) return undefined
  if (deed.starts > 0 && !outcomes.some(({ state }) => state === row.state)) return `${said}: its executor never said so`
  return isFitting(ledger, order, agent, { state: row.state, code: row.code, deed }) ? undefined : `${said}, and should have ended as ${order.result}`
}

const findLie = (state: State, { starts, ends, statements }: Deed, isForgetful: boolean): string | undefined => {
  const hasEndedBy = (isSo: (end: Deed['ends'][number]) => boolean): boolean => ends.some(isSo)
  if (state === 'succeeded' && !hasEndedBy(({ exitCode }) => exitCode === 0)) return 'no process ended well'
  if (state === 'failed' && !hasEndedBy(({ exitCode, signal }) => signal !== null || exitCode !== 0)) return 'no process failed'
  // "Started" is written down before anything is: a crash in between leaves the word without the deed.
  // Nor can a lost journal tell what was never started.
  if (state === 'interrupted' && !isForgetful && !statements.some((statement) => statement.state === 'running')) return 'nothing was there to be interrupted'
  if ((state === 'expired' || state === 'rejected') && starts > 0) return 'it ran'
  return undefined
}

const isFitting = (ledger: Ledger, { result }: GivenOrder, agent: KeyId, { state, code, deed }: { readonly state: State; readonly code: string | null; readonly deed: Deed }): boolean => {
  if (state === result) return true
  if (state === 'interrupted') return ledger.isDisturbed(agent)
  // It was handed over in time after all: whoever starts it late is found out when it starts. Or it was, and its payload was not to be had in time.
  if (result === 'expired') return (deed.starts > 0 && state === 'succeeded') || (state === 'rejected' && code === 'payload-unavailable')
  // By a clock that was far ahead its time was up.
  return ledger.isClockWrong(agent) && (state === 'expired' || (state === 'failed' && deed.ends.some(({ signal }) => signal !== null)))
}
