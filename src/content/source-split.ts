/** A stream of bytes in pieces of one size, the last one shorter; its length and flat digest are computed on the way. */
import { createHash } from 'node:crypto'
import { WritError } from '../base/errors.ts'

export interface SourceTotals {
  readonly sizeBytes: number
  /** In hexadecimal. */
  readonly sha256: string
}

export class SourceSplit {
  readonly #source: AsyncIterable<Uint8Array> | Uint8Array
  readonly #sizeBytesMax: number
  readonly #hash = createHash('sha256')
  #sizeBytes = 0

  constructor(source: AsyncIterable<Uint8Array> | Uint8Array, sizeBytesMax: number) {
    this.#source = source
    this.#sizeBytesMax = sizeBytesMax
  }

  /** Each piece is the caller's own. Throws `payload-too-large` as soon as the bound is passed. */
  async *pieces(pieceBytes: number): AsyncGenerator<Uint8Array> {
    let piece = new Uint8Array(pieceBytes)
    let filled = 0
    for await (const chunk of this.#source instanceof Uint8Array ? [this.#source] : this.#source) {
      this.#count(chunk)
      for (let offset = 0; offset < chunk.length; ) {
        const taken = chunk.subarray(offset, offset + pieceBytes - filled)
        piece.set(taken, filled)
        filled += taken.length
        offset += taken.length
        if (filled === pieceBytes) {
          yield piece
          piece = new Uint8Array(pieceBytes)
          filled = 0
        }
      }
    }
    if (filled > 0) yield piece.slice(0, filled)
  }

  /** Once, after the last piece. */
  totals(): SourceTotals {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') }
  }

  #count(chunk: Uint8Array): void {
    this.#sizeBytes += chunk.length
    if (this.#sizeBytes > this.#sizeBytesMax) {
      throw new WritError('payload-too-large', `the payload is longer than ${this.#sizeBytesMax} bytes: split it, or let a smaller one fetch the rest`, {
        details: { sizeBytesMax: this.#sizeBytesMax }
      })
    }
    this.#hash.update(chunk)
  }
}
