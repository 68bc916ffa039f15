/**
 * The instruction cache: the executor's own copy of each payload, written and hashed in one pass. It is read and hashed
 * again right before it runs, since an order may wait for days and a disk may give back other bytes than it was given. What does not match is deleted at once, everything else when its job has ended. A start
 * empties it: a payload belongs to one life of the executor.
 *
 *   jobs/<id>/payload    the checked bytes, mode 0500
 *   jobs/<id>/work, tmp  the job's working directory, and its TMPDIR
 *
 * The cache is the executor's alone. What a job of another user needs moves to a place that users may pass through, where
 * the job's group may read the payload, and its user has the directories.
 */
import { createHash, type Hash } from 'node:crypto'
import { chmod, chown, constants, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeError, errorCode, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import type { IndicationId } from '../base/brand.ts'
import type { PayloadRef } from '../record/indication.ts'
import { readHead } from './file-head.ts'
import type { Payload } from './format.ts'

const readBytesMax = 1 << 20

interface Incoming {
  readonly file: FileHandle
  readonly hash: Hash
  readonly payload: PayloadRef
  sizeBytes: number
}

export interface Workspace {
  readonly work: string
  readonly temporary: string
  /** For the captured output. */
  readonly directory: string
}

/** Another user than the executor's. */
interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Passed through by all, listed by nobody. */
const passable = 0o711

const payloadAt = (path: string, sizeBytes: number): Payload => ({ path, sizeBytes, readHead: (sizeBytesMax) => readHead(path, Math.min(sizeBytes, sizeBytesMax)) })

/** What the executor asks of its cache. */
export type InstructionCache = Pick<FileCache, 'begin' | 'append' | 'finish' | 'recheck' | 'share' | 'prepareWorkspace' | 'discard'>

export class FileCache {
  readonly #jobs: string
  readonly #shared: string
  readonly #owners = new Map<IndicationId, Owner>()
  readonly #sizeBytesMax: number
  readonly #incoming = new Map<IndicationId, Incoming>()
  /** What each payload takes or will take. */
  readonly #reserved = new Map<IndicationId, number>()

  private constructor(jobs: string, shared: string, sizeBytesMax: number) {
    this.#jobs = jobs
    this.#shared = shared
    this.#sizeBytesMax = sizeBytesMax
  }

  /** Opens the cache at `directory`, empty; `shared` is for jobs of other users, on the same file system. Errors: `cache-unusable`. */
  static async open(directory: string, shared: string, sizeBytesMax: number = limits.executor.cacheBytesMax): Promise<FileCache> {
    const jobs = join(directory, 'jobs')
    try {
      for (const left of [jobs, shared]) await rm(left, { recursive: true, force: true, maxRetries: 3 })
      await mkdir(jobs, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new WritError('cache-unusable', `cannot prepare the instruction cache at ${jobs}: ${describeError(error)}`, { details: { path: jobs }, cause: error })
    }
    return new FileCache(jobs, shared, sizeBytesMax)
  }

  /** Starts a payload from its first byte; what came of it before is dropped. Errors: `cache-full`, `disk-full`, `cache-unusable`. */
  async begin(id: IndicationId, payload: PayloadRef): Promise<Result<null>> {
    await this.discard(id)
    let taken = payload.sizeBytes
    for (const sizeBytes of this.#reserved.values()) taken += sizeBytes
    if (taken > this.#sizeBytesMax) return reject('cache-full', `the instruction cache holds ${this.#sizeBytesMax} bytes at most`)
    this.#reserved.set(id, payload.sizeBytes)
    try {
      await mkdir(this.#directory(id), { mode: 0o700 })
      const file = await open(join(this.#directory(id), 'incoming'), 'wx', 0o500)
      this.#incoming.set(id, { file, hash: createHash('sha256'), payload, sizeBytes: 0 })
      return accept(null)
    } catch (error) {
      return explain(error)
    }
  }

  /** The next bytes. After an error the payload is gone. Errors: `payload-mismatch`, `disk-full`, `cache-unusable`. */
  async append(id: IndicationId, offset: number, bytes: Uint8Array): Promise<Result<null>> {
    const incoming = this.#incoming.get(id)
    if (incoming === undefined) return reject('payload-mismatch', 'no payload was begun')
    return this.#attempt(id, incoming, async () => {
      if (offset !== incoming.sizeBytes) return reject('payload-mismatch', `bytes at ${offset}, expected at ${incoming.sizeBytes}`)
      if (offset + bytes.length > incoming.payload.sizeBytes) return reject('payload-mismatch', `more than the ${incoming.payload.sizeBytes} bytes that the order names`)
      incoming.sizeBytes += bytes.length
      incoming.hash.update(bytes)
      await incoming.file.writeFile(bytes)
      return accept(null)
    })
  }

  /** Checks size and digest. After an error the payload is gone. Errors: as `append`. */
  async finish(id: IndicationId): Promise<Result<Payload>> {
    const incoming = this.#incoming.get(id)
    if (incoming === undefined) return reject('payload-mismatch', 'no payload was begun')
    return this.#attempt(id, incoming, async () => {
      const { payload, sizeBytes } = incoming
      if (sizeBytes !== payload.sizeBytes) return reject('payload-mismatch', `${sizeBytes} bytes, the order names ${payload.sizeBytes}`)
      const digest = incoming.hash.digest('hex')
      if (digest !== payload.sha256) return reject('payload-mismatch', `the SHA-256 is ${digest}, the order names ${payload.sha256}`)
      await incoming.file.close()
      this.#incoming.delete(id)
      const path = join(this.#directory(id), 'payload')
      await rename(join(this.#directory(id), 'incoming'), path)
      return accept(payloadAt(path, sizeBytes))
    })
  }

  /** Whether a payload that was finished is what it was then. Errors: `payload-mismatch`, `cache-unusable`. */
  async recheck(id: IndicationId, { sha256, sizeBytes }: PayloadRef): Promise<Result<null>> {
    try {
      const digest = await digestOf(join(this.#directory(id), 'payload'), sizeBytes)
      return digest === sha256 ? accept(null) : reject('payload-mismatch', `the payload was changed in the cache after it had been checked: its SHA-256 is ${digest} now`)
    } catch (error) {
      return errorCode(error) === 'ELOOP' ? reject('payload-mismatch', 'the payload was replaced by a link after it had been checked') : explain(error)
    }
  }

  /** Moves a finished payload to where this user's jobs can read it. Throws what the file system throws. */
  async share(id: IndicationId, { sizeBytes }: Payload, owner: Owner): Promise<Payload> {
    await mkdir(this.#shared, { recursive: true, mode: passable })
    for (const place of [dirname(this.#shared), this.#shared]) await chmod(place, passable)
    const hidden = this.#directory(id)
    this.#owners.set(id, owner)
    const directory = this.#directory(id)
    const path = join(directory, 'payload')
    await chown(join(hidden, 'payload'), 0, owner.gid)
    await chmod(join(hidden, 'payload'), 0o550)
    await chown(hidden, 0, owner.gid)
    await chmod(hidden, 0o710)
    await rename(hidden, directory)
    return payloadAt(path, sizeBytes)
  }

  /** The job's directories, made new. Throws what the file system throws. */
  async prepareWorkspace(id: IndicationId): Promise<Workspace> {
    const directory = this.#directory(id)
    const workspace = { directory, work: join(directory, 'work'), temporary: join(directory, 'tmp') }
    await mkdir(workspace.work, { recursive: true, mode: 0o700 })
    await mkdir(workspace.temporary, { recursive: true, mode: 0o700 })
    const owner = this.#owners.get(id)
    if (owner !== undefined) for (const place of [workspace.work, workspace.temporary]) await chown(place, owner.uid, owner.gid)
    return workspace
  }

  /** Removes all that belongs to a job. Throws what the file system throws. */
  async discard(id: IndicationId): Promise<void> {
    this.#reserved.delete(id)
    const incoming = this.#incoming.get(id)
    this.#incoming.delete(id)
    if (incoming !== undefined) await incoming.file.close()
    const directory = this.#directory(id)
    this.#owners.delete(id)
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }

  #directory(id: IndicationId): string {
    return join(this.#owners.has(id) ? this.#shared : this.#jobs, id)
  }

  /** A failure removes what was begun, but never what has taken its place meanwhile. */
  async #attempt<T>(id: IndicationId, incoming: Incoming, action: () => Promise<Result<T>>): Promise<Result<T>> {
    const result = await action().catch((error: unknown): Rejected => explain(error))
    if (!result.ok && this.#incoming.get(id) === incoming) await this.discard(id).catch(() => undefined) // what stays is removed with the job, or at the next start
    return result
  }
}

const digestOf = async (path: string, sizeBytes: number): Promise<string> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const hash = createHash('sha256')
    const buffer = new Uint8Array(Math.min(readBytesMax, sizeBytes + 1))
    for (;;) {
      const { bytesRead } = await file.read(buffer)
      hash.update(buffer.subarray(0, bytesRead))
      if (bytesRead < buffer.length) return hash.digest('hex') // its end, by one read where it is as long as it should be
    }
  } finally {
    await file.close()
  }
}

const explain = (error: unknown): Rejected =>
  errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT'
    ? reject('disk-full', 'no space left in the instruction cache')
    : reject('cache-unusable', `the instruction cache failed: ${describeError(error)}`)
