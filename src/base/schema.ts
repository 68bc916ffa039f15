/**
 * Shapes of untrusted input, by valibot. Every schema here is closed: an unknown field is an error.
 */
import * as v from 'valibot'
import { decodeCbor } from './codec.ts'
import { accept, reject, type Result } from './result.ts'
import { hasShape, sameValue } from './shape-check.ts'
import type { IndicationId, Incarnation, KeyId, MeshId, Millis, RecordId } from './brand.ts'

// The last character carries bits beyond the last byte; they must be zero, so that bytes have one text and every text decodes.
const base32Of32Bytes = v.pipe(v.string(), v.regex(/^[a-z2-7]{51}[aq]$/, 'expected 32 bytes as 52 base32 characters'))
const base32Of16Bytes = v.pipe(v.string(), v.regex(/^[a-z2-7]{25}[aeimquy4]$/, 'expected 16 bytes as 26 base32 characters'))

export const recordIdSchema = v.pipe(base32Of32Bytes, v.transform<string, RecordId>(sameValue))
export const indicationIdSchema = v.pipe(base32Of32Bytes, v.transform<string, IndicationId>(sameValue))
export const meshIdSchema = v.pipe(base32Of32Bytes, v.transform<string, MeshId>(sameValue))
export const keyIdSchema = v.pipe(base32Of32Bytes, v.transform<string, KeyId>(sameValue))
export const sealingKeySchema = base32Of32Bytes
export const incarnationSchema = v.pipe(base32Of16Bytes, v.transform<string, Incarnation>(sameValue))
export const nonceSchema = base32Of16Bytes
export const sha256Schema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'))
export const millisSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.transform<number, Millis>(sameValue))
export const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
export const textSchema = (lengthMax: number) => v.pipe(v.string(), v.maxLength(lengthMax))
// Not `instance(Uint8Array)`, whose type would refuse bytes over a buffer that may be shared, as libraries return them.
const uint8ArraySchema = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected bytes')
export const bytesSchema = (sizeBytesMax: number) =>
  v.pipe(uint8ArraySchema, v.check((bytes) => bytes.length <= sizeBytesMax, `longer than ${sizeBytesMax} bytes`))

/** A node's or an admin's name: what an operator types on a command line. */
export const nodeNameSchema = v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/, 'a name is 1 to 63 of a-z 0-9 . _ - and starts and ends with a letter or digit'))
export const labelKeySchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/, 'a label key is 1 to 63 of A-Z a-z 0-9 . _ / -'))
export const labelValueSchema = v.pipe(v.string(), v.regex(/^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, 'a label value is 0 to 63 of A-Z a-z 0-9 . _ -'))

/** valibot's `record` drops these silently; a field that vanishes between two readers of one record must be refused. */
const hasReservedKey = (map: unknown): boolean =>
  typeof map === 'object' && map !== null && ['__proto__', 'constructor', 'prototype'].some((key) => Object.hasOwn(map, key))

/** A text map with bounded size, as parameters and environments are. */
export const textMapSchema = (entriesMax: number, keySchema: v.GenericSchema<string, string>, valueSchema: v.GenericSchema<string, string>) =>
  v.pipe(
    v.unknown(),
    v.check((map) => !hasReservedKey(map), '__proto__, constructor and prototype are reserved'),
    v.record(keySchema, valueSchema),
    v.check((map) => Object.keys(map).length <= entriesMax, `more than ${entriesMax} entries`)
  )

/** Every problem of `value` against `schema`, each with its path, as one line of text. */
export const checkShape = <S extends v.GenericSchema>(schema: S, value: unknown): Result<v.InferOutput<S>> => {
  if (hasShape(schema, value)) return accept(value as v.InferOutput<S>)
  const parsed = v.safeParse(schema, value)
  if (parsed.success) return accept(parsed.output)
  return reject('malformed', parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'value'}: ${issue.message}`).join('; '))
}

/** Untrusted bytes of a message to its type: size first, then canonical form, then shape. */
export const decodeShape = <S extends v.GenericSchema>(schema: S, bytes: Uint8Array, sizeBytesMax: number): Result<v.InferOutput<S>> => {
  if (bytes.length > sizeBytesMax) return reject('oversized', `${bytes.length} bytes, at most ${sizeBytesMax} are allowed`)
  const decoded = decodeCbor(bytes)
  return decoded.ok ? checkShape(schema, decoded.value) : decoded
}
