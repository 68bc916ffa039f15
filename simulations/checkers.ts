/** What must hold of a mesh: always, in the end, and of what it leaves behind. */
import { decodeRecord } from '../src/record/record.ts'
import { entryKind } from '../src/record/entry.ts'
import { statementKind } from '../src/record/statement.ts'
import { withPrefix } from '../src/base/key-value-store.ts'
import { judgeRow } from './expectations.ts'
import { openReader, readArrival, readOverdue, readQueueState, type QueueState, type ReaderDeps } from './queue-state.ts'
import { extendCharterChain, headOf, type CharterChain } from '../src/trust/charter-chain.ts'
import type { Doubt, Ledger } from './ledger.ts'
import type { KeyId, Millis, RecordId } from '../src/base/brand.ts'
import type { Machine } from './machine.ts'
import type { Queue } from '../src/queue/queue.ts'
import type { Retention } from '../src/queue/retention.ts'

/** After the end. */
const cancelledWithinMs: Millis = 1_000
const answeredWithinMs: Millis = 60_000

export interface CheckersDeps extends ReaderDeps {
  readonly ledger: Ledger
  readonly names: ReadonlyMap<KeyId, string>
  readonly machines: () => readonly Machine[]
  readonly endpoints: () => readonly Pick<Machine, 'key' | 'name' | 'agentDisk'>[]
  /** Members that do not run what they should. */
  readonly intruders: ReadonlySet<KeyId>
}

/** What has not come true yet. */
export interface Unmet {
  readonly checker: string
  readonly detail: string
}

export class Checkers {
  readonly #deps: CheckersDeps
  readonly #states = new Map<KeyId, QueueState>()
  /** States whose cells have been looked at. */
  readonly #judged = new Set<string>()
  /** What each endpoint holds of executors, as of a version of its disk. */
  readonly #statements = new Map<KeyId, { readonly version: string; readonly ids: ReadonlySet<RecordId> }>()

  constructor(deps: CheckersDeps) {
    this.#deps = deps
    deps.ledger.onDoubt = (doubt) => {
      this.#judgeDoubt(doubt).catch((error: unknown) => deps.ledger.violate('no-fault', `a start could not be judged: ${String(error)}`))
    }
  }

  /**
   * Endpoints that hold the same entries hold the same queues, and say so; those that hold others do not. Where some were
   * dropped their heads tell, and the queues are each endpoint's own matter. No queue tells of a run that was not, or of
   * an agent that was not meant.
   */
  async checkAlways(): Promise<void> {
    const { ledger } = this.#deps
    const states = await this.#readStates()
    for (const [index, left] of states.entries()) {
      this.#judgeCells(left)
      for (const right of states.slice(index + 1)) {
        const pair = `${left.name} and ${right.name}`
        const hasDropped = left.state.hasDropped || right.state.hasDropped
        const hasSameEntries = hasDropped ? left.state.heads === right.state.heads : left.state.entries === right.state.entries
        if (hasSameEntries !== (left.state.digest === right.state.digest)) ledger.violate('digest', `${pair} hold ${hasSameEntries ? 'the same' : 'other'} entries under ${hasSameEntries ? 'other' : 'the same'} digests`)
        if (hasSameEntries && !hasDropped && left.state.folded !== right.state.folded) ledger.violate('fold', `${pair} hold the same entries and other queues`)
      }
    }
  }

  /** Empty once everything has come true. What costs most is asked when the rest is in order. */
  async findUnmet(): Promise<Unmet[]> {
    const questions = [() => this.#findDiffering(), () => this.#findUnacknowledged(), () => this.#findOutdated(), () => this.#findUnended(), () => this.#findPending(), () => this.#findLost()]
    for (const ask of questions) {
      const unmet = await ask()
      if (unmet.length > 0) return unmet
    }
    return []
  }

  /** Stops the mesh, lets `pass` time for what was under way, and tells what is still there that should not be. */
  async findLeaks(pass: (spanMs: Millis) => Promise<void>): Promise<Unmet[]> {
    const retired = []
    for (const machine of this.#deps.machines()) retired.push({ name: machine.name, readRemains: await machine.retire() })
    // What is cancelled ends at once; a question that was put may be waited for as long as any.
    await pass(cancelledWithinMs)
    const timers = retired.map(({ readRemains }) => readRemains?.().timers ?? 0)
    await pass(answeredWithinMs)
    return retired.flatMap(({ name, readRemains }, index) => {
      if (readRemains === undefined) return [{ checker: 'nothing-leaked', detail: `${name} does not run in the end` }]
      const { openRequests, isSettled } = readRemains()
      const isClean = timers[index] === 0 && openRequests === 0 && isSettled
      return isClean ? [] : [{ checker: 'nothing-leaked', detail: `${name} left ${timers[index]} timers and ${openRequests} open requests${isSettled ? '' : ', and work without an end'}` }]
    })
  }

  /** To be asked when every endpoint has had the time to drop what is over. */
  async findOverdue(retention: Retention): Promise<Unmet[]> {
    this.#states.clear() // what is dropped leaves the order of arrival as it was
    const unmet: Unmet[] = []
    for (const { name, agentDisk } of this.#deps.endpoints()) {
      const overdue = await readOverdue(agentDisk.peek(), retention, this.#deps.clock.now())
      if (overdue.length > 0) unmet.push({ checker: 'dropped-in-time', detail: `${name} still holds ${overdue.length} orders that are long over` })
    }
    return unmet
  }

  async #findDiffering(): Promise<Unmet[]> {
    const states = await this.#readStates()
    const [first] = states
    const hasDropped = states.some(({ state }) => state.hasDropped)
    return states
      .filter(({ state }) => state.digest !== first?.state.digest || state.heads !== first?.state.heads || (!hasDropped && state.folded !== first?.state.folded))
      .map(({ name }) => ({ checker: 'queues-converge', detail: `${name} holds other queues than ${first?.name ?? ''}` }))
  }

  async #findUnacknowledged(): Promise<Unmet[]> {
    return this.#deps.machines().flatMap(({ name, agent }) => {
      if (agent === undefined) return [{ checker: 'everybody-runs', detail: `the agent of ${name} does not run` }]
      const { unacknowledged } = agent.node.vitals()
      return unacknowledged === 0 ? [] : [{ checker: 'receipts-acknowledged', detail: `${unacknowledged} entries of ${name} are not held by enough endpoints` }]
    })
  }

  /** Of all charters that were made the same chain wins everywhere. */
  async #findOutdated(): Promise<Unmet[]> {
    const { ledger, chain } = this.#deps
    const newest = ledger.charters.reduce(mergeCharters, chain)
    return this.#deps.machines().flatMap(({ name, charters }) =>
      (['agent', 'executor'] as const)
        .filter((part) => headOf(charters.of(part)) !== headOf(newest))
        .map((part) => ({ checker: 'charter-known', detail: `the ${part} of ${name} goes by version ${charters.of(part).current.version}, not by the version ${newest.current.version} that counts` }))
    )
  }

  async #findUnended(): Promise<Unmet[]> {
    const unmet: Unmet[] = []
    // One endpoint answers for all where these hold the same queues, byte for byte.
    const hasDropped = (await this.#readStates()).some(({ state }) => state.hasDropped)
    for (const endpoint of this.#deps.endpoints().slice(0, hasDropped ? Infinity : 1)) {
      const queue = await openReader(this.#deps, endpoint.agentDisk.peek())
      unmet.push(...(await this.#judgeRows(queue)))
    }
    return unmet
  }

  async #judgeRows(queue: Queue): Promise<Unmet[]> {
    const { ledger, intruders, clock } = this.#deps
    const unmet: Unmet[] = []
    for (const order of ledger.orders.values()) {
      if (!order.isPromised) continue
      const rows = new Map((await queue.rowsOf(order.indication)).map((row) => [row.agent, row]))
      for (const agent of rows.keys()) if (!order.targets.has(agent)) unmet.push({ checker: 'targets', detail: `${order.name} has a row for ${this.#nameOf(agent)}, for which it was not meant` })
      if (rows.size === 0 && order.heldBy.size === 0 && clock.now() > order.expiresAt) continue // expired before anybody took it
      for (const agent of order.targets) {
        const problem = intruders.has(agent) ? undefined : judgeRow(ledger, order, agent, rows.get(agent))
        if (problem !== undefined) unmet.push({ checker: 'orders-end', detail: `${order.name} on ${this.#nameOf(agent)}: ${problem}` })
      }
    }
    return unmet
  }

  /** What is begun and not brought to an end. */
  async #findPending(): Promise<Unmet[]> {
    const unmet: Unmet[] = []
    for (const { name, agent, executorDisk, jobs, unkept = 0 } of this.#deps.machines()) {
      const pending = { orders: agent?.node.vitals().queueLength ?? 0, 'journal rows': await count(executorDisk, 'active/'), statements: unkept, processes: jobs.count }
      const found = Object.entries(pending).filter(([, number]) => number > 0)
      if (found.length > 0) unmet.push({ checker: 'nothing-pending', detail: `${name} has ${found.map(([what, number]) => `${number} ${what}`).join(', ')} that go nowhere` })
    }
    return unmet
  }

  /** Each outcome that an executor has written down for good is in every endpoint's queue; they are equal by now. */
  async #findLost(): Promise<Unmet[]> {
    const { ledger, intruders } = this.#deps
    const [endpoint] = this.#deps.endpoints()
    if (endpoint === undefined) return []
    const held = await this.#readStatements(endpoint)
    return ledger.deeds().flatMap(({ agent, indication, deed }) => {
      if (intruders.has(agent)) return []
      const lost = deed.statements.filter((statement) => statement.state !== 'running' && !ledger.isSettled(statement) && !held.has(statement.id) && !ledger.isTakenBack(agent, statement))
      return lost.map(({ state }) => ({ checker: 'no-receipt-lost', detail: `no endpoint holds that ${this.#nameOf(agent)} said ${state} of ${ledger.orders.get(indication)?.name ?? indication}` }))
    })
  }

  async #readStatements({ key, agentDisk }: Pick<Machine, 'key' | 'agentDisk'>): Promise<ReadonlySet<RecordId>> {
    const version = `${agentDisk.generation}/${await readArrival(agentDisk.peek())}`
    const known = this.#statements.get(key)
    if (known?.version === version) return known.ids
    const ids = await readStatements(agentDisk)
    this.#statements.set(key, { version, ids })
    return ids
  }

  async #readStates(): Promise<{ name: string; state: QueueState }[]> {
    const states = []
    for (const { key, name, agentDisk } of this.#deps.endpoints()) {
      const state = await readQueueState(agentDisk, this.#states.get(key))
      this.#states.set(key, state)
      states.push({ name, state })
    }
    return states
  }

  /** What an executor is said to have said it must have said; and nobody was asked who was not meant. */
  #judgeCells({ name, state }: { readonly name: string; readonly state: QueueState }): void {
    const { ledger } = this.#deps
    if (this.#judged.has(state.folded)) return
    this.#judged.add(state.folded)
    for (const { indication, agent, cell } of state.cells) {
      const order = ledger.orders.get(indication)
      const place = `${order?.name ?? indication} on ${this.#nameOf(agent)}`
      if (cell.by === 'executor' && !ledger.deed(agent, indication).statements.some((statement) => statement.state === cell.state)) ledger.violate('receipts-true', `${name} has ${place} as ${cell.state}, and its executor never said so`)
    }
  }

  /** A second start after a restore is a violation where every endpoint could have told of those before. */
  async #judgeDoubt({ doer, order, earlier }: Doubt): Promise<void> {
    const holders = await Promise.all(this.#deps.endpoints().map((endpoint) => this.#readStatements(endpoint)))
    const known = earlier.filter((id) => holders.every((held) => held.has(id)))
    if (known.length >= order.attemptsMax) this.#deps.ledger.violate('started-once', `${doer.name} started ${order.name} again after a restore, and every endpoint knew of ${known.length} starts`)
  }

  #nameOf(key: KeyId): string {
    return this.#deps.names.get(key) ?? key
  }
}

const mergeCharters = (chain: CharterChain, other: CharterChain): CharterChain => {
  const extended = extendCharterChain(chain, other.versions.map(({ bytes }) => bytes))
  return extended.ok ? extended.value : chain
}

const count = async (disk: Machine['executorDisk'], prefix: string): Promise<number> => {
  let found = 0
  for await (const _ of disk.peek().entries(withPrefix(prefix))) found += 1
  return found
}

/** Of executors, in all entries that an endpoint keeps. */
const readStatements = async (disk: Machine['agentDisk']): Promise<Set<RecordId>> => {
  const ids = new Set<RecordId>()
  for await (const [, bytes] of disk.peek().entries(withPrefix('q/entry/'))) {
    const entry = decodeRecord(entryKind, bytes)
    if (!entry.ok || entry.value.body.content.kind !== 'receipts') continue
    for (const receipt of entry.value.body.content.receipts) {
      const statement = receipt.kind === 'executor' ? decodeRecord(statementKind, receipt.statement) : undefined
      if (statement?.ok === true) ids.add(statement.value.id)
    }
  }
  return ids
}
