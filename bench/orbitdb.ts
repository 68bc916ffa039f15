/**
 * OrbitDB's log beside ours, when it is installed in a folder of its own, which is no part of `npm ci`:
 *
 *     npm install --prefix bench/orbitdb
 *
 * Its storages are in memory, since its LevelDB storage cannot be joined: it writes to no disk here.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

interface Log {
  append(payload: unknown): Promise<unknown>
  join(other: Log): Promise<void>
  values(): Promise<readonly unknown[]>
  close(): Promise<void>
}

interface OrbitDb {
  readonly KeyStore: (options: { readonly storage: unknown }) => Promise<unknown>
  readonly MemoryStorage: () => Promise<unknown>
  readonly Identities: (options: { readonly keystore: unknown; readonly storage: unknown }) => Promise<{ createIdentity(options: { readonly id: string }): Promise<unknown> }>
  readonly Log: (identity: unknown, options: { readonly logId: string }) => Promise<Log>
}

export interface OrbitDbRates {
  readonly appendedPerSecond: number
  /** Entries of a log of `entries` that another log joins, verified by it. */
  readonly joinedPerSecond: number
}

const folder = new URL('./orbitdb/', import.meta.url)
const entries = 1000

/** Undefined when it is not installed. */
export const measureOrbitDb = async (): Promise<OrbitDbRates | undefined> => {
  if (!existsSync(new URL('node_modules/@orbitdb/core', folder))) return undefined
  const { KeyStore, MemoryStorage, Identities, Log } = createRequire(folder)('@orbitdb/core') as OrbitDb
  const keystore = await KeyStore({ storage: await MemoryStorage() })
  const identities = await Identities({ keystore, storage: await MemoryStorage() })
  const identity = await identities.createIdentity({ id: 'agent' })
  const [written, joined] = [await Log(identity, { logId: 'receipts' }), await Log(identity, { logId: 'receipts' })]
  const appending = performance.now()
  for (let index = 0; index < entries; index += 1) await written.append({ indication: `order ${index}`, state: 'received', at: index })
  const joining = performance.now()
  await joined.join(written)
  const done = performance.now()
  if ((await joined.values()).length !== entries) throw new Error('OrbitDB did not join all entries')
  await Promise.all([written.close(), joined.close()])
  return { appendedPerSecond: Math.round((entries * 1000) / (joining - appending)), joinedPerSecond: Math.round((entries * 1000) / (done - joining)) }
}
