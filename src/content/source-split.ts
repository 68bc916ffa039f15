/** A stream of bytes in pieces of one size, shorter before a cut and at the end; its length and flat digest are computed on the way. */
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

  /**
   * Each piece is the caller's own. At `cuts`, ascending offsets, a piece ends. Throws `payload-too-large` as soon as the bound
   * is passed.
   */
  async *pieces(pieceBytes: number, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
    const pending = [...cuts, Infinity]
    let piece = new Uint8Array(pieceBytes)
    let begin = 0
    let filled = 0
    for await (const chunk of this.#source instanceof Uint8Array ? [this.#source] : this.#source) {
      this.#count(chunk)
      for (let offset = 0; offset < chunk.length; ) {
        while ((pending[0] ?? Infinity) <= begin) pending.shift()
        const sizeBytes = Math.min(pieceBytes, (pending[0] ?? Infinity) - begin)
        const taken = chunk.subarray(offset, offset + sizeBytes - filled)
        piece.set(taken, filled)
        filled += taken.length
        offset += taken.length
        if (filled === sizeBytes) {
          yield sizeBytes === pieceBytes ? piece : piece.slice(0, sizeBytes)
          piece = new Uint8Array(pieceBytes)
          begin += sizeBytes
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
