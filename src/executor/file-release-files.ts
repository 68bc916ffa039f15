/**
 * The files of the release that runs: what a later one has in common with it is taken from here. Only what was hashed just
 * now counts as held, and its bytes are hashed again with all others of the payload that they become a part of.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { TreeFile } from '../record/tree.ts'

/** What an executor needs of them. */
export interface ReleaseFiles {
  /** Those of the wanted files that are here, whatever their names: paths by SHA-256. */
  find(wanted: readonly Pick<TreeFile, 'sizeBytes' | 'sha256'>[]): Promise<ReadonlyMap<string, string>>
  /** Throws what the file system throws. */
  read(path: string): AsyncIterable<Uint8Array>
}

export class FileReleaseFiles implements ReleaseFiles {
  readonly #directory: string
  readonly #runtime: string
  readonly #log: Log

  /** The directory of the release, and the runtime that it runs on, which need not be part of it. */
  constructor(directory: string, runtime: string, log: Log) {
    this.#directory = directory
    this.#runtime = runtime
    this.#log = log
  }

  async find(wanted: readonly Pick<TreeFile, 'sizeBytes' | 'sha256'>[]): Promise<ReadonlyMap<string, string>> {
    const sizes = new Set(wanted.map(({ sizeBytes }) => sizeBytes))
    const digests = new Set(wanted.map(({ sha256 }) => sha256))
    const found = new Map<string, string>()
    try {
      for (const path of new Set([...(await this.#list()), this.#runtime])) {
        const stats = await lstat(path)
        if (!stats.isFile() || stats.size === 0 || !sizes.has(stats.size)) continue
        const digest = await this.#digestOf(path)
        if (digests.has(digest)) found.set(digest, path)
      }
    } catch (error) {
      this.#log.warn('the files of the release that runs cannot all be read: what is missing of them is fetched', { detail: describeError(error) })
    }
    return found
  }

  read(path: string): AsyncIterable<Uint8Array> {
    return createReadStream(path, { highWaterMark: limits.executor.chunkBytesMax })
  }

  async #list(): Promise<string[]> {
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  }

  async #digestOf(path: string): Promise<string> {
    const hash = createHash('sha256')
    for await (const chunk of this.read(path)) hash.update(chunk)
    return hash.digest('hex')
  }
}
