/**
 * Verifies records that are hash-linked, such as entries of a log, at the price of their tips. A record's id is the hash
 * of what is signed, and `previous` is part of that: so a signature on one record vouches for every record that it links
 * to, however far down, as long as these claim the same signer and the caller lets the one speak for the other. A tip that
 * fails vouches for nothing: its predecessor is then judged as a tip. Each record is verified at most once, and the
 * result does not depend on what answers first.
 */
import { accept, type Result } from '../base/result.ts'
import { verifyRecord, type Sealed, type Verified } from './record.ts'
import type { KeyId, RecordId } from '../base/brand.ts'
import type { CheckSignature } from './keys.ts'

export interface Linked {
  /** Record id of the signer's record before. */
  readonly previous: RecordId | null
}

export interface Proven<Body> {
  readonly record: Verified<Body>
  /** By its own signature; otherwise by that of a record that links to it. */
  readonly isSigned: boolean
}

export interface VouchingOptions<Body> {
  readonly signerOf: (body: Body) => KeyId
  /** Whether a record of one signer may speak for the one before it; always, when absent. */
  readonly mayVouch?: (body: Body, previous: Body) => boolean
  readonly checkSignature: CheckSignature
  /** Whether a record that was verified earlier, and may speak for this one, names it as its predecessor. */
  readonly isVouched?: (record: Sealed<Body>) => boolean
}

/** All records with one id: their bodies are the same, their signatures need not be. */
interface Place<Body> {
  /** Where they stand among all. */
  readonly copies: number[]
  readonly signer: KeyId
  readonly body: Body
  /** Places that link to this one and may still vouch for it. */
  open: number
  isAuthentic: boolean
}

/**
 * One result for each record, in their order. What is vouched for is accepted whatever its own signature says: its author
 * signed its hash, so nobody else can have written it. Errors: `bad-signature`.
 */
export const verifyLinked = async <Body extends Linked>(records: readonly Sealed<Body>[], options: VouchingOptions<Body>): Promise<Result<Proven<Body>>[]> => {
  const { signerOf, mayVouch, checkSignature, isVouched } = options
  const places = layOut(records, signerOf)
  const results: Result<Proven<Body>>[] = []
  const parentOf = ({ body, signer }: Place<Body>): Place<Body> | undefined => {
    const parent = body.previous === null ? undefined : places.get(body.previous)
    return parent?.signer === signer && mayVouch?.(body, parent.body) !== false ? parent : undefined
  }
  const vouchFor = (place: Place<Body> | undefined): void => {
    for (let current = place; current !== undefined && !current.isAuthentic; current = parentOf(current)) {
      current.isAuthentic = true
      for (const index of current.copies) results[index] = accept({ record: records[index] as Verified<Body>, isSigned: false })
    }
  }
  const verifyFrom = async (tip: Place<Body>): Promise<void> => {
    for (let current: Place<Body> | undefined = tip; current !== undefined; current = parentOf(current)) {
      if (current.isAuthentic || (current !== tip && (current.open -= 1) > 0)) return
      const signers = [current.signer]
      let isSigned = false
      for (const index of current.copies) {
        const verdict = await verifyRecord(records[index] as Sealed<Body>, signers, checkSignature)
        results[index] = verdict.ok ? accept({ record: verdict.value, isSigned: true }) : verdict
        isSigned ||= verdict.ok
      }
      if (isSigned) {
        current.isAuthentic = true
        return vouchFor(parentOf(current))
      }
    }
  }
  for (const place of places.values()) {
    const parent = parentOf(place)
    if (parent !== undefined) parent.open += 1
    if (isVouched !== undefined && place.copies.some((index) => isVouched(records[index] as Sealed<Body>))) vouchFor(place)
  }
  const tips: Place<Body>[] = []
  for (const place of places.values()) if (place.open === 0 && !place.isAuthentic) tips.push(place)
  await Promise.all(tips.map(verifyFrom))
  return results
}

const layOut = <Body extends Linked>(records: readonly Sealed<Body>[], signerOf: (body: Body) => KeyId): Map<RecordId, Place<Body>> => {
  const places = new Map<RecordId, Place<Body>>()
  for (const [index, record] of records.entries()) {
    const known = places.get(record.id)
    if (known === undefined) places.set(record.id, { copies: [index], signer: signerOf(record.body), body: record.body, open: 0, isAuthentic: false })
    else known.copies.push(index)
  }
  return places
}
