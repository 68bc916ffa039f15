/** How far an admin's endpoints are known to know the lives of its log, where that is more than is here. */
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { put, type KeyValueStore } from '../base/key-value-store.ts'
import { elsewhereKey } from './own-keys.ts'
import type { Incarnation } from '../base/brand.ts'
import type { KnownLife } from './own-lives.ts'

/** What was noted of the life of each of these claims; 0 where nothing was. */
export const readElsewhere = async (store: KeyValueStore, known: readonly KnownLife[]): Promise<number[]> => {
  const rows = await store.getMany(known.map(({ incarnation }) => elsewhereKey(incarnation)))
  return rows.map((row) => (row === undefined ? 0 : (decodeOwn(row) as number)))
}

/** Durable; it never gets less. */
export const noteElsewhere = async (store: KeyValueStore, known: readonly KnownLife[]): Promise<void> => {
  const noted = await readElsewhere(store, known)
  const most = new Map<Incarnation, number>()
  for (const [index, { incarnation, sequence }] of known.entries()) most.set(incarnation, Math.max(sequence, most.get(incarnation) ?? 0, noted[index] ?? 0))
  await store.write([...most].map(([incarnation, sequence]) => put(elsewhereKey(incarnation), encodeCbor(sequence))), { durable: true })
}
