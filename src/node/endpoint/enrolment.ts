/**
 * Enrolment: what a new node asks for, and whether the endpoint that counts an invite's uses grants it. Pure.
 */
import { accept, reject, type Result } from '../../base/result.ts'
import { limits } from '../../base/limits.ts'
import { credentialKind, type CredentialBody } from '../../record/credential.ts'
import { cosignRecord, sealRecord, type Verified } from '../../record/record.ts'
import { checkInviteOpen, openRequestedCredential, type Membership } from '../../trust/admission.ts'
import type { CharterChain } from '../../trust/charter-chain.ts'
import type { InviteBody } from '../../record/invite.ts'
import type { Signer } from '../../record/keys.ts'
import type { KeyId, Millis } from '../../base/brand.ts'

export interface NodeKeys {
  readonly peer: Signer
  readonly executor: Signer
  /** Raw X25519 public key in base32. */
  readonly sealing: string
}

/** The credential as its node asks for it: all signatures but the counter's. */
export const requestCredential = (invite: Verified<InviteBody>, token: Signer, keys: NodeKeys, name: string, now: Millis): Verified<CredentialBody> =>
  sealRecord(
    credentialKind,
    {
      mesh: invite.body.mesh,
      invite: invite.bytes,
      peer: keys.peer.key,
      executor: keys.executor.key,
      sealing: keys.sealing,
      name,
      role: invite.body.role,
      labels: invite.body.labels,
      enrolledAt: now,
      expiresAt: now + limits.trust.credentialValidityMs
    },
    [token, keys.peer, keys.executor]
  )

export interface EnrolmentLedger {
  /** Peers that this invite has been granted to, as far as is known. */
  readonly grantedTo: ReadonlySet<KeyId>
  /** Uses up to then may be missing; 0 when none are. */
  readonly lostBefore: Millis
  /** Who has this name now, if anybody. */
  readonly nameHolder: KeyId | null
}

/** Shape, chain and token of a request. Errors: those of `openRequestedCredential`, `wrong-counter`. */
export const openEnrolment = (chain: CharterChain, counter: KeyId, bytes: Uint8Array): Result<Membership> => {
  const request = openRequestedCredential(chain, bytes)
  if (!request.ok) return request
  return request.value.invite.body.counter === counter ? request : reject('wrong-counter', 'another endpoint counts the uses of this token; join through that one')
}

/** Grants are idempotent for one peer. Errors: `token-expired`, `token-used-up`, `token-uncounted`, `name-taken`, `clock-skew`. */
export const grantEnrolment = (request: Membership, ledger: EnrolmentLedger, counter: Signer, now: Millis): Result<Verified<CredentialBody>> => {
  const { credential, invite } = request
  const open = checkInviteOpen(invite.body, now)
  if (!open.ok) return open
  if (Math.abs(credential.body.enrolledAt - now) > limits.trust.clockToleranceMs) return reject('clock-skew', 'the clocks of this node and of the endpoint differ by more than 10 minutes; set them first')
  if (ledger.nameHolder !== null && ledger.nameHolder !== credential.body.peer) return reject('name-taken', `the name ${credential.body.name} is taken; join with another --name`)
  // Invites may come from a clock that is ahead.
  if (!ledger.grantedTo.has(credential.body.peer) && ledger.lostBefore > 0 && invite.body.issuedAt <= ledger.lostBefore + limits.trust.clockToleranceMs) {
    const from = new Date(ledger.lostBefore + limits.trust.clockToleranceMs).toISOString()
    return reject('token-uncounted', `this endpoint has lost count of the uses of tokens made before ${from}; ask for a new one, or for one of another endpoint`)
  }
  if (!ledger.grantedTo.has(credential.body.peer) && ledger.grantedTo.size >= invite.body.uses) return reject('token-used-up', `the token was good for ${invite.body.uses} use(s), all spent; ask for a new one`)
  return accept(cosignRecord(credential, counter))
}
