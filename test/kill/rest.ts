/**
 * Waits until nothing is under way any more: one last order for everybody has succeeded, and every order has ended on
 * each of its targets, by what each endpoint says for itself. Logs being logs, an endpoint that knows the outcome of the
 * last order knows all that its author said before.
 */
import { describeError } from '../../src/base/errors.ts'
import { hasEnded, states } from '../../src/queue/views.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ordersName, workFor } from './effects.ts'
import type * as api from '../../src/api/index.ts'

/** An agent that was killed often is started again after half a minute. */
const restDeadlineMs = 120_000
const pauseMs = 250

type OrderRow = Awaited<ReturnType<api.Admin['orders']>>[number]

export interface RestDeps {
  readonly admin: api.Admin
  /** For each endpoint, an admin that asks it alone. */
  readonly readers: ReadonlyMap<string, api.Admin>
}

/** The ids of all orders. Throws when it takes too long, saying what is under way. */
export const comeToRest = async ({ admin, readers }: RestDeps, after: string): Promise<string[]> => {
  const last = await submitLast(admin, after)
  await eventually(
    async () => (await Promise.all([...readers].map(([name, reader]) => lookAt(name, reader, last)))).flat(),
    (open) => open.length === 0,
    restDeadlineMs,
    pauseMs
  )
  return (await admin.orders()).map(({ indication }) => indication)
}

/** Endpoints may be starting still. */
const submitLast = async (admin: api.Admin, after: string): Promise<string> => {
  let indication: string | undefined
  const attempt = async (): Promise<string> => {
    try {
      indication = (await admin.submit({ target: { kind: 'all' }, payload: { kind: 'command', argv: workFor(0) }, name: `${ordersName}rest after ${after}` })).indication
      return 'given'
    } catch (error) {
      return describeError(error)
    }
  }
  await eventually(attempt, () => indication !== undefined, restDeadlineMs, pauseMs)
  return indication ?? ''
}

/** What one endpoint still waits for, in words. */
const lookAt = async (name: string, reader: api.Admin, last: string): Promise<string[]> => {
  try {
    const orders = await reader.orders()
    const sentinel = orders.find(({ indication }) => indication === last)
    const open = orders.filter(isOpen).map((order) => `${name}: ${order.name} ${order.indication} ${describeCounts(order)}`)
    return sentinel === undefined ? [`${name} does not know the last order`, ...open] : open
  } catch (error) {
    return [`${name}: ${describeError(error)}`]
  }
}

const isOpen = ({ counts }: OrderRow): boolean => states.some((state) => !hasEnded(state) && counts[state] > 0)

const describeCounts = ({ counts }: OrderRow): string => states.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`).join(', ')
