/**
 * Packs a directory into a payload: read once for the manifest, once more when its bytes are asked for. What changed in
 * between is an error, so the payload is what the manifest says.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describeError, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { encodeTree, isFile, planTreeCuts, type TreeEntry, type TreeFile, type TreeManifest } from '../record/tree.ts'

/** Names on the machine that gets the tree; null for those of whoever writes it there. */
export interface TreeOwner {
  readonly owner: string | null
  readonly group: string | null
}

export interface PackedTree {
  /** To be read once. Throws `files-changed`, `files-unreadable`. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Where its blocks should end. */
  readonly cuts: readonly number[]
}

/** Errors: `files-unreadable`, also for what is neither file, directory nor link; `bad-tree`. */
export const packTree = async (directory: string, owner: TreeOwner): Promise<PackedTree> => {
  const root = { mode: (await lookAt(`${directory}/.`)).mode & 0o7777, ...owner } // what a link leads to
  const entries = await Array.fromAsync(walk(directory, '', owner))
  return pack({ root, entries }, (path) => join(directory, path))
}

/** Files from anywhere side by side, by their own names. Errors: as `packTree`. */
export const packFiles = async (files: readonly string[]): Promise<PackedTree> => {
  const owner = { owner: null, group: null }
  const sources = new Map(files.map((file) => [basename(file), file]))
  const entries = await Promise.all([...sources].map(async ([path, file]): Promise<TreeEntry> => ({ kind: 'file', path, mode: 0o644, ...owner, ...(await digestOf(file)) })))
  return pack({ root: { mode: 0o755, ...owner }, entries }, (path) => sources.get(path) ?? path)
}

const pack = (manifest: TreeManifest, sourceOf: (path: string) => string): PackedTree => {
  const encoded = encodeTree(manifest)
  if (!encoded.ok) throw new WritError(encoded.code, encoded.detail)
  const { tree, head } = encoded.value
  return { bytes: readTree(head, tree.manifest.entries.filter(isFile), sourceOf), cuts: planTreeCuts(tree) }
}

const unreadable = (path: string, why: string, cause?: unknown): WritError => new WritError('files-unreadable', `cannot read ${path}: ${why}`, { details: { path }, cause })

const lookAt = async (path: string) => {
  try {
    return await lstat(path)
  } catch (error) {
    throw unreadable(path, describeError(error), error)
  }
}

async function* walk(directory: string, below: string, owner: TreeOwner): AsyncGenerator<TreeEntry> {
  const names = await readdir(join(directory, below)).catch((error: unknown) => {
    throw unreadable(join(directory, below), describeError(error), error)
  })
  for (const name of names) {
    const path = below === '' ? name : `${below}/${name}`
    const entry = await describe(directory, path, owner)
    yield entry
    if (entry.kind === 'directory') yield* walk(directory, path, owner)
  }
}

const describe = async (directory: string, path: string, owner: TreeOwner): Promise<TreeEntry> => {
  const file = join(directory, path)
  const stats = await lookAt(file)
  const mode = stats.mode & 0o7777
  if (stats.isDirectory()) return { kind: 'directory', path, mode, ...owner }
  if (stats.isSymbolicLink()) return { kind: 'symlink', path, target: await readlink(file), ...owner }
  if (stats.isFile()) return { kind: 'file', path, mode, ...owner, ...(await digestOf(file)) }
  throw unreadable(file, 'it is neither a file, nor a directory, nor a symbolic link')
}

async function* readFileBytes(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: limits.payload.blockBytesMax })) yield chunk as Uint8Array
  } catch (error) {
    throw unreadable(file, describeError(error), error)
  }
}

const digestOf = async (file: string): Promise<Pick<TreeFile, 'sizeBytes' | 'sha256'>> => {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of readFileBytes(file)) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

async function* readTree(head: Uint8Array, files: readonly TreeFile[], sourceOf: (path: string) => string): AsyncGenerator<Uint8Array> {
  yield head
  for (const { path, sha256 } of files) {
    const hash = createHash('sha256')
    for await (const chunk of readFileBytes(sourceOf(path))) {
      hash.update(chunk)
      yield chunk
    }
    if (hash.digest('hex') !== sha256) throw new WritError('files-changed', `${sourceOf(path)} was changed while it was read; order again`, { details: { path } })
  }
}
