/**
 * The chain of charters from version 1, whose record id is the mesh id, to the newest known. A chain only grows:
 * version n+1 names n and is signed by the thresholds of both. Of two valid chains the longer wins, and of two of one
 * length the one with the lower id where they part: so a chain never goes backwards, and root keys that were rotated out
 * cannot take it back with an old version. Follows the root rotation of TUF (specification, section 5.3).
 */
import { accept, reject, type Result } from '../base/result.ts'
import { limits } from '../base/limits.ts'
import { compareText } from '../base/bytes.ts'
import { charterKind, type CharterBody } from '../record/charter.ts'
import { decodeRecord, verifyRecordSync, type Sealed, type Verified } from '../record/record.ts'
import type { KeyId, MeshId, RecordId } from '../base/brand.ts'

export interface CharterChain {
  readonly mesh: MeshId
  /** Version 1 first; never empty. */
  readonly versions: readonly Verified<CharterBody>[]
  readonly current: CharterBody
}

/** A chain from nothing but the mesh id. Errors: those of `extendCharterChain`. */
export const openCharterChain = (mesh: MeshId, charters: readonly Uint8Array[]): Result<CharterChain> => {
  const first = charters[0]
  if (first === undefined) return reject('bad-charter', 'there is no charter')
  const opened = openCharter(first)
  if (!opened.ok) return opened
  if (opened.value.id !== mesh) return reject('wrong-mesh', 'the first charter is that of another mesh')
  const { body } = opened.value
  if (body.version !== 1 || body.previous !== null) return reject('bad-charter', 'the first charter is not version 1')
  if (!meetsThreshold(opened.value, body)) return reject('bad-charter', 'the first charter lacks signatures of its root keys')
  return extendCharterChain(chainOf(mesh, [opened.value]), charters.slice(1))
}

/**
 * Adds what is newer and passes over what is known; a rival branch must come whole, from where it parts. Errors:
 * `bad-charter` (gap, wrong link, too few signatures), `malformed`, `oversized`, `bad-signature`; a chain that was
 * rejected half-way is not extended at all.
 */
export const extendCharterChain = (chain: CharterChain, charters: readonly Uint8Array[]): Result<CharterChain> => {
  let best = chain.versions
  let branch = chain.versions
  for (const bytes of charters) {
    const opened = openCharter(bytes)
    if (!opened.ok) return opened
    const candidate = opened.value
    const { version } = candidate.body
    if (branch[version - 1]?.id === candidate.id || best[version - 1]?.id === candidate.id) continue
    const problem = checkSuccession(branch[version - 2], candidate)
    if (problem !== undefined) return reject('bad-charter', problem)
    branch = [...branch.slice(0, version - 1), candidate]
    if (isBetter(branch, best)) best = branch
  }
  return accept(chainOf(chain.mesh, best))
}

const isBetter = (left: readonly Verified<CharterBody>[], right: readonly Verified<CharterBody>[]): boolean => {
  if (left.length !== right.length) return left.length > right.length
  const parting = left.findIndex(({ id }, index) => id !== right[index]?.id)
  return parting !== -1 && compareText(left[parting]?.id ?? '', right[parting]?.id ?? '') < 0
}

/** The records that someone who knows `version` versions lacks, oldest first; with a bound, as many of them as fit: the next question brings more. */
export const chartersAfter = (chain: CharterChain, version: number, sizeBytesMax = Number.POSITIVE_INFINITY): Uint8Array[] => {
  let room = sizeBytesMax
  return chain.versions
    .slice(version)
    .map(({ bytes }) => bytes)
    .filter(({ length }) => {
      room -= length
      return room >= 0
    })
}

/** The id of the newest version. */
export const headOf = ({ mesh, versions }: CharterChain): RecordId => versions.at(-1)?.id ?? (mesh as string as RecordId)

/** How many versions two chains have in common. */
export const sharedVersions = (left: CharterChain, right: CharterChain): number => {
  const parted = left.versions.findIndex(({ id }, index) => right.versions[index]?.id !== id)
  return parted === -1 ? left.versions.length : parted
}

/** What someone says of the newest charter that it knows: its version, and its id, null for none. */
export interface NewestCharter {
  readonly charterVersion: number
  readonly charterHead: RecordId | null
}

export const newestOf = (chain: CharterChain): { readonly charterVersion: number; readonly charterHead: RecordId } => ({ charterVersion: chain.current.version, charterHead: headOf(chain) })

/** How many of these versions someone has who knows that one: none where it goes by a rival, which must come whole. */
export const knownVersions = ({ versions }: CharterChain, { charterVersion, charterHead }: NewestCharter): number =>
  charterVersion > versions.length || versions[charterVersion - 1]?.id === charterHead ? charterVersion : 0

/** Membership in any version: what was said by right stays said, so endpoints that learn charters at different times agree. */
export const wasEverAdmin = (chain: CharterChain, key: KeyId): boolean => chain.versions.some(({ body }) => body.admins.some((admin) => admin.key === key))
export const wasEverEnroller = (chain: CharterChain, key: KeyId): boolean => chain.versions.some(({ body }) => body.enrollers.some((enroller) => enroller.key === key))

const chainOf = (mesh: MeshId, versions: readonly Verified<CharterBody>[]): CharterChain => {
  const current = versions.at(-1)
  if (current === undefined) throw new Error('a charter chain without a charter')
  return { mesh, versions, current: current.body }
}

const openCharter = (bytes: Uint8Array): Result<Verified<CharterBody>> => {
  const decoded = decodeRecord(charterKind, bytes)
  if (!decoded.ok) return decoded
  if (decoded.value.body.version > limits.record.charterVersionsMax) return reject('bad-charter', 'the version is beyond the limit')
  return verifyRecordSync(decoded.value, [])
}

const checkSuccession = (previous: Verified<CharterBody> | undefined, candidate: Verified<CharterBody>): string | undefined => {
  const { version } = candidate.body
  if (version === 1) return 'a second version 1'
  if (previous === undefined) return `version ${version} without version ${version - 1}`
  if (candidate.body.previous !== previous.id) return `version ${version} does not follow the known version ${version - 1}`
  if (!meetsThreshold(candidate, previous.body)) return `version ${version} lacks signatures of the root keys of version ${version - 1}`
  if (!meetsThreshold(candidate, candidate.body)) return `version ${version} lacks signatures of its own root keys`
  return undefined
}

const meetsThreshold = (charter: Sealed<CharterBody>, by: CharterBody): boolean => {
  const roots = new Set(by.rootKeys)
  return charter.signatures.filter(({ key }) => roots.has(key)).length >= by.threshold
}
