/**
 * The job `files PAYLOAD DESTINATION [POST-CHECK]`: a tree takes the place of a directory, whole and in one step. The tree
 * before stays beside it as `.NAME.writ-previous`; it comes back when the post-check fails or the order is stopped.
 *
 * While it is at work the name of what lies beside the destination tells how far it came: `.NAME.writ-new` is half-written,
 * `.NAME.writ-swap-INODE` is the new tree if that is its inode, and else the one before. So the next order finds its way
 * after a power cut: a tree whose post-check never passed is taken back first.
 */
import { lstat, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errorCode, WritError } from '../../base/errors.ts'
import { isFile, type Tree } from '../../record/tree.ts'
import { namesIn, openTree, unpackTree } from '../file-tree.ts'
import { exchange, lock, lookUp, makeWritable, runShell } from './child-tools.ts'
import type { Job } from './job.ts'

/** Errors: `bad-tree`, `bad-destination`, `unknown-owner`, `cannot-lock`, `cannot-exchange`, `post-check-failed`, `stopped`, and what the file system throws. */
export const placeFiles: Job = async function* ({ args: [payloadPath = '', to = '', postCheck], stopped }) {
  const tree = await openTree(payloadPath)
  const parent = await openParent(to)
  try {
    await lock(parent.fd)
    const place = new Place(to, parent)
    await place.recover()
    await place.stage(payloadPath, tree)
    const refusal = (): WritError | null => (stopped.aborted ? new WritError('stopped', 'the order was ended before the tree had passed; the previous one is in its place') : null)
    const before = refusal()
    if (before !== null) {
      await place.dropStaged()
      throw before
    }
    await place.enter()
    const exitCode = postCheck === undefined ? 0 : await runShell(postCheck, stopped)
    const failure = refusal() ?? (exitCode === 0 ? null : new WritError('post-check-failed', `the post-check ended with ${exitCode === null ? 'a signal' : `exit code ${exitCode}`}; what was in its place before is there again`))
    if (failure !== null) {
      await place.leave()
      throw failure
    }
    const files = tree.manifest.entries.filter(isFile)
    yield { to, files: files.length, sizeBytes: files.reduce((total, { sizeBytes }) => total + sizeBytes, 0), previous: await place.settle() }
  } finally {
    await parent.close()
  }
}

const openParent = async (to: string): Promise<FileHandle> => {
  try {
    return await open(dirname(to), 'r')
  } catch (error) {
    throw new WritError('bad-destination', `${dirname(to)} cannot be entered (${errorCode(error)}): it must be there before a tree is placed in it`, { details: { path: to }, cause: error })
  }
}

/** The inode of a directory; null where nothing is. Errors: `bad-destination`. */
const inodeOf = async (path: string): Promise<string | null> => {
  const stats = await lstat(path, { bigint: true }).catch((error: unknown) => (errorCode(error) === 'ENOENT' ? null : Promise.reject(error)))
  if (stats !== null && !stats.isDirectory()) throw new WritError('bad-destination', `${path} is no directory; a tree replaces directories alone`, { details: { path } })
  return stats?.ino.toString() ?? null
}

/** A destination and what lies beside it. Each step is on disk when its promise resolves. */
class Place {
  readonly #to: string
  readonly #parent: FileHandle
  readonly #fresh: string
  readonly #previous: string
  readonly #swapPrefix: string
  /** Where the other tree is: the new one until `enter`, then the one before; null when there was none. */
  #beside: string | null = null

  constructor(to: string, parent: FileHandle) {
    const hidden = join(dirname(to), `.${basename(to)}.writ-`)
    this.#to = to
    this.#parent = parent
    this.#fresh = `${hidden}new`
    this.#previous = `${hidden}previous`
    this.#swapPrefix = `${hidden}swap-`
  }

  /** Puts right what an interrupted order left. */
  async recover(): Promise<void> {
    await remove(this.#fresh)
    const names = await readdir(dirname(this.#to))
    for (const swap of names.map((name) => join(dirname(this.#to), name)).filter((path) => path.startsWith(this.#swapPrefix))) {
      const placed = swap.slice(this.#swapPrefix.length)
      const isOldTree = (await inodeOf(swap)) !== placed
      if (isOldTree && (await inodeOf(this.#to)) === placed) await exchange(swap, this.#to)
      await remove(swap)
    }
  }

  async stage(payloadPath: string, tree: Tree): Promise<void> {
    await inodeOf(this.#to)
    const { users, groups } = namesIn(tree.manifest)
    const owners = { users: await lookUp('passwd', users), groups: await lookUp('group', groups) }
    try {
      await unpackTree(payloadPath, tree, this.#fresh, owners)
    } catch (error) {
      await this.dropStaged()
      throw error
    }
  }

  async dropStaged(): Promise<void> {
    await remove(this.#fresh)
  }

  /** The staged tree takes its place. */
  async enter(): Promise<void> {
    if ((await inodeOf(this.#to)) === null) await rename(this.#fresh, this.#to)
    else {
      const swap = `${this.#swapPrefix}${await inodeOf(this.#fresh)}`
      await rename(this.#fresh, swap)
      await this.#parent.sync()
      try {
        await exchange(swap, this.#to)
      } catch (error) {
        await remove(swap)
        throw error
      }
      this.#beside = swap
    }
    await this.#parent.sync()
  }

  /** What was before is in its place again. */
  async leave(): Promise<void> {
    if (this.#beside === null) await rename(this.#to, this.#fresh)
    else await exchange(this.#beside, this.#to)
    await this.#parent.sync()
    await remove(this.#beside ?? this.#fresh)
  }

  /** The tree stays. Where the one before is kept, or null where there was none. */
  async settle(): Promise<string | null> {
    if (this.#beside === null) return null
    await remove(this.#previous)
    await rename(this.#beside, this.#previous)
    await this.#parent.sync()
    return this.#previous
  }
}

/** Whatever its modes are: a directory that forbids its owner to write would stay. */
const remove = async (path: string): Promise<void> => {
  const options = { recursive: true, force: true, maxRetries: 3 }
  try {
    await rm(path, options)
  } catch (error) {
    if (errorCode(error) !== 'EACCES' && errorCode(error) !== 'EPERM') throw error
    await makeWritable(path)
    await rm(path, options)
  }
}
