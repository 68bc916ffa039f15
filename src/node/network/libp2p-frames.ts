/**
 * Frames over a libp2p stream, with back-pressure both ways: a reader that lags makes the other side wait, and `send`
 * resolves when more may be sent. A stream that ends, breaks or sends too much never leaves a reader waiting.
 */
import { concatBytes } from '../../base/bytes.ts'
import { WritError } from '../../base/errors.ts'
import { encodeFrame, FrameDecoder } from '../../base/framing.ts'
import { limits } from '../../base/limits.ts'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'

/** Made once: most streams end in good order, and an error of their own for each would cost more than its frames. */
const goneReason = new WritError('connection-lost', 'the peer is gone')

export class FrameStream {
  readonly #stream: Stream
  readonly #decoder: FrameDecoder
  readonly #frames: Uint8Array[] = []
  readonly #gone = new AbortController()
  #waitingBytes = 0
  #ended = false
  #failure: WritError | undefined
  #wake: (() => void) | undefined

  constructor(stream: Stream, sizeBytesMax: number) {
    this.#stream = stream
    this.#decoder = new FrameDecoder(sizeBytesMax)
    stream.addEventListener('close', (event) => this.#onClose(event))
    stream.addEventListener('end', () => this.#finish())
    stream.addEventListener('message', (event) => this.#onMessage(event))
    if (stream.readableEnded) this.#finish()
    if (stream.status !== 'open') this.#gone.abort(goneReason)
  }

  /** Aborts when the stream is gone, in good order or not. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** The next frame; undefined when the other side has ended. Errors: `connection-lost`, `oversized`, and the signal's reason. */
  async next(signal: AbortSignal): Promise<Uint8Array | undefined> {
    for (;;) {
      signal.throwIfAborted()
      const frame = this.#frames.shift()
      if (frame !== undefined) {
        this.#waitingBytes -= frame.length
        this.#adjustFlow()
        return frame
      }
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return undefined
      await this.#change(signal)
    }
  }

  /** All at once, which is cheaper than one by one. Errors: `connection-lost`, and the signal's reason. */
  async send(frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    try {
      if (this.#stream.send(concatBytes(frames.map(encodeFrame)))) return
    } catch (error) {
      throw new WritError('connection-lost', 'the peer is gone', { cause: error })
    }
    await this.#drained(signal)
  }

  /** Ends this side in good order; what cannot be handed over in time is dropped. */
  async close(): Promise<void> {
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(limits.network.closeTimeoutMs) })
    } catch (error) {
      this.abort(error)
    }
  }

  /** A last frame, if it can still be handed over, and the end. */
  async finish(frame: Uint8Array): Promise<void> {
    try {
      await this.send([frame], this.gone)
      await this.close()
    } catch (error) {
      this.abort(error)
    }
  }

  abort(reason: unknown): void {
    this.#stream.abort(reason instanceof Error ? reason : new Error(String(reason)))
  }

  #onMessage(event: StreamMessageEvent): void {
    if (this.#failure !== undefined) return
    const decoded = this.#decoder.push(event.data.subarray())
    if (!decoded.ok) {
      this.#fail(new WritError(decoded.code, decoded.detail))
      return
    }
    for (const frame of decoded.value) {
      this.#frames.push(frame)
      this.#waitingBytes += frame.length
    }
    this.#adjustFlow()
    if (decoded.value.length > 0) this.#wake?.()
  }

  #adjustFlow(): void {
    const { readStatus } = this.#stream
    const isFull = this.#waitingBytes > limits.network.readAheadBytesMax
    if (isFull && readStatus === 'readable') this.#stream.pause()
    if (!isFull && readStatus === 'paused') this.#stream.resume()
  }

  #onClose(event: StreamCloseEvent): void {
    if (event.error !== undefined) this.#fail(new WritError('connection-lost', 'the peer is gone', { cause: event.error }))
    this.#gone.abort(goneReason)
  }

  #fail(failure: WritError): void {
    this.#failure ??= failure
    this.#wake?.()
  }

  #finish(): void {
    this.#ended = true
    this.#wake?.()
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake = undefined
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#wake = done
      signal.addEventListener('abort', done)
    })
  }

  #drained(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#stream.removeEventListener('drain', settle)
        this.#gone.signal.removeEventListener('abort', settle)
        signal.removeEventListener('abort', settle)
        if (signal.aborted) reject(signal.reason)
        else if (this.#gone.signal.aborted) reject(this.#failure ?? goneReason)
        else resolve()
      }
      this.#stream.addEventListener('drain', settle)
      this.#gone.signal.addEventListener('abort', settle)
      signal.addEventListener('abort', settle)
    })
  }
}
