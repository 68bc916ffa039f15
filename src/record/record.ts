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
import { compareText, concatBriefly, concatBytes, toBase32, utf8 } from '../base/bytes.ts'
import { decodeCbor, encodeCbor, sha256 } from '../base/codec.ts'
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
  /** The body as it was signed and hashed: what `verify…` checks, so that id and signatures cover the very same bytes. */
  readonly bodyBytes: Uint8Array
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

const signedBytes = (type: string, bodyBytes: Uint8Array): Uint8Array => concatBytes([domainOf(type), bodyBytes])

/** Of the few types that there are. */
const domains = new Map<string, Uint8Array>()
const domainOf = (type: string): Uint8Array => {
  const known = domains.get(type)
  if (known !== undefined) return known
  const domain = utf8(`writ/1/${type}\0`)
  domains.set(type, domain)
  return domain
}

const idOf = (type: string, bodyBytes: Uint8Array): RecordId => toBase32(sha256(concatBriefly([domainOf(type), bodyBytes]))) as RecordId

const assemble = <Body>(type: string, body: Body, bodyBytes: Uint8Array, signatures: readonly Signature[], bytes = encodeEnvelope(type, bodyBytes, signatures)): Sealed<Body> => ({
  type,
  id: idOf(type, bodyBytes),
  body,
  bodyBytes,
  signatures,
  bytes
})

const encodeEnvelope = (type: string, bodyBytes: Uint8Array, signatures: readonly Signature[]): Uint8Array =>
  encodeCbor([type, bodyBytes, signatures.map(({ key, signature }) => [key, signature])])

/** Signs a body that this process made itself; a body of the wrong shape is a programmer's mistake and throws. */
export const sealRecord = <Body>(kind: RecordKind<Body>, body: Body, signers: readonly Signer[]): Verified<Body> => {
  const shaped = checkShape(kind.schema, body)
  if (!shaped.ok) throw new Error(`a ${kind.type} of the wrong shape: ${shaped.detail}`)
  const bodyBytes = encodeCbor(body)
  const message = signedBytes(kind.type, bodyBytes)
  const signatures = sortSignatures(signers.map((signer) => ({ key: signer.key, signature: signer.sign(message) })))
  const sealed = assemble(kind.type, body, bodyBytes, signatures)
  if (sealed.bytes.length > kind.sizeBytesMax) throw new Error(`a ${kind.type} of ${sealed.bytes.length} bytes, at most ${kind.sizeBytesMax} are allowed`)
  return sealed as Verified<Body>
}

/** Adds a signature to a record; its id stays. */
export const cosignRecord = <Body>(record: Verified<Body>, signer: Signer): Verified<Body> => {
  const { bodyBytes } = record
  const others = record.signatures.filter(({ key }) => key !== signer.key)
  const signature = { key: signer.key, signature: signer.sign(signedBytes(record.type, bodyBytes)) }
  return assemble(record.type, record.body, bodyBytes, sortSignatures([...others, signature])) as Verified<Body>
}

/** Untrusted bytes to a record of the right type, size and shape. Its signatures are not checked yet. */
export const decodeRecord = <Body>(kind: RecordKind<Body>, received: Uint8Array): Result<Sealed<Body>> => {
  if (received.length > kind.sizeBytesMax) return reject('oversized', `${received.length} bytes, at most ${kind.sizeBytesMax} are allowed`)
  // A copy of the record's own, with views into it: what it came in is a larger message, or is changed by others.
  const bytes = new Uint8Array(received)
  const decoded = decodeCbor(bytes, { views: true })
  if (!decoded.ok) return decoded
  const envelope = checkShape(envelopeSchema, decoded.value)
  if (!envelope.ok) return envelope
  const [type, bodyBytes, pairs] = envelope.value
  if (type !== kind.type) return reject('wrong-type', `a ${type} where a ${kind.type} was expected`)
  const signatures = pairs.map(([key, signature]) => ({ key, signature }))
  if (!isSortedByKey(signatures)) return reject('malformed', 'the signatures are not sorted by key, each key once')
  const fields = decodeCbor(bodyBytes, { views: true })
  if (!fields.ok) return fields
  const body = checkShape(kind.schema, fields.value)
  return body.ok ? accept(assemble(type, body.value, bodyBytes, signatures, bytes)) : body
}

/** Checks every signature, on the thread pool unless `check` does otherwise; `signers` says whose must be among them. */
export const verifyRecord = async <Body>(record: Sealed<Body>, signers: readonly KeyId[], check: CheckSignature = verifySignature): Promise<Result<Verified<Body>>> => {
  const missing = missingSigner(record, signers)
  if (missing !== undefined) return missing
  const message = signedBytes(record.type, record.bodyBytes)
  const valid = await Promise.all(record.signatures.map(({ key, signature }) => check(key, message, signature)))
  return valid.every(Boolean) ? accept(record as Verified<Body>) : reject('bad-signature', `a signature of the ${record.type} is not valid`)
}

/** The same check on this thread, for what comes again and again: signatures that were proved before cost next to nothing. */
export const verifyRecordSync = <Body>(record: Sealed<Body>, signers: readonly KeyId[]): Result<Verified<Body>> => {
  const missing = missingSigner(record, signers)
  if (missing !== undefined) return missing
  const message = signedBytes(record.type, record.bodyBytes)
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
