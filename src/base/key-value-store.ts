/**
 * An ordered map from text to bytes, with atomic batches. Production keeps it in LevelDB, simulations in memory;
 * one conformance suite runs over both.
 */
export interface Put {
  readonly kind: 'put'
  readonly key: string
  readonly value: Uint8Array
}

export interface Delete {
  readonly kind: 'delete'
  readonly key: string
}

export type Change = Put | Delete

export interface Range {
  /** Inclusive lower bound. */
  readonly from: string
  /** Exclusive upper bound. */
  readonly to: string
  readonly reverse?: boolean
  readonly limit?: number
}

export interface KeyValueStore {
  get(key: string): Promise<Uint8Array | undefined>
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>
  /** Entries in the order of their keys' UTF-8 bytes, lazily. */
  entries(range: Range): AsyncIterable<readonly [string, Uint8Array]>
  /** All changes or none. With `durable` they are on disk when the promise resolves. */
  write(changes: readonly Change[], options: { durable: boolean }): Promise<void>
  close(): Promise<void>
}

export const put = (key: string, value: Uint8Array): Put => ({ kind: 'put', key, value })
export const remove = (key: string): Delete => ({ kind: 'delete', key })

/** The range of all keys that start with `prefix` (prefixes here are ASCII). */
export const withPrefix = (prefix: string): Range => ({ from: prefix, to: `${prefix}\u{10FFFF}` })
