/**
 * The envelope of everything that crosses the mesh.
 *
 * On the wire a record is the canonical dag-cbor of `[type, body, [[key, signature]…]]`, where `body` is itself the
 * canonical dag-cbor of the record's fields, as bytes. What is signed, and what the record's id is the SHA-256 of, is
 * `writ/1/<type>` and a zero byte, followed by the body's bytes: a signature for one type is worth nothing for
 * another. The id does not cover the signatures, so that co-signing keeps it.
 *
 * A `Sealed` record has the right shape; only `verify…` makes it `Verified`, and only that may be acted upon.
 */
import * as v from 'valibot'
import { compareText, toBase32, utf8, concatBytes } from '../base/bytes.ts'
import { decodeCbor, encodeCbor, sha256 } from '../base/codec.ts'
import type { ReadOptions } from '../base/cbor-reader.ts'
import { accept, reject, type Result } from '../base/result.ts'
import { checkShape, bytesSchema, keyIdSchema } from '../base/schema.ts'
import type { Brand, KeyId, RecordId } from '../base/brand.ts'
import { verifySignature, type CheckSignature, type Signer } from './keys.ts'
import { proveSignature } from './proven-signatures.ts'

export interface RecordKind<Body> {
  readonly type: string
  readonly schema: v.GenericSchema<unknown, Body>
  readonly sizeBytesMax: number
}

export interface Signature {
  readonly key: KeyId
  readonly signature: Uint8Array
}

export interface Sealed<Body> {
  readonly type: string
  readonly id: RecordId
  readonly body: Body
  /** What was signed and hashed, domain and body: what `verify…` checks, so that id and signatures cover the very same bytes. */
  readonly message: Uint8Array
  /** Sorted by key, each key once. */
  readonly signatures: readonly Signature[]
  /** The whole record as it travels. */
  readonly bytes: Uint8Array
}

export type Verified<Body> = Brand<Sealed<Body>, 'Verified'>

const envelopeSchema = v.strictTuple([
  v.string(),
  v.instance(Uint8Array),
  v.pipe(v.array(v.strictTuple([keyIdSchema, bytesSchema(64)])), v.minLength(1), v.maxLength(32))
])

/** Of the few types that there are. */
const domains = new Map<string, Uint8Array>()
const domainOf = (type: string): Uint8Array => {
  const known = domains.get(type)
  if (known !== undefined) return known
  const domain = utf8(`writ/1/${type}\0`)
  domains.set(type, domain)
  return domain
}

const idOf = (message: Uint8Array): RecordId => toBase32(sha256(message)) as RecordId

const encodeEnvelope = (type: string, message: Uint8Array, signatures: readonly Signature[]): Uint8Array =>
  encodeCbor([type, message.subarray(domainOf(type).length), signatures.map(({ key, signature }) => [key, signature])])

/** Signs a body that this process made itself; a body of the wrong shape is a programmer's mistake and throws. */
export const sealRecord = <Body>(kind: RecordKind<Body>, body: Body, signers: readonly Signer[]): Verified<Body> => {
  const shaped = checkShape(kind.schema, body)
  if (!shaped.ok) throw new Error(`a ${kind.type} of the wrong shape: ${shaped.detail}`)
  const message = concatBytes([domainOf(kind.type), encodeCbor(body)])
  const signatures = sortSignatures(signers.map((signer) => ({ key: signer.key, signature: signer.sign(message) })))
  const bytes = encodeEnvelope(kind.type, message, signatures)
  if (bytes.length > kind.sizeBytesMax) throw new Error(`a ${kind.type} of ${bytes.length} bytes, at most ${kind.sizeBytesMax} are allowed`)
  const sealed: Sealed<Body> = { type: kind.type, id: idOf(message), body, message, signatures, bytes }
  return sealed as Verified<Body>
}

/** Adds a signature to a record; its id stays. */
export const cosignRecord = <Body>(record: Verified<Body>, signer: Signer): Verified<Body> => {
  const { type, message } = record
  const others = record.signatures.filter(({ key }) => key !== signer.key)
  const signatures = sortSignatures([...others, { key: signer.key, signature: signer.sign(message) }])
  return { ...record, signatures, bytes: encodeEnvelope(type, message, signatures) }
}

/** Untrusted bytes to a record of the right type, size and shape. Its signatures are not checked yet. */
export const decodeRecord = <Body>(kind: RecordKind<Body>, received: Uint8Array): Result<Sealed<Body>> => {
  if (received.length > kind.sizeBytesMax) return reject('oversized', `${received.length} bytes, at most ${kind.sizeBytesMax} are allowed`)
  // A copy of the record's own, with views into it: what it came in is a larger message, or is changed by others. What was
  // signed lies behind it, since what comes by the thousand is paid for by the allocation.
  const domain = domainOf(kind.type)
  const room = new Uint8Array(received.length + domain.length + received.length)
  const bytes = room.subarray(0, received.length)
  bytes.set(received)
  const decoded = decodeCbor(bytes, views)
  if (!decoded.ok) return decoded
  const envelope = checkShape(envelopeSchema, decoded.value)
  if (!envelope.ok) return envelope
  const [type, bodyBytes, pairs] = envelope.value
  if (type !== kind.type) return reject('wrong-type', `a ${type} where a ${kind.type} was expected`)
  const signatures = pairs.map(([key, signature]) => ({ key, signature }))
  if (!isSortedByKey(signatures)) return reject('malformed', 'the signatures are not sorted by key, each key once')
  const fields = decodeCbor(bodyBytes, views)
  if (!fields.ok) return fields
  const body = checkShape(kind.schema, fields.value)
  if (!body.ok) return body
  const message = room.subarray(received.length, received.length + domain.length + bodyBytes.length)
  message.set(domain)
  message.set(bodyBytes, domain.length)
  return accept({ type, id: idOf(message), body: body.value, message, signatures, bytes })
}

const views: ReadOptions = { views: true }

/** Checks every signature, on the thread pool unless `check` does otherwise; `signers` says whose must be among them. */
export const verifyRecord = async <Body>(record: Sealed<Body>, signers: readonly KeyId[], check: CheckSignature = verifySignature): Promise<Result<Verified<Body>>> => {
  const missing = missingSigner(record, signers)
  if (missing !== undefined) return missing
  const { message, signatures } = record
  const [first] = signatures
  // Nearly all records have one signature, and each promise costs something.
  const isValid = first !== undefined && signatures.length === 1 ? await check(first.key, message, first.signature) : (await Promise.all(signatures.map(({ key, signature }) => check(key, message, signature)))).every(Boolean)
  return isValid ? accept(record as Verified<Body>) : reject('bad-signature', `a signature of the ${record.type} is not valid`)
}

/** The same check on this thread, for what comes again and again: signatures that were proved before cost next to nothing. */
export const verifyRecordSync = <Body>(record: Sealed<Body>, signers: readonly KeyId[]): Result<Verified<Body>> => {
  const missing = missingSigner(record, signers)
  if (missing !== undefined) return missing
  const { message } = record
  const valid = record.signatures.every(({ key, signature }) => proveSignature(key, message, signature))
  return valid ? accept(record as Verified<Body>) : reject('bad-signature', `a signature of the ${record.type} is not valid`)
}

const missingSigner = (record: Sealed<unknown>, signers: readonly KeyId[]) => {
  const missing = signers.find((wanted) => !record.signatures.some(({ key }) => key === wanted))
  return missing === undefined ? undefined : reject('bad-signature', `the ${record.type} is not signed by ${missing}`)
}

const sortSignatures = (signatures: readonly Signature[]): Signature[] => [...signatures].sort((left, right) => compareText(left.key, right.key))

const isSortedByKey = (signatures: readonly Signature[]): boolean =>
  signatures.every(({ key }, index) => index === 0 || compareText(signatures[index - 1]?.key ?? '', key) === -1)
