/**
 * Who may speak on a connection, and as what: the pure judgement behind the hello. Nothing here trusts an endpoint;
 * each chain leads to the charter.
 */
import { accept, reject, type Result } from '../base/result.ts'
import { isEqualBytes } from '../base/bytes.ts'
import { encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { credentialKind, type CredentialBody } from '../record/credential.ts'
import { inviteKind, type InviteBody } from '../record/invite.ts'
import { sessionKind, type SessionBody } from '../record/session.ts'
import { decodeRecord, verifyRecordSync, type Verified } from '../record/record.ts'
import { wasEverEnroller, type CharterChain } from './charter-chain.ts'
import type { KeyId, Millis } from '../base/brand.ts'

const { clockToleranceMs } = limits.trust

/** A node's credential together with the invite that it came by. */
export interface Membership {
  readonly credential: Verified<CredentialBody>
  readonly invite: Verified<InviteBody>
}

/**
 * Checks an invite's signature and enroller. Whether it is still open is asked apart, since a credential outlives it.
 * Errors: `wrong-mesh`, `not-an-enroller`, `bad-signature`, `malformed`, `oversized`, `wrong-type`.
 */
export const openInvite = (chain: CharterChain, bytes: Uint8Array): Result<Verified<InviteBody>> => {
  const decoded = decodeRecord(inviteKind, bytes)
  if (!decoded.ok) return decoded
  const { body } = decoded.value
  if (body.mesh !== chain.mesh) return reject('wrong-mesh', 'the invite is for another mesh')
  if (!wasEverEnroller(chain, body.enroller)) return reject('not-an-enroller', 'the invite was not signed by an enroller of this mesh')
  return verifyRecordSync(decoded.value, [body.enroller])
}

/** Errors: `token-expired`. */
export const checkInviteOpen = (invite: InviteBody, now: Millis): Result<null> =>
  now > invite.expiresAt ? reject('token-expired', `the token expired at ${new Date(invite.expiresAt).toISOString()}; ask an enroller for a new one`) : accept(null)

/**
 * Checks a credential's whole chain, but for its counter's signature: what a counter sees before it countersigns.
 * Errors: `wrong-mesh`, `not-an-enroller`, `bad-credential`, `bad-signature`, `malformed`, `oversized`, `wrong-type`.
 */
export const openRequestedCredential = (chain: CharterChain, bytes: Uint8Array): Result<Membership> => {
  const decoded = decodeRecord(credentialKind, bytes)
  if (!decoded.ok) return decoded
  const { body } = decoded.value
  if (body.mesh !== chain.mesh) return reject('wrong-mesh', 'the credential is for another mesh')
  const invite = openInvite(chain, body.invite)
  if (!invite.ok) return invite
  const terms = invite.value.body
  if (terms.role !== body.role) return reject('bad-credential', 'the credential claims another role than its invite grants')
  if (!isEqualBytes(encodeCbor(terms.labels), encodeCbor(body.labels))) return reject('bad-credential', 'the credential claims other labels than its invite grants')
  if (body.enrolledAt > terms.expiresAt + clockToleranceMs) return reject('bad-credential', 'the credential was made after its invite expired')
  const verified = verifyRecordSync(decoded.value, [terms.token, body.peer, body.executor])
  return verified.ok ? accept({ credential: verified.value, invite: invite.value }) : verified
}

/** A credential with all of its signatures. Errors: those of `openRequestedCredential`. */
export const openCredential = (chain: CharterChain, bytes: Uint8Array): Result<Membership> => {
  const opened = openRequestedCredential(chain, bytes)
  if (!opened.ok) return opened
  const { counter } = opened.value.invite.body
  if (!opened.value.credential.signatures.some(({ key }) => key === counter)) return reject('bad-credential', 'the credential was not countersigned by the endpoint that counts its invite')
  return opened
}

/** Errors: `credential-expired`. */
export const checkCredentialCurrent = (credential: CredentialBody, now: Millis): Result<null> =>
  now > credential.expiresAt + clockToleranceMs ? reject('credential-expired', `the credential of ${credential.name} expired at ${new Date(credential.expiresAt).toISOString()}`) : accept(null)

/** An endpoint is a node that was enrolled as one and that the charter in force lists, by its key or by its invite's. */
export const isEndpoint = (chain: CharterChain, { credential, invite }: Membership): boolean =>
  credential.body.role === 'endpoint' && chain.current.endpoints.some(({ key }) => key === credential.body.peer || key === invite.body.token)

/**
 * An admin's session for the peer key `peer`. Errors: `wrong-mesh`, `not-an-admin`, `session-expired`, `bad-signature`,
 * `bad-session`, `malformed`, `oversized`, `wrong-type`.
 */
export const openSession = (chain: CharterChain, bytes: Uint8Array, peer: KeyId, now: Millis): Result<Verified<SessionBody>> => {
  const decoded = decodeRecord(sessionKind, bytes)
  if (!decoded.ok) return decoded
  const { body } = decoded.value
  if (body.mesh !== chain.mesh) return reject('wrong-mesh', 'the session is for another mesh')
  if (!chain.current.admins.some(({ key }) => key === body.admin)) return reject('not-an-admin', 'the session was not signed by an admin of this mesh')
  if (body.peer !== peer) return reject('bad-session', 'the session is for another peer key')
  if (now > body.expiresAt + clockToleranceMs || now < body.issuedAt - clockToleranceMs) return reject('session-expired', 'the session is not valid now; compare the clocks of admin and endpoint')
  return verifyRecordSync(decoded.value, [body.admin])
}

