/** A mesh's whole trust, from a seed: charter, admin, endpoints and agents with real keys and real signatures. */
import { toBase32, utf8 } from '../src/base/bytes.ts'
import { sha256 } from '../src/base/codec.ts'
import { limits } from '../src/base/limits.ts'
import { charterKind } from '../src/record/charter.ts'
import { credentialKind, type CredentialBody } from '../src/record/credential.ts'
import { inviteKind, type Labels, type Role } from '../src/record/invite.ts'
import { signerFromSeed, type Signer } from '../src/record/keys.ts'
import { sealRecord } from '../src/record/record.ts'
import { sessionKind } from '../src/record/session.ts'
import { openCharterChain, type CharterChain } from '../src/trust/charter-chain.ts'
import type { KeyId, MeshId, Millis } from '../src/base/brand.ts'
import type { Membership } from '../src/trust/admission.ts'

export interface Member {
  readonly name: string
  readonly peer: Signer
  readonly executor: Signer
  readonly membership: Membership
}

export interface AdminIdentity {
  readonly name: string
  readonly signer: Signer
  /** Of the admin's node, and the session that lets it speak for the admin. */
  readonly peer: Signer
  readonly session: Uint8Array
}

export interface World {
  readonly startedAt: Millis
  readonly chain: CharterChain
  readonly admin: AdminIdentity
  /** Another admin, who may do wrong. */
  readonly rival: AdminIdentity
  readonly endpoints: readonly Member[]
  readonly agents: readonly Member[]
}

const startedAt: Millis = Date.UTC(2025, 5, 1)
/** Groups that orders select by. */
export const groups = ['web', 'data', 'edge'] as const
const invitesOpenMs = 3_600_000

export const createWorld = (seed: string, sizes: { readonly endpoints: number; readonly agents: number }): World => {
  const keyOf = (name: string): Signer => signerFromSeed(sha256(utf8(`writ simulation ${seed}: ${name}`)))
  const [root, admin, rival] = [keyOf('root'), keyOf('admin'), keyOf('rival')]
  const endpointNames = namesOf('endpoint', sizes.endpoints)
  const charter = sealRecord(
    charterKind,
    {
      name: 'simulated', version: 1, previous: null, rootKeys: [root.key], threshold: 1,
      admins: [{ name: 'admin', key: admin.key }, { name: 'rival', key: rival.key }].map((one) => ({ ...one, may: [{ formats: ['*'], on: '' }] })),
      endpoints: endpointNames.map((name) => ({ key: keyOf(`peer ${name}`).key, name })),
      enrollers: [{ key: admin.key, name: 'admin' }],
      issuedAt: startedAt, expiresAt: startedAt + limits.trust.charterValidityMs
    },
    [root]
  )
  const mesh = charter.id as string as MeshId
  const chain = openCharterChain(mesh, [charter.bytes])
  if (!chain.ok) throw new Error(`the simulated charter is not valid: ${chain.detail}`)
  const invite = (name: string, role: Role, labels: Labels): Invite => makeInvite({ mesh, admin, token: keyOf(`token ${name}`) }, role, labels)
  /** One for each group: a fleet's agents come by a token that is good for many. */
  const groupInvites = groups.map((group) => invite(group, 'agent', { group }))
  const enrol = (name: string, by: Invite | undefined): Member => {
    if (by === undefined) throw new Error(`no invite for ${name}`)
    return enrolMember({ admin, keyOf }, name, by)
  }
  const identify = (name: string, signer: Signer): AdminIdentity => {
    const peer = keyOf(`peer ${name}`)
    const session = { mesh, admin: signer.key, peer: peer.key, issuedAt: startedAt, expiresAt: startedAt + limits.trust.sessionValidityMs }
    return { name, signer, peer, session: sealRecord(sessionKind, session, [signer]).bytes }
  }
  return {
    startedAt, chain: chain.value,
    admin: identify('admin', admin),
    rival: identify('rival', rival),
    endpoints: endpointNames.map((name) => enrol(name, invite(name, 'endpoint', {}))),
    agents: namesOf('agent', sizes.agents).map((name, index) => enrol(name, groupInvites[index % groups.length]))
  }
}

const namesOf = (kind: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`)

interface Invite {
  readonly token: Signer
  readonly record: Membership['invite']
}

const makeInvite = ({ mesh, admin, token }: { readonly mesh: MeshId; readonly admin: Signer; readonly token: Signer }, role: Role, labels: Labels): Invite => {
  const uses = role === 'endpoint' ? 1 : limits.trust.inviteUsesMax
  const terms = { mesh, enroller: admin.key, token: token.key, counter: admin.key, role, labels, uses, issuedAt: startedAt, expiresAt: startedAt + invitesOpenMs }
  return { token, record: sealRecord(inviteKind, terms, [admin]) }
}

const enrolMember = ({ admin, keyOf }: { readonly admin: Signer; readonly keyOf: (name: string) => Signer }, name: string, { token, record: invite }: Invite): Member => {
  const [peer, executor] = [keyOf(`peer ${name}`), keyOf(`executor ${name}`)]
  const { mesh, role, labels } = invite.body
  const body: CredentialBody = {
    mesh, invite: invite.bytes, peer: peer.key, executor: executor.key, name, role, labels,
    sealing: toBase32(sha256(utf8(`sealing ${name}`))),
    enrolledAt: startedAt, expiresAt: startedAt + limits.trust.credentialValidityMs
  }
  return { name, peer, executor, membership: { credential: sealRecord(credentialKind, body, [token, peer, executor, admin]), invite } }
}

/** By key: for reports that a person reads. */
export const namesByKey = (world: World): ReadonlyMap<KeyId, string> =>
  new Map([...world.endpoints, ...world.agents].map(({ name, peer }) => [peer.key, name] as const).concat([world.admin, world.rival].map(({ name, peer }) => [peer.key, name] as const)))
