/**
 * What instructions wrote, whole, as files named by the raw CID of their bytes. Apart from the blocks, so that bitswap
 * serves none of it: output is for admins and endpoints alone. CIDs come from peers; only their canonical text, taken
 * from the parsed form, ever becomes part of a path.
 */
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { describeError, errorCode, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { accept, reject, type Result } from '../base/result.ts'
import { rawCidOf } from '../record/payload-location.ts'
import type { Millis } from '../base/brand.ts'
import { describeWriteFailure } from './file-blocks.ts'

const partSuffix = '.part'

export interface OutputPart {
  readonly cid: string
  readonly offset: number
  /** Of the whole output. */
  readonly sizeBytes: number
  readonly bytes: Uint8Array
}

interface StoredFile {
  readonly file: string
  readonly isPart: boolean
  readonly sizeBytes: number
  readonly modifiedAt: Millis
}

/** Errors: `bad-output-cid`. */
export const parseOutputCid = (text: string): Result<CID> => {
  try {
    const cid = rawCidOf(CID.parse(text).multihash.digest)
    if (cid.toString() === text) return accept(cid)
  } catch {
    return reject('bad-output-cid', 'it is no CID')
  }
  return reject('bad-output-cid', 'an output is named by a raw CID, version 1, of its SHA-256')
}

export class FileOutputs {
  readonly #directory: string
  readonly #writing = new Mutex()

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** Opens or creates `directory`. Errors: `outputs-unusable`. */
  static async open(directory: string): Promise<FileOutputs> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new WritError('outputs-unusable', `cannot keep outputs in ${directory}: ${describeError(error)}`, { details: { directory }, cause: error })
    }
    return new FileOutputs(directory)
  }

  /**
   * Adds the part that begins where the last one ended; offset 0 starts anew. The last part makes the output readable,
   * if its bytes match its CID. `complete` is true then, and whenever the output is here already.
   * Errors: `bad-output-cid`, `bad-output-part`, `output-too-large`, `bad-output`. Throws `disk-full`, `blocks-unwritable`.
   */
  append(part: OutputPart): Promise<Result<{ complete: boolean }>> {
    const cid = parseOutputCid(part.cid)
    if (!cid.ok) return Promise.resolve(cid)
    return this.#writing.run(() => this.#append(cid.value, part))
  }

  async has(cid: string): Promise<boolean> {
    const parsed = parseOutputCid(cid)
    return parsed.ok && (await this.#sizeOf(this.#fileOf(parsed.value))) !== undefined
  }

  /** The bytes from `offset` on; undefined when the output is not here. Errors: `outputs-unusable`. */
  async read(cid: string, offset = 0): Promise<AsyncIterable<Uint8Array> | undefined> {
    const parsed = parseOutputCid(cid)
    if (!parsed.ok) return undefined
    const file = this.#fileOf(parsed.value)
    return (await this.#sizeOf(file)) === undefined ? undefined : createReadStream(file, { start: offset, highWaterMark: limits.executor.chunkBytesMax })
  }

  /** Removes what is too old, then the oldest until all is within `limits.output.storeBytesMax`. */
  prune(now: Millis, bounds: { readonly storeBytesMax: number } = limits.output): Promise<{ removedOutputs: number }> {
    return this.#writing.run(async () => {
      const files = (await this.#files()).sort((left, right) => left.modifiedAt - right.modifiedAt)
      let totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      let removedOutputs = 0
      for (const { file, isPart, sizeBytes, modifiedAt } of files) {
        const ageMsMax = isPart ? limits.output.partAgeMsMax : limits.output.storeAgeMsMax
        if (now - modifiedAt <= ageMsMax && totalBytes <= bounds.storeBytesMax) continue
        await rm(file, { force: true })
        totalBytes -= sizeBytes
        removedOutputs += 1
      }
      return { removedOutputs }
    })
  }

  async #append(cid: CID, { offset, sizeBytes, bytes }: OutputPart): Promise<Result<{ complete: boolean }>> {
    const file = this.#fileOf(cid)
    if (sizeBytes > limits.output.streamBytesMax) return reject('output-too-large', `an output of ${sizeBytes} bytes, at most ${limits.output.streamBytesMax} are kept`)
    if (offset < 0 || offset + bytes.length > sizeBytes || (bytes.length === 0 && sizeBytes > 0)) return reject('bad-output-part', 'the part is empty, or reaches beyond the output')
    if ((await this.#sizeOf(file)) !== undefined) return accept({ complete: true })
    const held = (await this.#sizeOf(file + partSuffix)) ?? 0
    if (offset !== 0 && offset !== held) return reject('bad-output-part', `the part begins at ${offset} where ${held} bytes are held`)
    const isLast = offset + bytes.length === sizeBytes
    await this.#write(file + partSuffix, offset, bytes, isLast)
    return isLast ? this.#finish(cid, file) : accept({ complete: false })
  }

  async #finish(cid: CID, file: string): Promise<Result<{ complete: boolean }>> {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(file + partSuffix)) hash.update(chunk as Uint8Array)
    if (!rawCidOf(new Uint8Array(hash.digest())).equals(cid)) {
      await rm(file + partSuffix, { force: true })
      return reject('bad-output', 'the bytes of the output do not match its CID')
    }
    await rename(file + partSuffix, file)
    return accept({ complete: true })
  }

  async #write(file: string, offset: number, bytes: Uint8Array, isLast: boolean): Promise<void> {
    try {
      const handle = await open(file, offset === 0 ? 'w' : 'r+', 0o600)
      try {
        await handle.write(bytes, 0, bytes.length, offset)
        if (isLast) await handle.sync()
      } finally {
        await handle.close()
      }
    } catch (error) {
      throw describeWriteFailure(this.#directory, error)
    }
  }

  async #files(): Promise<StoredFile[]> {
    const names = await readdir(this.#directory)
    return Promise.all(
      names.map(async (name) => {
        const file = join(this.#directory, name)
        const { size, mtimeMs } = await stat(file)
        return { file, isPart: name.endsWith(partSuffix), sizeBytes: size, modifiedAt: mtimeMs }
      })
    )
  }

  async #sizeOf(file: string): Promise<number | undefined> {
    try {
      return (await stat(file)).size
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw new WritError('outputs-unusable', `an output cannot be read: ${describeError(error)}`, { details: { file }, cause: error })
    }
  }

  #fileOf(cid: CID): string {
    return join(this.#directory, cid.toString())
  }
}
