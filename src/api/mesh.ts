/** Makes a mesh: the root key, an admin of everything, and version 1 of the charter. Touches no network. */
import { systemClock } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { checkShape, nodeNameSchema } from '../base/schema.ts'
import { limits } from '../base/limits.ts'
import { WritError } from '../base/errors.ts'
import { charterKind } from '../record/charter.ts'
import { sealRecord } from '../record/record.ts'
import { signerFromSeed } from '../record/keys.ts'
import { openCharterChain } from '../trust/charter-chain.ts'
import { createHomeDirectories, refuseExistingHome, saveCharters, saveConfig, saveKey } from '../trust/file-home.ts'
import type { MeshId } from '../base/brand.ts'

export interface MeshOptions {
  /** Directory of the new admin's home. */
  readonly home: string
  /** The mesh's name. */
  readonly mesh: string
  /** The admin's name; `admin` when absent. */
  readonly admin?: string
}

/** Errors: `home-exists`, `bad-name`, and those of writing files. */
export const createMesh = async (options: MeshOptions): Promise<{ readonly mesh: MeshId; readonly name: string }> => {
  const adminName = requireName(options.admin ?? 'admin')
  const meshName = requireName(options.mesh)
  refuseExistingHome(options.home)
  const [rootSecret, adminSecret] = [systemRandom.bytes(32), systemRandom.bytes(32)]
  const [root, admin] = [signerFromSeed(rootSecret), signerFromSeed(adminSecret)]
  const now = systemClock.now()
  const charter = sealRecord(
    charterKind,
    {
      name: meshName,
      version: 1,
      previous: null,
      rootKeys: [root.key],
      threshold: 1,
      admins: [{ key: admin.key, name: adminName, may: [{ formats: ['*'], on: '', users: ['*'], networks: ['host', 'none'] }] }],
      endpoints: [],
      enrollers: [{ key: admin.key, name: adminName }],
      issuedAt: now,
      expiresAt: now + limits.trust.charterValidityMs
    },
    [root]
  )
  const mesh = charter.id as MeshId
  const chain = openCharterChain(mesh, [charter.bytes])
  if (!chain.ok) throw new Error(`a charter of our own was refused: ${chain.code} ${chain.detail}`)
  const paths = createHomeDirectories(options.home, ['admin'])
  saveKey(paths.rootKey, 'ed25519', rootSecret)
  saveKey(paths.adminKey, 'ed25519', adminSecret)
  saveCharters(paths, 'admin', chain.value)
  saveConfig(paths, { kind: 'admin', version: 1, mesh, meshName, name: adminName, endpoints: [] })
  return { mesh, name: meshName }
}

/** Errors: `bad-name`. */
export const requireName = (name: string): string => {
  const checked = checkShape(nodeNameSchema, name)
  if (!checked.ok) throw new WritError('bad-name', `"${name}" cannot be a name: ${checked.detail.replace(/^value: /, '')}`, { details: { name } })
  return checked.value
}
