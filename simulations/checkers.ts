/** What must hold of a mesh: always, and in the end. */
import { hasEnded, type QueueRow } from '../src/queue/views.ts'
import { openReader, readQueueState, type QueueState, type ReaderDeps } from './queue-state.ts'
import type { GivenOrder, Ledger } from './ledger.ts'
import type { KeyId } from '../src/base/brand.ts'
import type { Machine } from './machine.ts'

export interface CheckersDeps extends ReaderDeps {
  readonly ledger: Ledger
  readonly names: ReadonlyMap<KeyId, string>
  readonly machines: () => readonly Machine[]
  readonly endpoints: () => readonly Machine[]
}

/** What has not come true yet. */
export interface Unmet {
  readonly checker: string
  readonly detail: string
}

export class Checkers {
  readonly #deps: CheckersDeps
  readonly #states = new Map<KeyId, QueueState>()

  constructor(deps: CheckersDeps) {
    this.#deps = deps
  }

  /** Endpoints that hold the same entries hold the same queues, and say so; those that hold others do not. */
  async checkAlways(): Promise<void> {
    const states = await this.#readStates()
    for (const [index, left] of states.entries()) {
      for (const right of states.slice(index + 1)) {
        const pair = `${left.name} and ${right.name}`
        const hasSameEntries = left.state.entries === right.state.entries
        if (hasSameEntries !== (left.state.digest === right.state.digest)) this.#deps.ledger.violate('digest', `${pair} hold ${hasSameEntries ? 'the same' : 'other'} entries under ${hasSameEntries ? 'other' : 'the same'} digests`)
        if (hasSameEntries && left.state.folded !== right.state.folded) this.#deps.ledger.violate('fold', `${pair} hold the same entries and other queues`)
      }
    }
  }

  /** Empty once everything has come true. */
  async findUnmet(): Promise<Unmet[]> {
    const states = await this.#readStates()
    const [first] = states
    const differing = states.filter(({ state }) => state.digest !== first?.state.digest || state.folded !== first?.state.folded)
    if (differing.length > 0) return differing.map(({ name }) => ({ checker: 'queues-converge', detail: `${name} holds other queues than ${first?.name ?? ''}` }))
    const unmet: Unmet[] = []
    for (const { name, node } of this.#deps.machines()) {
      const { unacknowledged } = node.vitals()
      if (unacknowledged > 0) unmet.push({ checker: 'receipts-acknowledged', detail: `${unacknowledged} entries of ${name} are not held by enough endpoints` })
    }
    return [...unmet, ...(await this.#findUnended())]
  }

  async #readStates(): Promise<{ name: string; state: QueueState }[]> {
    const states = []
    for (const { key, name, store } of this.#deps.endpoints()) {
      const state = await readQueueState(store, this.#states.get(key))
      this.#states.set(key, state)
      states.push({ name, state })
    }
    return states
  }

  async #findUnended(): Promise<Unmet[]> {
    const [endpoint] = this.#deps.endpoints()
    if (endpoint === undefined) return []
    const queue = await openReader(this.#deps, endpoint.store)
    const unmet: Unmet[] = []
    for (const order of this.#deps.ledger.orders.values()) {
      const rows = new Map((await queue.rowsOf(order.indication)).map((row) => [row.agent, row]))
      for (const agent of rows.keys()) if (!order.targets.has(agent)) unmet.push({ checker: 'targets', detail: `${order.name} has a row for ${this.#nameOf(agent)}, for which it was not meant` })
      if (rows.size === 0 && order.heldBy.size === 0 && this.#deps.clock.now() > order.expiresAt) continue // expired before anybody took it
      for (const agent of order.targets) {
        const problem = this.#judgeRow(order, agent, rows.get(agent))
        if (problem !== undefined) unmet.push({ checker: 'orders-end', detail: `${order.name} on ${this.#nameOf(agent)}: ${problem}` })
      }
    }
    return unmet
  }

  #judgeRow(order: GivenOrder, agent: KeyId, row: QueueRow | undefined): string | undefined {
    if (row === undefined) return 'no endpoint knows of it'
    if (!hasEnded(row.state)) return `still ${row.state}`
    const hasStarted = this.#deps.ledger.hasStarted(agent, order.indication)
    if (row.state !== order.result) return `ended as ${row.state} (${row.code ?? 'no code'}) and should have ended as ${order.result}${hasStarted ? '; it was started' : ''}`
    if ((row.state === 'succeeded' || row.state === 'failed') && !hasStarted) return `${row.state} without a start`
    return row.state === 'expired' && hasStarted ? 'expired although it was started' : undefined
  }

  #nameOf(key: KeyId): string {
    return this.#deps.names.get(key) ?? key
  }
}
