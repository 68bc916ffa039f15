/**
 * Length-prefixed frames over a byte stream: four bytes, big-endian, then the frame. Pure; the limit is
 * checked as soon as the length is known, so an oversized frame is never buffered.
 */
import { concatBytes } from './bytes.ts'
import { accept, reject, type Result } from './result.ts'

const headerBytes = 4

export const encodeFrame = (payload: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(headerBytes + payload.length)
  new DataView(frame.buffer).setUint32(0, payload.length)
  frame.set(payload, headerBytes)
  return frame
}

export class FrameDecoder {
  readonly #sizeBytesMax: number
  #parts: Uint8Array[] = []
  #buffered = 0

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax
  }

  /** The frames completed by `chunk`; after a rejection the stream is beyond repair and must be closed. */
  push(chunk: Uint8Array): Result<Uint8Array[]> {
    if (chunk.length === 0) return accept([])
    this.#parts.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered < this.#wanted()) return accept([])
    const frames: Uint8Array[] = []
    let bytes = concatBytes(this.#parts)
    while (bytes.length >= headerBytes) {
      const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0)
      if (size > this.#sizeBytesMax) return reject('oversized', `a frame of ${size} bytes, at most ${this.#sizeBytesMax} are allowed`)
      if (bytes.length < headerBytes + size) break
      frames.push(bytes.slice(headerBytes, headerBytes + size))
      bytes = bytes.subarray(headerBytes + size)
    }
    this.#parts = bytes.length === 0 ? [] : [bytes]
    this.#buffered = bytes.length
    return accept(frames)
  }

  /** Bytes that must be buffered before another look pays off: keeps a large frame in many chunks linear. */
  #wanted(): number {
    const first = this.#parts[0]
    if (first === undefined || first.length < headerBytes) return headerBytes
    const size = new DataView(first.buffer, first.byteOffset, first.length).getUint32(0)
    return size > this.#sizeBytesMax ? headerBytes : headerBytes + size
  }
}
