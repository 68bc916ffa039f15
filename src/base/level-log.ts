/**
 * The log format of LevelDB, in which its log and its manifest are kept. Pure.
 * Source: doc/log_format.md and db/version_edit.cc of LevelDB 1.20.
 */
import { concatBytes } from './bytes.ts'
import { crc32c, maskCrc } from './crc32c.ts'
import { readVarint } from './varint.ts'

const blockBytes = 32_768
const headerBytes = 7

export interface LogContent {
  /** Whole records, in order. */
  readonly records: readonly Uint8Array[]
  readonly damage: string | null
}

/** A bad record with a good one after it is damage; at the end of the file it is what a power cut leaves. */
export const readLog = (bytes: Uint8Array): LogContent => {
  const records: Uint8Array[] = []
  let parts: Uint8Array[] = []
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const room = blockBytes - (at % blockBytes)
    if (room < headerBytes) {
      at += room
      continue
    }
    const end = endOfRecord(bytes, at)
    if (end === null) return { records, damage: hasRecordAfter(bytes, at) ? `the record at ${at} was changed` : null }
    const type = bytes[at + 6] ?? 0
    if (type === 1 || type === 2) parts = []
    parts.push(bytes.subarray(at + headerBytes, end))
    if (type === 1 || type === 4) records.push(concatBytes(parts))
    at = end
  }
  return { records, damage: null }
}

/** Where the record that starts at `at` ends, or null when there is no good one. */
const endOfRecord = (bytes: Uint8Array, at: number): number | null => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (at + headerBytes > bytes.length) return null
  const end = at + headerBytes + view.getUint16(at + 4, true)
  const type = view.getUint8(at + 6)
  if (type < 1 || type > 4 || end > bytes.length || Math.floor(at / blockBytes) !== Math.floor((end - 1) / blockBytes)) return null
  return maskCrc(crc32c(bytes, at + 6, end)) === view.getUint32(at, true) ? end : null
}

/** Blocks begin with a record; within the block of the bad one, every place is tried. */
const hasRecordAfter = (bytes: Uint8Array, bad: number): boolean => {
  const nextBlock = (Math.floor(bad / blockBytes) + 1) * blockBytes
  for (let at = bad + 1; at < Math.min(nextBlock, bytes.length); at += 1) if (endOfRecord(bytes, at) !== null) return true
  for (let at = nextBlock; at < bytes.length; at += blockBytes) if (endOfRecord(bytes, at) !== null) return true
  return false
}

export interface Version {
  /** The log that holds what the tables do not. */
  readonly logNumber: number
  readonly tables: readonly { readonly number: number; readonly sizeBytes: number }[]
}

/** What the edits of a manifest come to; null where they cannot be read. */
export const readVersion = (edits: readonly Uint8Array[]): Version | null => {
  const tables = new Map<string, Version['tables'][number]>()
  let logNumber = 0
  for (const edit of edits) {
    const reader = new FieldReader(edit)
    while (!reader.isAtEnd) {
      const tag = reader.number()
      if (tag === 1) reader.skipBytes()
      else if (tag === 2) logNumber = reader.number()
      else if (tag === 3 || tag === 4 || tag === 9) reader.number()
      else if (tag === 5) reader.skipNumberAndBytes()
      else if (tag === 6) tables.delete(`${reader.number()}/${reader.number()}`)
      else if (tag === 7) {
        const level = reader.number()
        const number = reader.number()
        tables.set(`${level}/${number}`, { number, sizeBytes: reader.number() })
        reader.skipBytes()
        reader.skipBytes()
      } else return null
    }
    if (!reader.isSound) return null
  }
  return { logNumber, tables: [...tables.values()] }
}

/** Fields in turn; `isSound` is false once one was not there. */
class FieldReader {
  readonly #bytes: Uint8Array
  #at = 0
  isSound = true

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return !this.isSound || this.#at >= this.#bytes.length
  }

  number(): number {
    const read = readVarint(this.#bytes, this.#at)
    if (read === null) this.isSound = false
    this.#at = read?.next ?? this.#at
    return read?.value ?? 0
  }

  skipBytes(): void {
    const length = this.number()
    this.#at += length
    if (this.#at > this.#bytes.length) this.isSound = false
  }

  skipNumberAndBytes(): void {
    this.number()
    this.skipBytes()
  }
}
