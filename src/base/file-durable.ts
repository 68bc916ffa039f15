/**
 * Small files that must survive a power cut, and must be ours: written to a temporary name, synced, renamed, directory
 * synced; read only when they are plain files of this user's.
 */
import { closeSync, constants, fchmodSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { describeError, errorCode, WritError } from './errors.ts'

/** On disk when it returns. Errors: `disk-full`, `home-unwritable`. */
export const writeFileDurable = (path: string, content: Uint8Array | string, mode: number): void => replaceFile(path, content, mode, { durable: true })

/** A reader sees the old content or the new, whole; after a power cut it may be the old. Errors: as `writeFileDurable`. */
export const writeFileAtomic = (path: string, content: Uint8Array | string, mode: number): void => replaceFile(path, content, mode, { durable: false })

const replaceFile = (path: string, content: Uint8Array | string, mode: number, options: { readonly durable: boolean }): void => {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = openSync(temporary, 'w', mode)
    try {
      fchmodSync(file, mode)
      writeWhole(file, typeof content === 'string' ? Buffer.from(content) : content)
      if (options.durable) fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    if (options.durable) syncDirectory(dirname(path))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw writeError(path, error)
  }
}

/** Creates a directory of this user's alone. Errors: `disk-full`, `home-unwritable`. */
export const makeDirectory = (path: string): void => {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw writeError(path, error)
  }
}

/** Removes a directory and all in it, if it is there. */
export const removeTree = (path: string): void => rmSync(path, { recursive: true, force: true })

/** `owner`: a user besides this process's whose it may be. Errors: `file-missing`, `home-symlink`, `home-foreign-owner`, `key-permissions` (when `secret`), `home-unreadable`. */
export const readFileGuarded = (path: string, options: { readonly secret: boolean; readonly owner?: number | null }): Uint8Array => {
  const stats = statGuarded(path, options.owner)
  if (!stats.isFile()) throw new WritError('home-unreadable', `${path} is not a plain file`, { details: { path } })
  if (options.secret && (stats.mode & 0o077) !== 0) {
    throw new WritError('key-permissions', `${path} is readable by others (mode ${(stats.mode & 0o777).toString(8)}); run: chmod 600 ${path}`, { details: { path } })
  }
  try {
    const file = openUnlinked(path)
    try {
      return new Uint8Array(readFileSync(file))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw new WritError('home-unreadable', `cannot read ${path}: ${describeError(error)}`, { details: { path }, cause: error })
  }
}

/** For reading; a link that has taken its place meanwhile is not followed, and nothing is waited for. Throws what the file system throws. */
export const openUnlinked = (path: string): number => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)

/** Metadata of a path that is ours, or that owner's, and no link. Errors: `file-missing`, `home-symlink`, `home-foreign-owner`, `home-unreadable`. */
export const statGuarded = (path: string, owner: number | null = null): Stats => {
  const stats = lstatOf(path)
  if (stats.isSymbolicLink()) throw new WritError('home-symlink', `${path} is a symbolic link; a home may not contain any: replace it with what it points to`, { details: { path } })
  const user = process.getuid?.() ?? stats.uid
  if (stats.uid !== user && stats.uid !== owner) throw new WritError('home-foreign-owner', `${path} belongs to user ${stats.uid}, this process runs as ${user}; run: chown -R ${user} ${path}`, { details: { path } })
  return stats
}

export const isRoot = (): boolean => process.getuid?.() === 0

/** Errors: `file-missing`, `home-unreadable`. */
export const ownerOf = (path: string): number => lstatOf(path).uid

const lstatOf = (path: string): Stats => {
  try {
    return lstatSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new WritError('file-missing', `${path} does not exist`, { details: { path }, cause: error })
    throw new WritError('home-unreadable', `cannot read ${path}: ${describeError(error)}`, { details: { path }, cause: error })
  }
}

const writeWhole = (file: number, bytes: Uint8Array): void => {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset)
}

/** So that a new name in it survives a power cut. */
export const syncDirectory = (path: string): void => {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** What a failed write is called. */
export const writeError = (path: string, error: unknown): WritError =>
  errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT'
    ? new WritError('disk-full', `no space left to write ${path}; free some and try again`, { details: { path }, cause: error })
    : new WritError('home-unwritable', `cannot write ${path}: ${describeError(error)}`, { details: { path }, cause: error })
