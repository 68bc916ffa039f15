/**
 * Two endpoints' queues become equal: the answering side, and the asking side over one `SyncMachine` for each peer. Who
 * carries the bytes, and when, is the caller's matter.
 */
import { encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { put, type KeyValueStore } from '../base/key-value-store.ts'
import { chartersAfter, type CharterChain } from '../trust/charter-chain.ts'
import { keys, readRow } from './queue-store.ts'
import { freshSyncState, SyncMachine, type SyncState } from './sync-machine.ts'
import type { KeyId } from '../base/brand.ts'
import type { MergeReport } from './merge.ts'
import type { Queue } from './queue.ts'
import type { SyncAnswer, SyncRequest } from './sync-message.ts'

export const answerSync = async (queue: Queue, chain: CharterChain, request: SyncRequest): Promise<SyncAnswer> => {
  // A cursor beyond what this store has taken in is one from before a crash that undid its last writes.
  const isOurs = request.storeId === queue.storeId()
  const cursor = isOurs && request.cursor <= queue.arrival() ? request.cursor : 0
  const { entries, next, more } = await queue.entriesAfter(cursor, { sizeBytesMax: limits.sync.entriesBytesMax, countMax: limits.sync.entriesMax })
  const presences = queue.presencesAfter(isOurs ? request.presenceCursor : 0, presenceBounds)
  return {
    storeId: queue.storeId(),
    entries: [...entries],
    next,
    presences: [...presences.presences],
    presenceNext: presences.next,
    more: more || presences.more,
    digest: queue.digest(),
    charters: takeCharters(chain, request.charterVersion)
  }
}

const presenceBounds = { countMax: limits.sync.presencesMax, sizeBytesMax: limits.sync.presencesBytesMax }

const takeCharters = (chain: CharterChain, version: number): Uint8Array[] => {
  let room: number = limits.sync.chartersBytesMax
  return chartersAfter(chain, version).filter(({ length }) => {
    room -= length
    return room >= 0
  })
}

export interface SyncClientDeps {
  readonly store: KeyValueStore
  readonly queue: Queue
  readonly chain: () => CharterChain
  /** Takes newer charters in before entries are judged by them. */
  readonly learnCharters: (charters: readonly Uint8Array[], peer: KeyId) => Promise<void>
}

export class SyncClient {
  readonly #deps: SyncClientDeps
  readonly #machines = new Map<KeyId, SyncMachine>()

  constructor(deps: SyncClientDeps) {
    this.#deps = deps
  }

  async request(peer: KeyId): Promise<SyncRequest> {
    const { queue, chain } = this.#deps
    const { state } = await this.#machineOf(peer)
    return { ...state, digest: queue.digest(), charterVersion: chain().current.version }
  }

  /** Merges an answer, then moves the cursor past it. `again`: ask once more at once. */
  async take(peer: KeyId, answer: SyncAnswer): Promise<{ readonly report: MergeReport; readonly again: boolean }> {
    const { queue, store, learnCharters } = this.#deps
    const machine = await this.#machineOf(peer)
    if (answer.charters.length > 0) await learnCharters(answer.charters, peer)
    const report = await queue.merge(answer.entries, peer)
    await Promise.all(answer.presences.map(({ record, contactAt }) => queue.notePresence(record, contactAt)))
    const before = machine.state
    const { state, again } = machine.step({ ...answer, entryCount: answer.entries.length }, queue.digest())
    if (!isSameState(before, state)) await store.write([put(keys.cursor(peer), encodeCbor(state))], { durable: false })
    return { report, again }
  }

  async #machineOf(peer: KeyId): Promise<SyncMachine> {
    const known = this.#machines.get(peer)
    if (known !== undefined) return known
    const stored = await this.#deps.store.get(keys.cursor(peer))
    const machine = this.#machines.get(peer) ?? new SyncMachine(stored === undefined ? freshSyncState : readRow<SyncState>(stored))
    this.#machines.set(peer, machine)
    return machine
  }
}

const isSameState = (left: SyncState, right: SyncState): boolean =>
  left.storeId === right.storeId && left.cursor === right.cursor && left.presenceCursor === right.presenceCursor
