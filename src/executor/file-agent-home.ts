/**
 * Whose what of a home is, where its agent runs as another user. That user may have put anything into its directories, so
 * nothing there is reached by a path: each file is opened without following a link, and given by what was opened.
 */
import { chmodSync, closeSync, fchownSync, fstatSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describeError, errorCode, isWritError, WritError } from '../base/errors.ts'
import { makeDirectory, openUnlinked } from '../base/file-durable.ts'
import type { HomePaths } from '../trust/file-home.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * `agent` and `run` become that user's; it may pass through the home, and read nothing else of it. For root.
 * Errors: `home-symlink`, `home-foreign-owner` for a file that has another name elsewhere, `home-unwritable`.
 */
export const openToAgent = (paths: HomePaths, owner: Owner): void => {
  try {
    chmodSync(paths.config, 0o600)
    chmodSync(paths.executor, 0o700)
    chmodSync(paths.home, 0o711)
  } catch (error) {
    throw new WritError('home-unwritable', `the modes of ${paths.home} cannot be set: ${describeError(error)}`, { details: { path: paths.home }, cause: error })
  }
  makeDirectory(paths.run)
  for (const path of [paths.agent, paths.run]) give(path, path, owner)
}

/** `reached` leads to the same file as `path`, by a directory that is open. */
const give = (path: string, reached: string, owner: Owner): void => {
  try {
    if (isGiven(reached, owner)) return
    const file = openUnlinked(reached)
    try {
      const stats = fstatSync(file)
      if (!stats.isFile() && !stats.isDirectory()) throw new WritError('home-unwritable', `${path} is neither a file nor a directory; remove it`, { details: { path } })
      if (stats.isFile() && stats.nlink > 1) throw new WritError('home-foreign-owner', `${path} has another name elsewhere (a hard link), so it is not given to the agent's user; put a copy in its place`, { details: { path } })
      fchownSync(file, owner.uid, owner.gid)
      if (stats.isFile()) return
      const within = `/proc/self/fd/${file}`
      for (const name of readdirSync(within)) give(join(path, name), `${within}/${name}`, owner)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (isWritError(error)) throw error
    if (errorCode(error) === 'ENOENT') return // an agent that is just ending has removed it
    if (errorCode(error) === 'ELOOP') throw new WritError('home-symlink', `${path} is a symbolic link; a home may not contain any: replace it with what it points to`, { details: { path }, cause: error })
    throw new WritError('home-unwritable', `${path} cannot be given to the agent's user: ${describeError(error)}`, { details: { path }, cause: error })
  }
}

/** Most are, from one start to the next; a directory is looked into all the same. */
const isGiven = (reached: string, { uid, gid }: Owner): boolean => {
  const stats = lstatSync(reached)
  return stats.isFile() && stats.uid === uid && stats.gid === gid
}
