/** Makes invites. For an agent this touches no network; for an endpoint the charter changes, and endpoints must hear of it. */
import { encodeToken } from '../trust/token.ts'
import { inviteKind, type InviteBody } from '../record/invite.ts'
import { limits } from '../base/limits.ts'
import { checkShape } from '../base/schema.ts'
import { chartersAfter } from '../trust/charter-chain.ts'
import { loadCharters, loadSigner, openAdminHome, saveCharters } from '../trust/file-home.ts'
import { loadEndpoints } from './file-endpoints.ts'
import { extendCharter } from './charter-change.ts'
import { openAdminConnection } from './admin-connection.ts'
import { sealRecord } from '../record/record.ts'
import { signerFromSeed } from '../record/keys.ts'
import { systemClock } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { WritError } from '../base/errors.ts'
import type { InviteDraft } from './types.ts'
import type { KeyId } from '../base/brand.ts'

const defaultExpiryMs = 3_600_000

/** The token. Errors: `no-endpoint-known`, `not-an-enroller`, `bad-invite`, and for an endpoint `root-key-missing` and those of contact. */
export const createInvite = async (options: { readonly home: string } & InviteDraft): Promise<string> => {
  const home = openAdminHome(options.home)
  const enroller = loadSigner(home.paths.adminKey)
  const chain = loadCharters(home, 'admin')
  if (!chain.current.enrollers.some(({ key }) => key === enroller.key)) throw new WritError('not-an-enroller', 'the charter does not let this admin invite nodes')
  const endpoints = loadEndpoints(home)
  const [counter] = endpoints
  if (counter === undefined) throw new WritError('no-endpoint-known', `the mesh has no endpoint yet. Make the first one on this machine with: writ join --admin ${options.home} --home DIR --listen /ip4/ADDRESS/tcp/PORT`)
  const secret = systemRandom.bytes(32)
  const token = signerFromSeed(secret).key
  const now = systemClock.now()
  const body: InviteBody = {
    mesh: chain.mesh,
    enroller: enroller.key,
    token,
    counter: counter.key,
    role: options.role,
    labels: { ...options.labels },
    uses: options.uses ?? 1,
    issuedAt: now,
    expiresAt: now + (options.expiresInMs ?? defaultExpiryMs)
  }
  checkTerms(body)
  const invite = sealRecord(inviteKind, body, [enroller])
  if (options.role === 'endpoint') await listEndpoint(options.home, token)
  return encodeToken({ mesh: chain.mesh, meshName: home.config.meshName, invite: invite.bytes, secret, endpoints })
}

const checkTerms = (body: InviteBody): void => {
  const shaped = checkShape(inviteKind.schema, body)
  if (!shaped.ok) throw new WritError('bad-invite', `the invite is not valid: ${shaped.detail}`)
  if (body.expiresAt - body.issuedAt > limits.trust.inviteExpiryMsMax || body.expiresAt <= body.issuedAt) throw new WritError('bad-invite', 'an invite is good for 30 days at most, and for more than no time')
  if (body.role === 'endpoint' && body.uses !== 1) throw new WritError('bad-invite', 'an invite for an endpoint is good for one use')
}

/** Endpoints hear of the charter before the token is out: otherwise its bearer would be turned away. */
const listEndpoint = async (directory: string, token: KeyId): Promise<void> => {
  const connection = await openAdminConnection(directory)
  try {
    const { charters, home, session } = connection
    const reached = await session.contact()
    const { endpoints } = charters.chain.current
    const extended = extendCharter(home.paths, charters.chain, { endpoints: [...endpoints, { key: token, name: `endpoint-${endpoints.length + 1}` }] })
    saveCharters(home.paths, 'admin', extended)
    for (const endpoint of reached) await session.submit(endpoint, { kind: 'charters', charters: chartersAfter(extended, extended.current.version - 1) })
  } finally {
    await connection.close()
  }
}
