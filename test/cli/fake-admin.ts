/** An admin whose answers a test gives, and rows to answer with. */
import { utf8 } from '../../src/base/bytes.ts'
import type { IndicationId, KeyId, MeshId } from '../../src/base/brand.ts'
import { states, type NodeRow, type OrderRow, type QueueRow, type State } from '../../src/queue/views.ts'
import type { Admin, OrderView, SubmittedOrder } from '../../src/api/types.ts'

export const now = 1_700_000_000_000
export const meshId = 'm'.repeat(52) as MeshId
export const orderId = `k3v9x2abcdef${'q'.repeat(40)}` as IndicationId
export const keyOf = (name: string): KeyId => name.padEnd(52, '2') as KeyId

export const output = (text: string, sizeBytes = text.length) => ({ head: utf8(text), sizeBytes, cid: sizeBytes > text.length ? 'bafkreiabc' : null, keptBytes: sizeBytes })

export const queueRow = (agentName: string, state: State, rest: Partial<QueueRow> = {}): QueueRow => ({
  agent: keyOf(agentName),
  agentName,
  indication: orderId,
  name: 'uptime',
  state,
  at: now - 5000,
  startedAt: null,
  exitCode: null,
  signal: null,
  code: null,
  detail: null,
  stdout: null,
  stderr: null,
  ...rest
})

export const succeeded = (agentName: string, stdout: string): QueueRow =>
  queueRow(agentName, 'succeeded', { startedAt: now - 5310, exitCode: 0, stdout: output(stdout), stderr: output('') })

export const orderRow = (rows: readonly QueueRow[], rest: Partial<OrderRow> = {}): OrderRow => ({
  indication: orderId,
  name: 'uptime',
  format: 'command',
  admin: keyOf('admin'),
  createdAt: now - 120_000,
  expiresAt: now + 3_480_000,
  payloadSizeBytes: 20,
  targeted: rows.length,
  counts: Object.fromEntries(states.map((state) => [state, rows.filter((row) => row.state === state).length])) as Record<State, number>,
  cancelled: false,
  ...rest
})

export const view = (...rows: readonly QueueRow[]): OrderView => ({ order: orderRow(rows), rows })

export const nodeRow = (name: string, rest: Partial<NodeRow> = {}): NodeRow => ({
  key: keyOf(name),
  name,
  role: 'agent',
  labels: {},
  enrolledAt: now - 86_400_000,
  release: '0.1.0',
  addresses: [],
  lastContactAt: now - 3000,
  queueLength: 0,
  ...rest
})

export const submitted = (targets: readonly string[], rest: Partial<SubmittedOrder> = {}): SubmittedOrder => ({
  indication: orderId,
  name: 'uptime',
  format: 'command',
  targets,
  heldBy: ['e1', 'e2'],
  endpoints: 2,
  ...rest
})

const unexpected = (method: string) => (): never => {
  throw new Error(`${method} was not expected`)
}

export interface FakeAdmin extends Admin {
  readonly calls: readonly (readonly unknown[])[]
  isClosed(): boolean
}

/** Each call is kept as `[method, ...arguments]`; a method without an answer fails the test. */
export const createFakeAdmin = (answers: Partial<Admin>): FakeAdmin => {
  const calls: unknown[][] = []
  let closed = false
  const record =
    <Args extends readonly unknown[], R>(method: string, answer: ((...args: Args) => R) | undefined) =>
    (...args: Args): R => {
      calls.push([method, ...args])
      return (answer ?? unexpected(method))(...args)
    }
  return {
    mesh: { id: meshId, name: 'demo' },
    submit: record('submit', answers.submit),
    nodes: record('nodes', answers.nodes),
    orders: record('orders', answers.orders),
    queue: record('queue', answers.queue),
    show: record('show', answers.show),
    follow: record('follow', answers.follow),
    logs: record('logs', answers.logs),
    cancel: record('cancel', answers.cancel),
    forks: record('forks', answers.forks),
    thaw: record('thaw', answers.thaw),
    async close() {
      closed = true
    },
    calls,
    isClosed: () => closed
  }
}

export const iterate = async function* <T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
