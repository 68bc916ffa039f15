/** Writes the tree of a payload, durably, into a directory that is made for it. Nothing outside of that directory is touched. */
import { createHash } from 'node:crypto'
import { chmod, lchown, lstat, mkdir, open, symlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { assert, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { decodeTree, treeHeadBytesMax, type Tree, type TreeEntry, type TreeFile, type TreeManifest } from '../record/tree.ts'
import { readHead } from './file-head.ts'

/** The numbers of the users and groups that a tree names. */
export interface Owners {
  readonly users: ReadonlyMap<string, number>
  readonly groups: ReadonlyMap<string, number>
}

export const noOwners: Owners = { users: new Map(), groups: new Map() }

/** Its users and groups, each once. */
export const namesIn = ({ root, entries }: TreeManifest): { readonly users: readonly string[]; readonly groups: readonly string[] } => {
  const all = [root, ...entries]
  const once = (names: readonly (string | null)[]): string[] => [...new Set(names.filter((name) => name !== null))]
  return { users: once(all.map(({ owner }) => owner)), groups: once(all.map(({ group }) => group)) }
}

/**
 * `directory` must not be there, its parent must. After an error what was written of it is left. `owners` holds all that the
 * tree names. Errors: `bad-tree` when a file is not what the manifest says, and what the file system throws.
 */
export const unpackTree = async (payloadPath: string, { manifest, contentOffset }: Tree, directory: string, owners: Owners = noOwners): Promise<void> => {
  await mkdir(directory, { mode: 0o700 })
  const payload = await open(payloadPath, 'r')
  try {
    let offset = contentOffset
    for (const entry of manifest.entries) {
      const path = join(directory, entry.path)
      if (entry.kind === 'directory') await mkdir(path, { mode: 0o700 })
      if (entry.kind === 'symlink') await writeLink(path, entry, owners)
      if (entry.kind === 'file') {
        await writeFile(payload, offset, path, entry, owners)
        offset += entry.sizeBytes
      }
    }
  } finally {
    await payload.close()
  }
  // Last and from below, since a directory may forbid to write into it.
  for (const entry of manifest.entries.toReversed()) if (entry.kind === 'directory') await finishDirectory(join(directory, entry.path), entry, owners)
  await finishDirectory(directory, manifest.root, owners)
}

/** Errors: `bad-tree`. */
export const openTree = async (payloadPath: string): Promise<Tree> => {
  const { size } = await lstat(payloadPath)
  const tree = decodeTree(await readHead(payloadPath, Math.min(size, treeHeadBytesMax)), size)
  if (!tree.ok) throw new WritError(tree.code, tree.detail)
  return tree.value
}

type Owned = Pick<TreeEntry, 'owner' | 'group'>

const numberOf = (name: string | null, numbers: ReadonlyMap<string, number>): number => {
  if (name === null) return -1 // stays as it is
  const number = numbers.get(name)
  assert(number !== undefined, 'a tree is unpacked whose owners are not all known')
  return number
}

const giveTo = async (path: string, { owner, group }: Owned, { users, groups }: Owners): Promise<void> => {
  if (owner !== null || group !== null) await lchown(path, numberOf(owner, users), numberOf(group, groups))
}

const writeLink = async (path: string, entry: Extract<TreeEntry, { kind: 'symlink' }>, owners: Owners): Promise<void> => {
  await symlink(entry.target, path)
  await giveTo(path, entry, owners)
}

const writeFile = async (payload: FileHandle, begin: number, path: string, entry: TreeFile, owners: Owners): Promise<void> => {
  const file = await open(path, 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    const buffer = new Uint8Array(Math.min(entry.sizeBytes, limits.executor.chunkBytesMax))
    for (let written = 0; written < entry.sizeBytes; ) {
      const { bytesRead } = await payload.read(buffer, 0, Math.min(buffer.length, entry.sizeBytes - written), begin + written)
      if (bytesRead === 0) break
      hash.update(buffer.subarray(0, bytesRead))
      await file.writeFile(buffer.subarray(0, bytesRead))
      written += bytesRead
    }
    if (hash.digest('hex') !== entry.sha256) throw new WritError('bad-tree', `${entry.path} is not what the manifest of its tree says`, { details: { path: entry.path } })
    await giveTo(path, entry, owners)
    await file.chmod(entry.mode) // after a change of the owner, which takes the set-id bits away
    await file.sync()
  } finally {
    await file.close()
  }
}

const finishDirectory = async (path: string, { mode, ...owned }: TreeManifest['root'], owners: Owners): Promise<void> => {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
  await giveTo(path, owned, owners)
  await chmod(path, mode)
}
