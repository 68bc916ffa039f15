/** What an endpoint's disk says, read behind the endpoint's back. */
import { createHash, type Hash } from 'node:crypto'
import { toBase32 } from '../src/base/bytes.ts'
import { withPrefix, type KeyValueStore } from '../src/base/key-value-store.ts'
import { silentLog } from '../src/base/log.ts'
import { limits } from '../src/base/limits.ts'
import { decodeCell, type Cell } from '../src/queue/fold.ts'
import { collectKeys, keys, lastPart, logNameOf, ranges, readRow, type LogRow, type StoreMeta } from '../src/queue/queue-store.ts'
import { Queue } from '../src/queue/queue.ts'
import { keptMsOf, type Retention } from '../src/queue/retention.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { Clock } from '../src/base/clock.ts'
import type { Disk } from './disk.ts'
import type { IndicationId, KeyId, Millis } from '../src/base/brand.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface QueueState {
  /** Of the disk and its arrivals, while these are the same. */
  readonly version: string
  /** What the endpoint itself takes for the sum of its logs. */
  readonly digest: string
  /** Over the bytes of all entries that count: evidence of a fork may be other evidence elsewhere. */
  readonly entries: string
  /** Over where each log ends, and whether it is frozen: all of it that retention leaves. */
  readonly heads: string
  /** Some of what it held has been dropped. */
  readonly hasDropped: boolean
  /** Over the bytes of everything that is folded from entries. */
  readonly folded: string
  readonly cells: readonly { readonly indication: IndicationId; readonly agent: KeyId; readonly cell: Cell }[]
}

const foldedPrefixes = ['q/log/', 'q/node/', 'q/order/', 'q/age/', 'q/expiry/', 'q/control/', 'q/cell/'] as const

/** `before` is given back where nothing has arrived since. */
export const readQueueState = async (disk: Pick<Disk, 'peek' | 'generation'>, before: QueueState | undefined): Promise<QueueState> => {
  const store = disk.peek()
  const row = await store.get(keys.meta)
  const meta = row === undefined ? undefined : readRow<StoreMeta>(row)
  if (meta === undefined) return { version: '', digest: '', entries: '', heads: '', hasDropped: false, folded: '', cells: [] }
  const version = `${disk.generation}/${meta.arrival}`
  if (before?.version === version) return before
  const cells = []
  for await (const [key, value] of store.entries(withPrefix('q/cell/'))) cells.push({ indication: key.split('/')[2] as IndicationId, agent: lastPart(key) as KeyId, cell: decodeCell(value) })
  return { version, digest: toBase32(meta.digest), entries: await hashEntries(store), ...(await readHeads(store)), folded: await hashOf(store, foldedPrefixes), cells }
}

/** Grows with everything that a store takes in; cheap to read, however much it holds. */
export const readArrival = async (store: KeyValueStore): Promise<number> => {
  const row = await store.get(keys.meta)
  return row === undefined ? 0 : readRow<StoreMeta>(row).arrival
}

const hashOf = async (store: KeyValueStore, prefixes: readonly string[]): Promise<string> => {
  const hash = createHash('sha256')
  for (const prefix of prefixes) for await (const row of store.entries(withPrefix(prefix))) addRow(hash, row)
  return hash.digest('hex')
}

const readHeads = async (store: KeyValueStore): Promise<Pick<QueueState, 'heads' | 'hasDropped'>> => {
  const hash = createHash('sha256')
  for await (const [logKey, row] of store.entries(ranges.logs)) {
    const { head, frozenAt } = readRow<LogRow>(row)
    hash.update(`${logKey} ${frozenAt !== null} ${head.sequence} ${head.id ?? ''}`)
  }
  return { heads: hash.digest('hex'), hasDropped: (await countTrimmed(store)) > 0 || (await collectKeys(store, withPrefix('q/gone/'))).length > 0 }
}

/** Logs whose beginning is gone. */
export const countTrimmed = async (store: KeyValueStore): Promise<number> => {
  let count = 0
  for await (const [, row] of store.entries(ranges.logs)) if (readRow<LogRow>(row).base > 1) count += 1
  return count
}

/** Orders that a store knows and should have dropped by `now`. */
export const readOverdue = async (store: KeyValueStore, retention: Retention, now: Millis): Promise<IndicationId[]> =>
  (await collectKeys(store, ranges.expiredBefore(now - keptMsOf(retention)))).map((key) => lastPart(key) as IndicationId)

/** Each log, whether it is frozen, and its entries up to the head. */
const hashEntries = async (store: KeyValueStore): Promise<string> => {
  const hash = createHash('sha256')
  for await (const [logKey, row] of store.entries(withPrefix('q/log/'))) {
    const { head, frozenAt } = readRow<LogRow>(row)
    const name = logNameOf(logKey)
    hash.update(`${logKey} ${frozenAt !== null}`)
    for await (const entry of store.entries({ from: keys.entry(name, 1), to: keys.entry(name, head.sequence + 1) })) if (!isEvidence(entry[0])) addRow(hash, entry)
  }
  return hash.digest('hex')
}

/** q/entry/author/incarnation/sequence/id: the last part is that of evidence alone. */
const isEvidence = (key: string): boolean => key.split('/').length > 5

const addRow = (hash: Hash, [key, value]: readonly [string, Uint8Array]): void => {
  hash.update(`${key.length} ${value.length} ${key}`)
  hash.update(value)
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
