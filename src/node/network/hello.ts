/**
 * What two peers say to each other before anything else, and how each judges the other. Pure: libp2p-hello.ts moves
 * the bytes. Protocol, both sides alike:
 *
 * 1. a hello: mesh, the newest charter known, and who one is;
 * 2. an answer: the charters that the other lacks, and a verdict, `pending` where charters from the other may change it;
 * 3. where the verdict was pending, a second answer with the final one.
 *
 * A connection exists once both verdicts are `admitted`.
 */
import * as v from 'valibot'
import { utf8 } from '../../base/bytes.ts'
import { encodeCbor } from '../../base/codec.ts'
import { limits } from '../../base/limits.ts'
import { accept, reject, type Result } from '../../base/result.ts'
import { bytesSchema, countSchema, decodeShape, meshIdSchema, recordIdSchema, textSchema } from '../../base/schema.ts'
import { verifySignatureSync, type Signer } from '../../record/keys.ts'
import { checkCredentialCurrent, checkInviteOpen, isEndpoint, openCredential, openInvite, openSession } from '../../trust/admission.ts'
import { chartersAfter, knownVersions, type CharterChain } from '../../trust/charter-chain.ts'
import type { KeyId, MeshId, Millis } from '../../base/brand.ts'
import type { Admission } from './network.ts'

const identitySchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('node'), credential: bytesSchema(limits.record.credentialBytesMax) }),
  v.strictObject({ kind: v.literal('admin'), session: bytesSchema(limits.record.sessionBytesMax) }),
  /** `proof` is the token key's signature over mesh and peer: the invite alone could have been seen by anybody. */
  v.strictObject({ kind: v.literal('guest'), invite: bytesSchema(limits.record.inviteBytesMax), proof: bytesSchema(64) })
])

const helloSchema = v.strictObject({
  mesh: meshIdSchema,
  /** The newest charter known: its version and record id; 0 and null where none is. */
  charterVersion: countSchema,
  charterHead: v.nullable(recordIdSchema),
  identity: identitySchema
})

export const refusalCodeSchema = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,63}$/, 'a code is 1 to 64 of a-z 0-9 -'))
export const refusalDetailSchema = textSchema(1024)

const verdictSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('pending') }),
  v.strictObject({ kind: v.literal('admitted') }),
  v.strictObject({ kind: v.literal('refused'), code: refusalCodeSchema, detail: refusalDetailSchema })
])

const helloAnswerSchema = v.strictObject({
  charters: v.pipe(v.array(bytesSchema(limits.record.charterBytesMax)), v.maxLength(limits.network.helloChartersMax)),
  verdict: verdictSchema
})

export type Identity = v.InferOutput<typeof identitySchema>
export type Hello = v.InferOutput<typeof helloSchema>
export type Verdict = v.InferOutput<typeof verdictSchema>
export type HelloAnswer = v.InferOutput<typeof helloAnswerSchema>

/** Whom a side lets in: an endpoint everyone, an agent nodes and admins, an admin nodes, a guest endpoints. */
export type Door = 'endpoint' | 'agent' | 'admin' | 'guest'

const { helloBytesMax } = limits.network

export const encodeHello = (hello: Hello): Uint8Array => encodeCbor(hello)
export const decodeHello = (bytes: Uint8Array): Result<Hello> => decodeShape(helloSchema, bytes, helloBytesMax)
export const encodeHelloAnswer = (answer: HelloAnswer): Uint8Array => encodeCbor(answer)
export const decodeHelloAnswer = (bytes: Uint8Array): Result<HelloAnswer> => decodeShape(helloAnswerSchema, bytes, helloBytesMax)

export const composeHello = (mesh: MeshId, chain: CharterChain | null, identity: Identity): Hello => ({
  mesh,
  charterVersion: chain?.current.version ?? 0,
  charterHead: chain?.versions.at(-1)?.id ?? null,
  identity
})

const guestStatement = (mesh: MeshId, peer: KeyId): Uint8Array => utf8(`writ/1/guest\0${mesh}${peer}`)

/** What a guest shows: the invite, and proof that it holds the token's key and means this peer key. */
export const composeGuest = (invite: Uint8Array, token: Signer, mesh: MeshId, peer: KeyId): Identity => ({
  kind: 'guest',
  invite,
  proof: token.sign(guestStatement(mesh, peer))
})

/** The charters that the other side lacks, oldest first, as many as one answer may hold. */
export const planCharters = (chain: CharterChain | null, mesh: MeshId, other: Hello): Uint8Array[] => {
  if (chain === null || other.mesh !== mesh) return []
  const lacking = chartersAfter(chain, knownVersions(chain, other))
  const planned: Uint8Array[] = []
  let sizeBytes = 0
  for (const charter of lacking.slice(0, limits.network.helloChartersMax)) {
    sizeBytes += charter.length + charterOverheadBytes
    if (sizeBytes > helloBytesMax - verdictBytesMax) break
    planned.push(charter)
  }
  return planned
}

const charterOverheadBytes = 16
const verdictBytesMax = 4096

/** Whether charters from the other side may change how it is judged. */
export const awaitsCharters = (own: Hello, other: Hello): boolean =>
  own.mesh === other.mesh && (other.charterVersion > own.charterVersion || (other.charterVersion === own.charterVersion && other.charterHead !== own.charterHead))

/**
 * Who the peer behind `peer`, a key that the encryption has proved, is to be taken for. Errors: `wrong-mesh`,
 * `charter-unknown`, `not-admitted`, `not-an-endpoint`, `bad-credential`, `credential-expired`, `bad-proof`,
 * `token-expired`, and those of `openCredential`, `openSession` and `openInvite`.
 */
export const judgeHello = (chain: CharterChain | null, mesh: MeshId, hello: Hello, peer: KeyId, door: Door, now: Millis): Result<Admission> => {
  if (hello.mesh !== mesh) return reject('wrong-mesh', `a peer of the mesh ${hello.mesh} has no business in the mesh ${mesh}`)
  const { identity } = hello
  if (!doors[door].includes(identity.kind)) return reject('not-admitted', `${indefinite[door]} does not let in ${indefinite[identity.kind]}`)
  if (chain === null) return reject('charter-unknown', 'neither side knows a charter of the mesh')
  switch (identity.kind) {
    case 'node':
      return judgeNode(chain, identity.credential, peer, door, now)
    case 'admin':
      return judgeAdmin(chain, identity.session, peer, now)
    case 'guest':
      return judgeGuest(chain, identity, peer, now)
  }
}

const doors: Readonly<Record<Door, readonly Identity['kind'][]>> = {
  endpoint: ['node', 'admin', 'guest'],
  agent: ['node', 'admin'],
  admin: ['node'],
  guest: ['node']
}

const indefinite = { endpoint: 'an endpoint', agent: 'an agent', admin: 'an admin', guest: 'a guest', node: 'a node' } as const

const nobody = { role: null, isEndpoint: false, membership: null, admin: null, invite: null } as const

const judgeNode = (chain: CharterChain, bytes: Uint8Array, peer: KeyId, door: Door, now: Millis): Result<Admission> => {
  const membership = openCredential(chain, bytes)
  if (!membership.ok) return membership
  const { body } = membership.value.credential
  if (body.peer !== peer) return reject('bad-credential', 'the credential is for another peer key')
  const current = checkCredentialCurrent(body, now)
  if (!current.ok) return current
  const endpoint = isEndpoint(chain, membership.value)
  if (door === 'guest' && !endpoint) return reject('not-an-endpoint', `${body.name} is no endpoint of this mesh; enrol at one`)
  return accept({ ...nobody, peer, kind: 'node', role: body.role, isEndpoint: endpoint, membership: membership.value })
}

const judgeAdmin = (chain: CharterChain, bytes: Uint8Array, peer: KeyId, now: Millis): Result<Admission> => {
  const session = openSession(chain, bytes, peer, now)
  return session.ok ? accept({ ...nobody, peer, kind: 'admin', admin: session.value.body.admin }) : session
}

const judgeGuest = (chain: CharterChain, identity: { invite: Uint8Array; proof: Uint8Array }, peer: KeyId, now: Millis): Result<Admission> => {
  const invite = openInvite(chain, identity.invite)
  if (!invite.ok) return invite
  const { token } = invite.value.body
  if (!verifySignatureSync(token, guestStatement(chain.mesh, peer), identity.proof)) return reject('bad-proof', 'the guest does not hold the key of its invite')
  const open = checkInviteOpen(invite.value.body, now)
  return open.ok ? accept({ ...nobody, peer, kind: 'guest', invite: invite.value }) : open
}
