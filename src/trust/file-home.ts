/**
 * The home of a node or an admin on disk: where everything lies, and the small files that say who it is. What is wrong
 * with a home is told at once and by name; nothing here is ever half-written.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { decodeShape, checkShape } from '../base/schema.ts'
import { encodeCbor } from '../base/codec.ts'
import { fromBase32, toBase32, toText } from '../base/bytes.ts'
import { isWritError, WritError } from '../base/errors.ts'
import { isSetAside } from '../base/set-aside.ts'
import { limits } from '../base/limits.ts'
import { isRoot, makeDirectory, ownerOf, readFileGuarded, statGuarded, writeFileDurable } from '../base/file-durable.ts'
import { signerFromSeed, type Signer } from '../record/keys.ts'
import { homeConfigSchema, type AdminConfig, type HomeConfig, type HomeConfigDraft, type NodeConfig } from './home-config.ts'
import { openCharterChain, type CharterChain } from './charter-chain.ts'
import { openCredential, type Membership } from './admission.ts'

export type Side = 'admin' | 'agent' | 'executor'

export const homePaths = (home: string) => ({
  home,
  config: join(home, 'writ.json'),
  restored: join(home, 'restored.json'),
  left: join(home, 'left.json'),
  rootKey: join(home, 'root', 'root.key'),
  adminKey: join(home, 'admin', 'keys', 'admin.key'),
  adminLog: join(home, 'admin', 'log'),
  adminBlocks: join(home, 'admin', 'blocks'),
  adminScratch: join(home, 'admin', 'audit'),
  adminEndpoints: join(home, 'admin', 'endpoints.json'),
  agent: join(home, 'agent'),
  peerKey: join(home, 'agent', 'keys', 'peer.key'),
  agentState: join(home, 'agent', 'state'),
  blocks: join(home, 'agent', 'blocks'),
  outputs: join(home, 'agent', 'outputs'),
  executor: join(home, 'executor'),
  executorKey: join(home, 'executor', 'keys', 'executor.key'),
  sealingKey: join(home, 'executor', 'keys', 'sealing.key'),
  journal: join(home, 'executor', 'journal'),
  newestStart: join(home, 'executor', 'newest-start'),
  cache: join(home, 'executor', 'cache'),
  scratch: join(home, 'executor', 'audit'),
  sharedJobs: join(home, 'jobs'),
  releases: join(home, 'executor', 'releases'),
  program: join(home, 'program'),
  run: join(home, 'run'),
  status: join(home, 'run', 'status.json'),
  charters: (side: Side) => join(home, side, 'charters.cbor'),
  credential: (side: 'agent' | 'executor') => join(home, side, 'credential.cbor')
})

export type HomePaths = ReturnType<typeof homePaths>

/** What of a home is needed to read who it is. */
export interface HomeFiles {
  readonly paths: HomePaths
  readonly config: Pick<HomeConfig, 'mesh'>
  /** Whose `agent` and `run` may be besides this process's user; null but for root, in a home whose agent runs as another. */
  readonly agentOwner: number | null
}

export interface Home<Config extends HomeConfig = HomeConfig> extends HomeFiles {
  readonly config: Config
}

/** Errors: `home-exists`. */
export const refuseExistingHome = (home: string): void => {
  if (existsSync(join(home, 'writ.json'))) throw new WritError('home-exists', `${home} is a home already (it has a writ.json); choose another directory`, { details: { home } })
}

/** Lays out an empty home; its `writ.json` comes last, by `saveConfig`, so a half-made home is no home. */
export const createHomeDirectories = (home: string, sides: readonly Side[]): HomePaths => {
  makeDirectory(home)
  for (const side of sides) makeDirectory(join(home, side, 'keys'))
  makeDirectory(join(home, sides.includes('admin') ? 'root' : 'run'))
  return homePaths(home)
}

export const saveConfig = (paths: HomePaths, config: HomeConfigDraft): void => writeFileDurable(paths.config, `${JSON.stringify(config, null, 2)}\n`, 0o600)

/** Directories that may be there; single files are looked at when they are read. */
const guardedParts = [
  'root', 'run', 'jobs', 'program',
  'admin', 'admin/keys', 'admin/log', 'admin/blocks',
  'agent', 'agent/keys', 'agent/state', 'agent/blocks', 'agent/outputs',
  'executor', 'executor/keys', 'executor/journal', 'executor/cache', 'executor/releases'
] as const

/** Errors: `home-missing`, `bad-config` (every problem with its path), and those of `readFileGuarded`. */
export const openHome = (home: string): Home => {
  const paths = homePaths(home)
  const text = toText(readOrExplain(paths))
  const config = checkShape(homeConfigSchema, parseJson(paths.config, text))
  if (!config.ok) throw new WritError('bad-config', `${paths.config} is not valid: ${config.detail}`, { details: { path: paths.config } })
  const agentOwner = findAgentOwner(paths, config.value)
  for (const name of guardedParts) if (existsSync(join(home, name))) statGuarded(join(home, name), isOfAgent(name) ? agentOwner : null)
  return { paths, config: config.value, agentOwner }
}

/** Whether it is the agent's, where that runs as another user: a path within the home. */
export const isOfAgent = (path: string): boolean => path === 'run' || path === 'agent' || path.startsWith('run/') || path.startsWith('agent/')

const findAgentOwner = ({ agent }: HomePaths, config: HomeConfig): number | null =>
  config.kind === 'node' && config.agentUser !== undefined && isRoot() && existsSync(agent) ? ownerOf(agent) : null

/** Stores of this home that were found damaged and set aside, oldest first, as paths within it. */
export const listSetAside = ({ home }: HomePaths): string[] =>
  (['admin', 'agent', 'executor'] as const)
    .filter((side) => existsSync(join(home, side)))
    .flatMap((side) => readdirSync(join(home, side)).filter(isSetAside).map((name) => join(side, name)))
    .sort()

/** Errors: `wrong-home` when it is a node's, and those of `openHome`. */
export const openAdminHome = (home: string): Home<AdminConfig> => {
  const opened = openHome(home)
  if (opened.config.kind !== 'admin') throw new WritError('wrong-home', `${home} is the home of the node ${opened.config.name}; this command needs an admin's`, { details: { home } })
  return { ...opened, config: opened.config }
}

/** Errors: `wrong-home` when it is an admin's, and those of `openHome`. */
export const openNodeHome = (home: string): Home<NodeConfig> => {
  const opened = openHome(home)
  if (opened.config.kind !== 'node') throw new WritError('wrong-home', `${home} is the home of the admin ${opened.config.name}; this command needs a node's, made by: writ join`, { details: { home } })
  return { ...opened, config: opened.config }
}

// The last character carries bits beyond the last byte, which are zero.
const keyFile = /^writ-key-1 (ed25519|x25519) ([a-z2-7]{51}[aq])\n$/

export const saveKey = (path: string, kind: 'ed25519' | 'x25519', secret: Uint8Array): void => writeFileDurable(path, `writ-key-1 ${kind} ${toBase32(secret)}\n`, 0o600)

/** The 32 secret bytes of a key file, which may be that owner's as well. Errors: `bad-key-file`, `file-missing`, `key-permissions`, and others of `readFileGuarded`. */
export const loadSecret = (path: string, owner: number | null = null): Uint8Array => {
  const secret = keyFile.exec(toText(readFileGuarded(path, { secret: true, owner })))?.[2]
  if (secret === undefined) throw new WritError('bad-key-file', `${path} is not a key file of Writ; restore it from a backup`, { details: { path } })
  return fromBase32(secret)
}

export const loadSigner = (path: string, owner: number | null = null): Signer => signerFromSeed(loadSecret(path, owner))

const chartersSchema = v.pipe(v.array(v.instance(Uint8Array)), v.minLength(1), v.maxLength(limits.record.charterVersionsMax))

export const saveCharters = (paths: HomePaths, side: Side, chain: CharterChain): void =>
  writeFileDurable(paths.charters(side), encodeCbor(chain.versions.map(({ bytes }) => bytes)), 0o600)

/** Errors: `bad-charter-file`, and those of `readFileGuarded`. */
export const loadCharters = (home: HomeFiles, side: Side): CharterChain => {
  const path = home.paths.charters(side)
  const charters = decodeShape(chartersSchema, readFileGuarded(path, { secret: false, owner: ownerAt(home, side) }), limits.record.charterVersionsMax * limits.record.charterBytesMax)
  const chain = charters.ok ? openCharterChain(home.config.mesh, charters.value) : charters
  if (!chain.ok) throw new WritError('bad-charter-file', `${path} does not hold the charters of this mesh: ${chain.detail}`, { details: { path } })
  return chain.value
}

export const saveCredential = (paths: HomePaths, side: 'agent' | 'executor', bytes: Uint8Array): void => writeFileDurable(paths.credential(side), bytes, 0o600)

/** Errors: `bad-credential-file`, and those of `readFileGuarded`. */
export const loadCredential = (home: HomeFiles, side: 'agent' | 'executor', chain: CharterChain): Membership => {
  const path = home.paths.credential(side)
  const opened = openCredential(chain, readFileGuarded(path, { secret: false, owner: ownerAt(home, side) }))
  if (!opened.ok) throw new WritError('bad-credential-file', `${path} does not hold a credential of this mesh: ${opened.detail}`, { details: { path } })
  return opened.value
}

const ownerAt = ({ agentOwner }: HomeFiles, side: Side): number | null => (side === 'agent' ? agentOwner : null)

const readOrExplain = (paths: HomePaths): Uint8Array => {
  try {
    return readFileGuarded(paths.config, { secret: false })
  } catch (error) {
    if (!isWritError(error, 'file-missing')) throw error
    throw new WritError('home-missing', `${paths.home} is no home of Writ: it has no writ.json; make one with: writ init (an admin) or writ join (a node)`, { details: { home: paths.home }, cause: error })
  }
}

const parseJson = (path: string, text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new WritError('bad-config', `${path} is not JSON: ${error instanceof Error ? error.message : 'unreadable'}`, { details: { path }, cause: error })
  }
}
