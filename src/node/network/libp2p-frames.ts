/**
 * Frames over a libp2p stream, with back-pressure both ways: a reader that lags makes the other side wait, and `send`
 * resolves when more may be sent. A stream that ends, breaks or sends too much never leaves a reader waiting.
 */
import { concatBytes } from '../../base/bytes.ts'
import { WritError } from '../../base/errors.ts'
import { encodeFrame, FrameDecoder } from '../../base/framing.ts'
import { limits } from '../../base/limits.ts'
import { Deadline } from './libp2p-deadline.ts'
import type { Millis } from '../../base/brand.ts'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'

/** Made once: most streams end in good order, and an error of their own for each would cost more than its frames. */
const goneReason = new WritError('connection-lost', 'the peer is gone')

const tooMuch = (): WritError => new WritError('too-many-requests', 'more of the questions and answers of this peer are under way than are kept in memory; ask one after another')

/** Counts what a stream keeps in memory, in both directions; one that may hold no more fails with `too-many-requests`. */
export interface Meter {
  hold(sizeBytes: number): boolean
  release(sizeBytes: number): void
}

export class FrameStream {
  readonly #stream: Stream
  readonly #meter: Meter | undefined
  readonly #stallMs: Millis
  readonly #decoder: FrameDecoder
  readonly #frames: Uint8Array[] = []
  readonly #gone = new AbortController()
  #waitingBytes = 0
  #heldBytes = 0
  #ended = false
  #failure: WritError | undefined
  #wake: (() => void) | undefined

  constructor(stream: Stream, sizeBytesMax: number, { meter, stallMs = limits.network.answerStallMs }: { readonly meter?: Meter; readonly stallMs?: Millis } = {}) {
    this.#stream = stream
    this.#meter = meter
    this.#stallMs = stallMs
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

  /**
   * All at once, which is cheaper than one by one. Errors: `connection-lost`, `too-many-requests`, `request-timeout` when
   * the other side does not take it, and the signal's reason.
   */
  async send(frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const bytes = concatBytes(frames.map(encodeFrame))
    if (!this.#hold(bytes.length)) throw tooMuch()
    try {
      if (!this.#push(bytes)) await this.#taken(signal)
    } finally {
      this.#release(bytes.length)
    }
  }

  /** Ends this side in good order; what cannot be handed over in time is dropped. */
  async close(): Promise<void> {
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(limits.network.closeTimeoutMs) })
    } catch (error) {
      this.abort(error)
    }
  }

  /** A last frame, if it can be handed over soon, and the end: no more is spent on whom it is for. */
  async dismiss(frame: Uint8Array): Promise<void> {
    const deadline = new Deadline(limits.network.closeTimeoutMs, this.gone)
    try {
      await this.send([frame], deadline.signal)
      await this.close()
      await this.#end(deadline.signal)
    } catch (error) {
      this.abort(error)
    } finally {
      deadline.clear()
    }
  }

  /** After `close`: until the other side has closed too; one that leaves the stream open is not waited for without end. */
  async left(): Promise<void> {
    const deadline = new Deadline(this.#stallMs, this.gone)
    await this.#end(deadline.signal)
    deadline.clear()
  }

  /** Until the stream is gone, or `signal` has it reset. */
  async #end(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    if (!this.#gone.signal.aborted) this.abort(new Error('the stream was left open'))
  }

  abort(reason: unknown): void {
    this.#stream.abort(reason instanceof Error ? reason : new Error(String(reason)))
  }

  /** Whether more may be sent at once. */
  #push(bytes: Uint8Array): boolean {
    try {
      return this.#stream.send(bytes)
    } catch (error) {
      throw new WritError('connection-lost', 'the peer is gone', { cause: error })
    }
  }

  #hold(sizeBytes: number): boolean {
    if (this.#meter === undefined || this.#gone.signal.aborted) return true
    if (!this.#meter.hold(sizeBytes)) return false
    this.#heldBytes += sizeBytes
    return true
  }

  #release(sizeBytes: number): void {
    const heldBytes = Math.min(sizeBytes, this.#heldBytes)
    this.#heldBytes -= heldBytes
    if (heldBytes > 0) this.#meter?.release(heldBytes)
  }

  #onMessage(event: StreamMessageEvent): void {
    if (this.#failure !== undefined) return
    if (!this.#hold(event.data.byteLength)) {
      this.#fail(tooMuch())
      return
    }
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
    this.#release(this.#heldBytes)
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

  /** Until the last byte: a window that opens a little would let more pile up with each answer. */
  async #taken(signal: AbortSignal): Promise<void> {
    const deadline = new Deadline(this.#stallMs, signal)
    try {
      do await this.#drained(deadline.signal)
      while (this.#stream.writeBufferLength > 0)
    } catch (error) {
      throw deadline.isOver ? new WritError('request-timeout', `the peer took nothing for ${this.#stallMs / 1000} s`) : error
    } finally {
      deadline.clear()
    }
  }

  #drained(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#stream.removeEventListener('drain', settle)
        this.#stream.removeEventListener('idle', settle)
        this.#gone.signal.removeEventListener('abort', settle)
        signal.removeEventListener('abort', settle)
        if (signal.aborted) reject(signal.reason)
        else if (this.#gone.signal.aborted) reject(this.#failure ?? goneReason)
        else resolve()
      }
      // A window may open and the stream end within one packet: nothing would be heard of either any more.
      if (signal.aborted || this.#gone.signal.aborted) {
        settle()
        return
      }
      this.#stream.addEventListener('drain', settle)
      this.#stream.addEventListener('idle', settle)
      this.#gone.signal.addEventListener('abort', settle)
      signal.addEventListener('abort', settle)
    })
  }
}
