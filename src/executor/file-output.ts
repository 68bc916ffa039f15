/**
 * The output of jobs. A short one lives in its statement; of a longer one the first part is kept whole in a file
 * by its CID until the agent has it; what is beyond the limit is counted and dropped.
 */
import { createHash, type Hash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { concatBytes } from '../base/bytes.ts'
import { describeError, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { rawCidOf } from '../record/payload-location.ts'
import type { Output } from '../record/statement.ts'

const { streamBytesMax } = limits.output
const { chunkBytesMax, outputsBytesMax } = limits.executor

/** What is asked of outputs that were kept. */
export type KeptOutputs = Pick<FileOutputs, 'readKept' | 'chunks' | 'claim' | 'release'>

export class FileOutputs {
  readonly #directory: string
  readonly #sizeBytesMax: number
  /** Two jobs may write the same: an output goes when its last statement was kept. */
  readonly #kept = new Map<string, { readonly sizeBytes: number; uses: number }>()

  private constructor(directory: string, sizeBytesMax: number) {
    this.#directory = directory
    this.#sizeBytesMax = sizeBytesMax
  }

  /** Keeps of what lies in `directory` only the outputs of `wanted`, one CID for each use. Errors: `cache-unusable`. */
  static async open(directory: string, wanted: readonly string[], sizeBytesMax: number = outputsBytesMax): Promise<FileOutputs> {
    const outputs = new FileOutputs(directory, sizeBytesMax)
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      for (const name of await readdir(directory)) {
        const uses = wanted.filter((cid) => cid === name).length
        if (uses > 0) outputs.#kept.set(name, { sizeBytes: (await stat(join(directory, name))).size, uses })
        else await rm(join(directory, name), { recursive: true, force: true })
      }
    } catch (error) {
      throw new WritError('cache-unusable', `cannot prepare the kept outputs at ${directory}: ${describeError(error)}`, { details: { path: directory }, cause: error })
    }
    return outputs
  }

  /** Up to `headBytesMax` bytes live in the statement. */
  capture(path: string, headBytesMax: number = limits.output.headBytesMax): OutputCapture {
    return new OutputCapture(path, headBytesMax, (digest, sizeBytes) => this.#adopt(path, digest, sizeBytes))
  }

  /** What was kept: the whole output, or its first part. */
  async readKept(output: Output): Promise<Uint8Array> {
    return output.cid === null ? output.head : new Uint8Array(await readFile(this.#pathOf(output.cid)))
  }

  /** The kept bytes of a CID in parts, in order; nothing when they are not here. */
  async *chunks(cid: string): AsyncIterable<{ readonly offset: number; readonly sizeBytes: number; readonly bytes: Uint8Array }> {
    const sizeBytes = this.#kept.get(cid)?.sizeBytes
    if (sizeBytes === undefined) return
    const file = await open(this.#pathOf(cid), 'r')
    try {
      for (let offset = 0; offset < sizeBytes; ) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(chunkBytesMax), 0, chunkBytesMax, offset)
        if (bytesRead === 0) return
        yield { offset, sizeBytes, bytes: buffer.subarray(0, bytesRead) }
        offset += bytesRead
      }
    } finally {
      await file.close()
    }
  }

  /** One statement more needs it, if it is still here. */
  claim(cid: string): void {
    const kept = this.#kept.get(cid)
    if (kept !== undefined) kept.uses += 1
  }

  /** One statement less needs it. */
  async release(cid: string): Promise<void> {
    const kept = this.#kept.get(cid)
    if (kept === undefined) return
    kept.uses -= 1
    if (kept.uses > 0) return
    this.#kept.delete(cid)
    await rm(this.#pathOf(cid), { force: true })
  }

  /** Moves a captured file to its place. Undefined when there is no room: then only the head is kept. */
  async #adopt(path: string, digest: Uint8Array, sizeBytes: number): Promise<string | undefined> {
    const cid = rawCidOf(digest).toString()
    const known = this.#kept.get(cid)
    let taken = sizeBytes
    for (const kept of this.#kept.values()) taken += kept.sizeBytes
    if (known === undefined && taken > this.#sizeBytesMax) return undefined
    this.#kept.set(cid, { sizeBytes, uses: (known?.uses ?? 0) + 1 })
    await rename(path, this.#pathOf(cid))
    return cid
  }

  #pathOf(cid: string): string {
    return join(this.#directory, cid)
  }
}

/** Takes one stream. A file comes to be only when there is more than a head. */
export class OutputCapture {
  readonly #path: string
  readonly #headBytesMax: number
  readonly #adopt: (digest: Uint8Array, sizeBytes: number) => Promise<string | undefined>
  readonly #hash: Hash = createHash('sha256')
  #head: Uint8Array = new Uint8Array()
  #file: FileHandle | undefined
  #isBroken = false
  #sizeBytes = 0
  #keptBytes = 0

  constructor(path: string, headBytesMax: number, adopt: (digest: Uint8Array, sizeBytes: number) => Promise<string | undefined>) {
    this.#path = path
    this.#headBytesMax = headBytesMax
    this.#adopt = adopt
  }

  /** Never throws: what the disk does not take is dropped, and so not counted as kept. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#sizeBytes += chunk.length
    const kept = chunk.subarray(0, Math.max(0, streamBytesMax - this.#keptBytes))
    if (kept.length === 0 || this.#isBroken) return
    const before = this.#head
    const isSpilling = before.length + kept.length > this.#headBytesMax
    this.#head = concatBytes([before, kept.subarray(0, this.#headBytesMax - before.length)])
    this.#keptBytes += kept.length
    this.#hash.update(kept)
    if (!isSpilling) return
    try {
      if (this.#file === undefined) {
        this.#file = await open(this.#path, 'w', 0o600)
        await this.#file.writeFile(before)
      }
      await this.#file.writeFile(kept)
    } catch {
      this.#isBroken = true // the statement tells it: `keptBytes` is the head alone
    }
  }

  /** So much more was written that is not kept. */
  pass(sizeBytes: number): void {
    this.#sizeBytes += sizeBytes
  }

  /** All that was written until now, kept or dropped. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Durable when it has a CID. Never throws, as `write`. */
  async finish(): Promise<Output> {
    const headAlone: Output = { head: this.#head, sizeBytes: this.#sizeBytes, cid: null, keptBytes: this.#head.length }
    if (this.#file === undefined) return headAlone
    try {
      await this.#file.datasync()
      await this.#file.close()
      const cid = this.#isBroken ? undefined : await this.#adopt(new Uint8Array(this.#hash.digest()), this.#keptBytes)
      return cid === undefined ? headAlone : { ...headAlone, cid, keptBytes: this.#keptBytes }
    } catch {
      return headAlone
    }
  }
}
