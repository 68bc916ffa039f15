import test from 'ava'
import { judgeRow } from '../../simulations/expectations.ts'
import { Ledger, type GivenOrder, type JobEnd } from '../../simulations/ledger.ts'
import type { IndicationId, KeyId, RecordId } from '../../src/base/brand.ts'
import type { QueueRow, State } from '../../src/queue/views.ts'
import type { StatementBody } from '../../src/record/statement.ts'

const agent = 'agent' as KeyId
const orderWith = (result: State): GivenOrder => ({
  indication: 'order' as IndicationId, bytes: new Uint8Array(), name: 'order', targets: new Set([agent]), expiresAt: 100, result, attemptsMax: 1, isPromised: true, entry: null, heldBy: new Set()
})

interface Past {
  readonly starts?: number
  readonly ends?: readonly JobEnd[]
  readonly said?: readonly StatementBody['state'][]
  readonly disturbed?: boolean
  readonly clock?: boolean
  /** Its disks were put back after all this. */
  readonly restored?: boolean
}

const ledgerOf = (order: GivenOrder, { starts = 0, ends = [], said = [], disturbed = false, clock = false, restored = false }: Past): Ledger => {
  let now = 10
  const ledger = new Ledger({ now: () => now })
  ledger.noteOrder(order)
  for (let index = 0; index < starts; index += 1) ledger.noteStart({ key: agent, name: 'agent', now }, order.indication)
  for (const end of ends) ledger.noteEnd(agent, order.indication, end)
  for (const [index, state] of said.entries()) ledger.noteStatement(agent, { id: `${index}` as RecordId, body: { indication: order.indication, state } as StatementBody })
  if (disturbed) ledger.noteDisturbance(agent)
  if (clock) ledger.noteClock(agent)
  now = 20
  if (restored) ledger.noteRestore(agent, 5)
  return ledger
}

const judge = (result: State, state: State | undefined, past: Past, code: string | null = null): string | undefined => {
  const order = orderWith(result)
  return judgeRow(ledgerOf(order, past), order, agent, state === undefined ? undefined : ({ state, code } as QueueRow))
}

const well: JobEnd = { exitCode: 0, signal: null }
const badly: JobEnd = { exitCode: 1, signal: null }
const killed: JobEnd = { exitCode: null, signal: 'SIGKILL' }

const isRight = test.macro({
  exec: (t, result: State, state: State, past: Past) => t.is(judge(result, state, past), undefined),
  title: (name = '') => `right: ${name}`
})
test('what ran well and was said to', isRight, 'succeeded', 'succeeded', { starts: 1, ends: [well], said: ['running', 'succeeded'] })
test('what failed and should', isRight, 'failed', 'failed', { starts: 1, ends: [badly], said: ['running', 'failed'] })
test('what was interrupted by a crash', isRight, 'succeeded', 'interrupted', { starts: 1, ends: [killed], said: ['running', 'interrupted'], disturbed: true })
test('what a crash kept from being spawned', isRight, 'succeeded', 'interrupted', { said: ['running', 'interrupted'], disturbed: true })
test('what nobody started in time', isRight, 'expired', 'expired', {})
test('what was started just in time after all', isRight, 'expired', 'succeeded', { starts: 1, ends: [well], said: ['running', 'succeeded'] })
test('what expired by a clock far ahead', isRight, 'succeeded', 'expired', { said: ['expired'], clock: true })
test('what was said between a copy and its return, and is lost', isRight, 'succeeded', 'interrupted', { starts: 2, ends: [killed, well], said: ['running', 'interrupted', 'running', 'succeeded'], restored: true })

test('right: an order whose payload was not to be had before it expired', (t) => {
  t.is(judge('expired', 'rejected', { said: ['rejected'] }, 'payload-unavailable'), undefined)
  t.regex(judge('expired', 'rejected', { said: ['rejected'] }, 'bad-payload') ?? '', /should have ended as expired/)
})

const isWrong = test.macro({
  exec: (t, result: State, state: State | undefined, past: Past, why: RegExp) => t.regex(judge(result, state, past) ?? '', why),
  title: (name = '') => `wrong: ${name}`
})
test('no row at all', isWrong, 'succeeded', undefined, {}, /no endpoint knows/)
test('no end', isWrong, 'succeeded', 'running', { starts: 1 }, /still running/)
test('success without a process that ended well', isWrong, 'succeeded', 'succeeded', { starts: 1, ends: [badly], said: ['running', 'succeeded'] }, /no process ended well/)
test('failure without a process that failed', isWrong, 'failed', 'failed', { starts: 1, ends: [well], said: ['running', 'failed'] }, /no process failed/)
test('an interruption of nothing', isWrong, 'succeeded', 'interrupted', { said: ['interrupted'], disturbed: true }, /nothing was there/)
test('an interruption where nothing ended', isWrong, 'succeeded', 'interrupted', { starts: 1, ends: [killed], said: ['running', 'interrupted'] }, /should have ended as succeeded/)
test('expired although it ran', isWrong, 'expired', 'expired', { starts: 1, ends: [well], said: ['running', 'succeeded'] }, /it ran/)
test('expired for no reason', isWrong, 'succeeded', 'expired', { said: ['expired'] }, /should have ended as succeeded/)
test('less than the executor said', isWrong, 'succeeded', 'interrupted', { starts: 1, ends: [well], said: ['running', 'succeeded'], disturbed: true }, /its executor said succeeded/)
test('what the executor never said', isWrong, 'cancelled', 'cancelled', { starts: 1, ends: [killed], said: ['running'] }, /never said so/)
