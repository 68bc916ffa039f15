/** Makes a node's home: by a token through an endpoint, or, for the first endpoint, from the admin's home. */
import { generateKeyPairSync } from 'node:crypto'
import { accept } from '../base/result.ts'
import { checkShape, decodeShape } from '../base/schema.ts'
import { encodeCbor } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { silentLog } from '../base/log.ts'
import { systemClock } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { toBase32 } from '../base/bytes.ts'
import { WritError } from '../base/errors.ts'
import { inviteKind, type InviteBody, type Role } from '../record/invite.ts'
import { cosignRecord, decodeRecord, sealRecord, type Verified } from '../record/record.ts'
import { signerFromSeed } from '../record/keys.ts'
import { openCharterChain, extendCharterChain, type CharterChain } from '../trust/charter-chain.ts'
import { openCredential, openInvite } from '../trust/admission.ts'
import { createHomeDirectories, loadCharters, loadSigner, openAdminHome, refuseExistingHome, saveCharters, saveConfig, saveCredential, saveKey } from '../trust/file-home.ts'
import { addressSchema, type EndpointAddress } from '../trust/home-config.ts'
import { decodeToken, type Token } from '../trust/token.ts'
import { explainSilence } from '../node/admin-session.ts'
import { composeGuest } from '../node/network/hello.ts'
import { enrolAnswerSchema, enrolProtocol } from '../node/protocol/enrol.ts'
import { Libp2pNetwork } from '../node/network/libp2p-network.ts'
import { requestCredential } from '../node/endpoint/enrolment.ts'
import { extendCharter } from './charter-change.ts'
import { hostName, reachableForms } from './system-host.ts'
import { requireName } from './mesh.ts'
import * as v from 'valibot'
import type { KeyId, MeshId } from '../base/brand.ts'

export interface JoinOptions {
  /** Directory of the new node's home. */
  readonly home: string
  /** The host's name when absent. */
  readonly name?: string
  /** Multiaddrs. An endpoint listens on port 4400 of every interface when absent; an agent only dials. */
  readonly listen?: readonly string[]
}

export interface Joined {
  readonly mesh: MeshId
  readonly meshName: string
  readonly name: string
  readonly role: Role
  readonly key: KeyId
}

const nodeSides = ['agent', 'executor'] as const
const defaultEndpointListen = ['/ip4/0.0.0.0/tcp/4400']

/** Errors: `home-exists`, `bad-name`, `bad-address`, `bad-token`, `no-endpoint-reachable`, and every refusal of an enrolment. */
export const joinMesh = async (options: JoinOptions & { readonly token: string }): Promise<Joined> => {
  const token = decodeToken(options.token)
  if (!token.ok) throw new WritError(token.code, token.detail)
  const invite = decodeRecord(inviteKind, token.value.invite)
  if (!invite.ok) throw new WritError('bad-token', `the token holds an invite that cannot be read: ${invite.detail}`)
  const { role } = invite.value.body
  const plan = planHome(options, role)
  const keys = drawKeys()
  createHomeDirectories(plan.home, nodeSides) // first: what fails after the enrolment has spent the token
  const enrolled = await enrol(token.value, invite.value.body, keys, plan.name)
  return writeHome(plan, keys, { ...enrolled, meshName: token.value.meshName, role })
}

/**
 * The mesh's first endpoint, on the admin's machine: the admin vouches for it, and lists it in the charter.
 * Errors: `mesh-has-endpoint`, `home-exists`, `bad-name`, `bad-address`, `root-key-missing`, and those of the admin's home.
 */
export const bootstrapEndpoint = async (options: JoinOptions & { readonly admin: string }): Promise<Joined> => {
  const admin = openAdminHome(options.admin)
  const plan = planHome(options, 'endpoint')
  if (admin.config.endpoints.length > 0) throw new WritError('mesh-has-endpoint', `the mesh ${admin.config.meshName} has an endpoint already; invite the next one with: writ invite --home ${options.admin} --role endpoint`)
  const fixed = plan.listen.filter((address) => !address.endsWith('/tcp/0'))
  if (fixed.length === 0) throw new WritError('bad-address', 'the first endpoint needs a fixed port, so that others can find it: --listen /ip4/ADDRESS/tcp/PORT')
  const enroller = loadSigner(admin.paths.adminKey)
  const keys = drawKeys()
  const tokenSigner = signerFromSeed(systemRandom.bytes(32))
  const now = systemClock.now()
  const { mesh } = admin.config
  const invite = sealRecord(inviteKind, { mesh, enroller: enroller.key, token: tokenSigner.key, counter: enroller.key, role: 'endpoint', labels: {}, uses: 1, issuedAt: now, expiresAt: now + limits.trust.clockToleranceMs }, [enroller])
  const credential = cosignRecord(requestCredential(invite, tokenSigner, keys, plan.name, now), enroller)
  const known = loadCharters(admin, 'admin')
  createHomeDirectories(plan.home, nodeSides)
  const chain = extendCharter(admin.paths, known, { endpoints: [...known.current.endpoints, { key: keys.peer.key, name: plan.name }] })
  saveCharters(admin.paths, 'admin', chain)
  const joined = writeHome(plan, keys, { chain, credential: credential.bytes, endpoints: [], meshName: admin.config.meshName, role: 'endpoint' })
  saveConfig(admin.paths, { ...admin.config, endpoints: [{ key: keys.peer.key, name: plan.name, addresses: fixed.flatMap(reachableForms).slice(0, 16) }] })
  return joined
}

interface HomePlan {
  readonly home: string
  readonly name: string
  readonly listen: string[]
}

const planHome = (options: JoinOptions, role: Role): HomePlan => {
  refuseExistingHome(options.home)
  const listen = [...(options.listen ?? (role === 'endpoint' ? defaultEndpointListen : []))]
  const shaped = checkShape(v.array(addressSchema), listen)
  if (!shaped.ok) throw new WritError('bad-address', `cannot listen on ${listen.join(', ')}: ${shaped.detail}`)
  return { home: options.home, name: requireName(options.name ?? hostName()), listen }
}

const drawKeys = () => {
  const [peerSeed, executorSeed] = [systemRandom.bytes(32), systemRandom.bytes(32)]
  const sealing = generateKeyPairSync('x25519')
  const rawOf = (key: { export(options: { format: 'jwk' }): { x?: string; d?: string } }, part: 'x' | 'd'): Uint8Array => new Uint8Array(Buffer.from(key.export({ format: 'jwk' })[part] ?? '', 'base64url'))
  return {
    peerSeed,
    executorSeed,
    sealingSecret: rawOf(sealing.privateKey, 'd'),
    peer: signerFromSeed(peerSeed),
    executor: signerFromSeed(executorSeed),
    sealing: toBase32(rawOf(sealing.publicKey, 'x'))
  }
}

type DrawnKeys = ReturnType<typeof drawKeys>

interface Enrolled {
  readonly chain: CharterChain
  readonly credential: Uint8Array
  readonly endpoints: readonly EndpointAddress[]
}

const enrol = async (token: Token, terms: InviteBody, keys: DrawnKeys, name: string): Promise<Enrolled> => {
  const counter = token.endpoints.find(({ key }) => key === terms.counter)
  if (counter === undefined) throw new WritError('bad-token', 'the token does not say where the endpoint is that counts its uses; ask for a new one')
  const tokenSigner = signerFromSeed(token.secret)
  let chain: CharterChain | null = null
  const learn = (charters: readonly Uint8Array[]) => {
    const learned = chain === null ? openCharterChain(token.mesh, charters) : extendCharterChain(chain, charters)
    if (learned.ok) chain = learned.value
    return learned
  }
  const network = new Libp2pNetwork(
    {
      log: silentLog,
      hello: {
        mesh: token.mesh, clock: systemClock, log: silentLog,
        identity: () => composeGuest(token.invite, tokenSigner, token.mesh, keys.peer.key),
        door: () => 'guest',
        chain: () => chain,
        learnCharters: learn,
        mayEnter: () => accept(null)
      }
    },
    { seed: keys.peerSeed, listen: [], gossipTopics: null }
  )
  await network.start()
  try {
    const startedAt = systemClock.now()
    await network.connect(counter.key, counter.addresses).catch((error: unknown) => {
      throw explainSilence([counter], systemClock.now() - startedAt, error)
    })
    const invite = readInvite(chain, token.invite)
    const request = requestCredential(invite, tokenSigner, keys, name, systemClock.now())
    const answer = decodeShape(enrolAnswerSchema, await network.request(counter.key, enrolProtocol, encodeCbor({ credential: request.bytes })), limits.network.messageBytesMax)
    if (!answer.ok) throw new WritError('bad-answer', `the endpoint gave an answer that cannot be read: ${answer.detail}`)
    const charters = openCharterChain(token.mesh, answer.value.charters)
    const credential = charters.ok ? openCredential(charters.value, answer.value.credential) : charters
    if (!charters.ok || !credential.ok) throw new WritError('bad-answer', 'the endpoint gave a credential that is not valid; join through another endpoint')
    const others = answer.value.endpoints.filter(({ key }) => key !== counter.key)
    return { chain: charters.value, credential: answer.value.credential, endpoints: [counter, ...others] }
  } finally {
    await network.stop()
  }
}

const readInvite = (chain: CharterChain | null, bytes: Uint8Array): Verified<InviteBody> => {
  const invite = chain === null ? undefined : openInvite(chain, bytes)
  if (invite === undefined || !invite.ok) throw new WritError('bad-token', `the token's invite is not valid in this mesh${invite === undefined ? '' : `: ${invite.detail}`}`)
  return invite.value
}

/** Everything before `writ.json`, so that a home that was cut short is none. */
const writeHome = (plan: HomePlan, keys: DrawnKeys, made: Enrolled & { readonly meshName: string; readonly role: Role }): Joined => {
  const paths = createHomeDirectories(plan.home, nodeSides)
  saveKey(paths.peerKey, 'ed25519', keys.peerSeed)
  saveKey(paths.executorKey, 'ed25519', keys.executorSeed)
  saveKey(paths.sealingKey, 'x25519', keys.sealingSecret)
  for (const side of nodeSides) {
    saveCharters(paths, side, made.chain)
    saveCredential(paths, side, made.credential)
  }
  saveConfig(paths, {
    kind: 'node',
    version: 1,
    mesh: made.chain.mesh,
    meshName: made.meshName,
    name: plan.name,
    endpoints: [...made.endpoints],
    role: made.role,
    listen: plan.listen
  })
  return { mesh: made.chain.mesh, meshName: made.meshName, name: plan.name, role: made.role, key: keys.peer.key }
}
