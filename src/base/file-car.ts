/**
 * Archives as CAR files (version 1): dag-cbor blocks one after another, each under its hash, which any IPFS tool can read.
 * The first block says what the archive is, and is its root; the last says how many blocks there were and gives the
 * SHA-256 of their hashes in order, so that an archive that was cut off, or lacks a block, is noticed.
 *
 * A file appears under its name only once it is whole and on disk. Memory is bounded by one block.
 * Source: https://ipld.io/specs/transport/car/carv1/
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { CID } from 'multiformats/cid'
import { concatBytes, isEqualBytes } from './bytes.ts'
import { decodeOwn, encodeCbor, sha256 } from './codec.ts'
import { describeError, isWritError, WritError } from './errors.ts'
import { syncDirectory, writeError } from './file-durable.ts'
import { limits } from './limits.ts'
import { encodeVarint, readVarint } from './varint.ts'

/** CIDv1, dag-cbor, SHA-256 of 32 bytes. */
const cidHead = Uint8Array.of(0x01, 0x71, 0x12, 0x20)
const cidBytes = 36
const bufferBytes = 1 << 20

const cidOf = (block: Uint8Array): Uint8Array => concatBytes([cidHead, sha256(block)])

interface Ending {
  readonly end: 'writ'
  readonly blocks: number
  readonly digest: Uint8Array
}

const isEnding = (value: unknown): value is Ending => typeof value === 'object' && value !== null && 'end' in value && value.end === 'writ'

export class CarWriter {
  readonly #path: string
  readonly #temporary: string
  readonly #file: number
  readonly #digest: Hash = createHash('sha256')
  #parts: Uint8Array[] = []
  #buffered = 0
  #blocks = 0
  #sizeBytes = 0

  /** Readable by this user alone. `root`: what the archive is. Errors: `file-exists`, `disk-full`, `home-unwritable`. */
  constructor(path: string, root: Uint8Array) {
    if (existsSync(path)) throw new WritError('file-exists', `${path} exists already; choose another name`, { details: { path } })
    this.#path = path
    this.#temporary = `${path}.partial`
    try {
      this.#file = openSync(this.#temporary, 'w', 0o600)
    } catch (error) {
      throw writeError(path, error)
    }
    const header = encodeCbor({ roots: [CID.decode(cidOf(root))], version: 1 })
    this.#push(encodeVarint(header.length), header)
    this.add(root)
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** One block of dag-cbor. Errors: `disk-full`, `home-unwritable`. */
  add(block: Uint8Array): void {
    const cid = cidOf(block)
    this.#digest.update(cid)
    this.#blocks += 1
    this.#push(encodeVarint(cid.length + block.length), cid, block)
  }

  /** On disk under its name when it returns. Errors: as `add`. */
  finish(): void {
    this.add(encodeCbor({ end: 'writ', blocks: this.#blocks, digest: new Uint8Array(this.#digest.copy().digest()) } satisfies Ending))
    try {
      this.#flush()
      fsyncSync(this.#file)
      closeSync(this.#file)
      renameSync(this.#temporary, this.#path)
      syncDirectory(dirname(this.#path))
    } catch (error) {
      throw writeError(this.#path, error)
    }
  }

  /** Leaves nothing behind. */
  abandon(): void {
    rmSync(this.#temporary, { force: true })
  }

  #push(...parts: Uint8Array[]): void {
    for (const part of parts) this.#buffered += part.length
    this.#parts.push(...parts)
    if (this.#buffered < bufferBytes) return
    try {
      this.#flush()
    } catch (error) {
      throw writeError(this.#path, error)
    }
  }

  #flush(): void {
    const bytes = concatBytes(this.#parts)
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#file, bytes, offset)
    this.#sizeBytes += bytes.length
    this.#parts = []
    this.#buffered = 0
  }
}

/**
 * The blocks of an archive, the root first; what has come out is hashed, and after the last one it is whole. Errors:
 * `archive-unreadable`, `archive-foreign` (no archive of Writ), `archive-damaged`.
 */
export function* readCar(path: string): Generator<Uint8Array, void> {
  const reader = new PartReader(path)
  try {
    readHeader(path, reader)
    const digest = createHash('sha256')
    for (let blocks = 0; ; blocks += 1) {
      const part = reader.next()
      if (part === null) throw damagedArchive(path, 'it ends too early')
      const cid = part.subarray(0, cidBytes)
      const block = part.subarray(cidBytes)
      if (!isEqualBytes(cid, cidOf(block))) throw damagedArchive(path, `block ${blocks} was changed`)
      const ending = block.length < limits.archive.endingBytesMax ? readEnding(block) : null
      if (ending !== null) {
        if (ending.blocks !== blocks || !isEqualBytes(ending.digest, new Uint8Array(digest.digest()))) throw damagedArchive(path, 'blocks are missing')
        if (reader.next() !== null) throw damagedArchive(path, 'something follows its end')
        return
      }
      digest.update(cid)
      yield block
    }
  } finally {
    reader.close()
  }
}

const readHeader = (path: string, reader: PartReader): void => {
  const value = tryDecode(reader.header())
  if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== 1 || !('roots' in value)) throw new WritError('archive-foreign', `${path} is no archive of Writ`, { details: { path } })
}

const readEnding = (block: Uint8Array): Ending | null => {
  const value = tryDecode(block)
  return isEnding(value) ? value : null
}

const tryDecode = (bytes: Uint8Array): unknown => {
  try {
    return decodeOwn(bytes)
  } catch {
    return undefined // it is nothing that was looked for
  }
}

/** Parts, each after its length. */
class PartReader {
  readonly #path: string
  readonly #file: number
  #bytes: Uint8Array = new Uint8Array()
  #isAtEnd = false

  constructor(path: string) {
    this.#path = path
    try {
      this.#file = openSync(path, 'r')
    } catch (error) {
      throw new WritError('archive-unreadable', `cannot read ${path}: ${describeError(error)}`, { details: { path }, cause: error })
    }
  }

  /** As much as there is: too little is no header. */
  header(): Uint8Array {
    try {
      return this.next() ?? new Uint8Array()
    } catch (error) {
      if (isWritError(error, 'archive-damaged')) return new Uint8Array()
      throw error
    }
  }

  next(): Uint8Array | null {
    this.#want(10)
    if (this.#bytes.length === 0) return null
    const length = readVarint(this.#bytes, 0)
    if (length === null || length.value > limits.archive.blockBytesMax) throw new WritError('archive-foreign', `${this.#path} is no archive of Writ`, { details: { path: this.#path } })
    const end = length.next + length.value
    this.#want(end)
    if (this.#bytes.length < end) throw damagedArchive(this.#path, 'it ends too early')
    const part = this.#bytes.slice(length.next, end)
    this.#bytes = this.#bytes.subarray(end)
    return part
  }

  close(): void {
    closeSync(this.#file)
  }

  #want(sizeBytes: number): void {
    while (this.#bytes.length < sizeBytes && !this.#isAtEnd) {
      const chunk = new Uint8Array(Math.max(bufferBytes, sizeBytes - this.#bytes.length))
      const count = this.#read(chunk)
      this.#isAtEnd = count === 0
      this.#bytes = concatBytes([this.#bytes, chunk.subarray(0, count)])
    }
  }

  #read(chunk: Uint8Array): number {
    try {
      return readSync(this.#file, chunk)
    } catch (error) {
      throw new WritError('archive-unreadable', `cannot read ${this.#path}: ${describeError(error)}`, { details: { path: this.#path }, cause: error })
    }
  }
}

const damagedArchive = (path: string, what: string): WritError => new WritError('archive-damaged', `${path} is damaged: ${what}; use another copy`, { details: { path } })
