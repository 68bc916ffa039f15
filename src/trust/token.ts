/**
 * The invite token: all that a new server needs to join, as one word that survives a chat window. It holds a secret;
 * whoever has it may enrol as often as the invite says.
 */
import * as v from 'valibot'
import { fromBase32, isEqualBytes, toBase32 } from '../base/bytes.ts'
import { encodeCbor, sha256 } from '../base/codec.ts'
import { accept, reject, type Result } from '../base/result.ts'
import { bytesSchema, decodeShape, meshIdSchema, nodeNameSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { endpointAddressSchema } from './home-config.ts'

const tokenSchema = v.strictObject({
  mesh: meshIdSchema,
  meshName: nodeNameSchema,
  invite: bytesSchema(limits.record.inviteBytesMax),
  /** Seed of the key that the invite names. */
  secret: v.pipe(bytesSchema(32), v.check((bytes) => bytes.length === 32, 'expected 32 bytes')),
  endpoints: v.pipe(v.array(endpointAddressSchema), v.maxLength(64))
})

export type Token = v.InferOutput<typeof tokenSchema>

const prefix = 'writ1'
const checksumBytes = 4
const sizeBytesMax = 64 * 1024

export const encodeToken = (token: Token): string => {
  const body = encodeCbor(token)
  return prefix + toBase32(Buffer.concat([body, sha256(body).subarray(0, checksumBytes)]))
}

/** Errors: `bad-token`. */
export const decodeToken = (text: string): Result<Token> => {
  const trimmed = text.trim()
  if (!trimmed.startsWith(prefix) || !/^[a-z2-7]+$/.test(trimmed.slice(prefix.length))) return reject('bad-token', 'this is no token of Writ: it should be one word that starts with writ1; copy it again')
  const bytes = decodeBase32(trimmed.slice(prefix.length))
  const body = bytes.subarray(0, Math.max(0, bytes.length - checksumBytes))
  if (!isEqualBytes(sha256(body).subarray(0, checksumBytes), bytes.subarray(body.length))) return reject('bad-token', 'the token is damaged or cut short; copy it again')
  const token = decodeShape(tokenSchema, body, sizeBytesMax)
  return token.ok ? accept(token.value) : reject('bad-token', `the token cannot be read: ${token.detail}`)
}

/** Text of an impossible length or with stray bits decodes to nothing, and so fails the checksum. */
const decodeBase32 = (text: string): Uint8Array => {
  try {
    return fromBase32(text)
  } catch {
    return new Uint8Array()
  }
}
