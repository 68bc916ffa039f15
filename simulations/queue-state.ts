/** What an endpoint's disk says, read behind the endpoint's back. */
import { createHash } from 'node:crypto'
import { toBase32 } from '../src/base/bytes.ts'
import { withPrefix, type KeyValueStore } from '../src/base/key-value-store.ts'
import { silentLog } from '../src/base/log.ts'
import { limits } from '../src/base/limits.ts'
import { keys, readRow, type StoreMeta } from '../src/queue/queue-store.ts'
import { Queue } from '../src/queue/queue.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { Clock } from '../src/base/clock.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface QueueState {
  readonly arrival: number
  /** What the endpoint itself takes for the sum of its logs. */
  readonly digest: string
  /** Over the bytes of all entries. */
  readonly entries: string
  /** Over the bytes of everything that is folded from entries. */
  readonly folded: string
}

const foldedPrefixes = ['q/log/', 'q/node/', 'q/order/', 'q/age/', 'q/expiry/', 'q/control/', 'q/cell/'] as const

/** `before` is given back where nothing has arrived since. */
export const readQueueState = async (store: KeyValueStore, before: QueueState | undefined): Promise<QueueState> => {
  const row = await store.get(keys.meta)
  const meta = row === undefined ? undefined : readRow<StoreMeta>(row)
  if (meta === undefined) return { arrival: 0, digest: '', entries: '', folded: '' }
  if (before?.arrival === meta.arrival) return before
  return { arrival: meta.arrival, digest: toBase32(meta.digest), entries: await hashOf(store, ['q/entry/']), folded: await hashOf(store, foldedPrefixes) }
}

/** Grows with everything that a store takes in; cheap to read, however much it holds. */
export const readArrival = async (store: KeyValueStore): Promise<number> => {
  const row = await store.get(keys.meta)
  return row === undefined ? 0 : readRow<StoreMeta>(row).arrival
}

const hashOf = async (store: KeyValueStore, prefixes: readonly string[]): Promise<string> => {
  const hash = createHash('sha256')
  for (const prefix of prefixes) {
    for await (const [key, value] of store.entries(withPrefix(prefix))) {
      hash.update(`${key.length} ${value.length} ${key}`)
      hash.update(value)
    }
  }
  return hash.digest('hex')
}

export interface ReaderDeps {
  readonly chain: CharterChain
  readonly clock: Clock
  readonly random: SeededRandom
  readonly checkSignature: CheckSignature
}

/** The queues as they would be after a restart of the endpoint. */
export const openReader = ({ chain, ...deps }: ReaderDeps, store: KeyValueStore): Promise<Queue> =>
  Queue.open({ ...deps, store, chain: () => chain, log: silentLog }, { retention: { mode: 'label', ageMs: limits.queue.labelRetentionMs } })
