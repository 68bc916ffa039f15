/**
 * Blocks as files, by blockstore-fs in its default layout. On top of it: what is read is checked against its hash, and
 * a damaged block is removed, so that it counts as missing and is fetched again; a disk that is full or a file that
 * cannot be read is an error of its own, never taken for a missing block; no block is longer than one message carries.
 */
import { constants } from 'node:fs'
import { access, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FsBlockstore } from 'blockstore-fs'
import { NextToLast } from 'blockstore-fs/sharding'
import { NotFoundError } from 'interface-store'
import { isEqualBytes } from '../base/bytes.ts'
import { sha256 } from '../base/codec.ts'
import { describeError, errorCode, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { AbortOptions } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Log } from '../base/log.ts'
import { blockKeyOf, type BlockStore } from './block-store.ts'

export interface FileBlocksDeps {
  readonly log: Log
}

export class FileBlocks extends FsBlockstore implements BlockStore {
  readonly #log: Log
  readonly #layout: NextToLast
  readonly #writing = new Map<string, Promise<CID>>()

  private constructor(directory: string, layout: NextToLast, deps: FileBlocksDeps) {
    super(directory, { shardingStrategy: layout })
    this.#layout = layout
    this.#log = deps.log
  }

  /** Opens or creates `directory`. Errors: `blocks-unusable`. */
  static async open(directory: string, deps: FileBlocksDeps): Promise<FileBlocks> {
    const blocks = new FileBlocks(directory, new NextToLast(), deps)
    try {
      await blocks.open()
      if (!(await stat(directory)).isDirectory()) throw new Error('it is no directory')
    } catch (error) {
      throw new WritError('blocks-unusable', `cannot keep blocks in ${directory}: ${describeError(error)}`, { details: { directory }, cause: error })
    }
    return blocks
  }

  override async has(cid: CID, _options?: AbortOptions): Promise<boolean> {
    try {
      await access(this.#fileOf(cid), constants.R_OK)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw unreadable(cid, error)
    }
  }

  async load(cid: CID): Promise<Uint8Array | undefined> {
    const bytes = await this.#readFile(cid)
    if (bytes === undefined || isEqualBytes(sha256(bytes), cid.multihash.digest)) return bytes
    this.#log.warn('a block on disk does not match its hash and is removed', { cid: cid.toString() })
    await this.delete(cid)
    return undefined
  }

  override async *get(cid: CID, _options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const bytes = await this.load(cid)
    if (bytes === undefined) throw new NotFoundError(`no block ${cid}`)
    yield bytes
  }

  /** Also errors: `block-oversized`. */
  override async put(cid: CID, bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<CID> {
    if (!(bytes instanceof Uint8Array)) throw new Error('assertion failed: blocks are written whole')
    if (bytes.length > limits.payload.blockBytesMax) throw new WritError('block-oversized', `a block of ${bytes.length} bytes, at most ${limits.payload.blockBytesMax} are kept`)
    const key = blockKeyOf(cid)
    // Two writers of one file would truncate it under each other.
    const writing = this.#writing.get(key) ?? this.#write(cid, bytes, options).finally(() => this.#writing.delete(key))
    this.#writing.set(key, writing)
    return writing
  }

  async *list(): AsyncGenerator<CID> {
    for (const shard of await readdir(this.path, { withFileTypes: true })) {
      if (!shard.isDirectory()) continue
      for (const name of await readdir(join(this.path, shard.name))) {
        const cid = name.endsWith(this.#layout.extension) ? this.#parseName(name) : undefined
        if (cid === undefined) await rm(join(this.path, shard.name, name), { recursive: true, force: true }) // what a crash left half-written
        else yield cid
      }
    }
  }

  async #write(cid: CID, bytes: Uint8Array, options?: AbortOptions): Promise<CID> {
    try {
      return await super.put(cid, bytes, options)
    } catch (error) {
      throw describeWriteFailure(this.path, error)
    }
  }

  async #readFile(cid: CID): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#fileOf(cid))
    } catch (error) {
      if (isMissing(error)) return undefined
      throw unreadable(cid, error)
    }
  }

  #fileOf(cid: CID): string {
    const { dir, file } = this.#layout.encode(cid)
    return join(this.path, dir, file)
  }

  #parseName(name: string): CID | undefined {
    try {
      return this.#layout.decode(name)
    } catch {
      return undefined // not a block's name
    }
  }
}

const isMissing = (error: unknown): boolean => errorCode(error) === 'ENOENT'

const unreadable = (cid: CID, error: unknown): WritError =>
  new WritError('blocks-unreadable', `a stored block cannot be read (${describeError(error)}): check the disk, and who owns the files`, { details: { cid: cid.toString() }, cause: error })

/** blockstore-fs passes on only the text of a system's error. */
export const describeWriteFailure = (directory: string, error: unknown): Error => {
  if (error instanceof Error && error.name === 'AbortError') return error
  const details = { directory }
  if (/\b(ENOSPC|EDQUOT)\b/.test(`${errorCode(error)} ${describeError(error)}`)) {
    return new WritError('disk-full', `no space left for ${directory}: free some, or remove payloads that are no longer needed`, { details, cause: error })
  }
  return new WritError('blocks-unwritable', `cannot write to ${directory}: ${describeError(error)}`, { details, cause: error })
}
