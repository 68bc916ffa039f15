/**
 * Framed messages over the duplex pipe between executor and agent; both sides use this one. Reads as fast as its
 * owner handles, so neither side can fill the other's memory. Never throws for what the other side sends or for a pipe
 * that breaks.
 */
import type { Duplex } from 'node:stream'
import { describeError } from '../base/errors.ts'
import { encodeFrame, FrameDecoder } from '../base/framing.ts'
import { limits } from '../base/limits.ts'
import type { Result } from '../base/result.ts'
import { encodeMessage, type ToAgent, type ToExecutor } from './ipc.ts'

export interface Channel<Out> {
  /** Resolves when the pipe has taken the message: true, or false when the pipe is closed. A message over the frame's limit is a programmer's mistake and throws. */
  send(message: Out): Promise<boolean>
  close(): void
}

export interface ChannelHandlers<In> {
  /** One message at a time: the next is read when the promise has resolved. */
  message(message: In): void | Promise<void>
  /** A message that was dropped; after a frame over the limit the channel closes as well. */
  malformed(code: string, detail: string): void
  /** Once, when the pipe has ended for whatever reason. */
  closed(reason: string): void
}

export const openChannel = <In, Out extends ToAgent | ToExecutor>(stream: Duplex, decode: (bytes: Uint8Array) => Result<In>, handlers: ChannelHandlers<In>): Channel<Out> => {
  stream.on('error', () => undefined) // the reading loop below sees it too, and says it once
  void readMessages(stream, decode, handlers)
  const waiting = new Set<(sent: boolean) => void>()
  stream.once('close', () => {
    for (const resolve of waiting) resolve(false) // not every stream calls back for a write that it gave up
  })
  return {
    send: (message) => sendFrame(stream, encodeMessage(message), waiting),
    close: () => void stream.destroy()
  }
}

const sendFrame = (stream: Duplex, bytes: Uint8Array, waiting: Set<(sent: boolean) => void>): Promise<boolean> => {
  if (bytes.length > limits.executor.frameBytesMax) throw new Error(`a message of ${bytes.length} bytes, at most ${limits.executor.frameBytesMax} are allowed`)
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) return resolve(false)
    waiting.add(resolve)
    stream.write(encodeFrame(bytes), (error) => {
      waiting.delete(resolve)
      resolve(error === null || error === undefined)
    })
  })
}

const readMessages = async <In>(stream: Duplex, decode: (bytes: Uint8Array) => Result<In>, handlers: ChannelHandlers<In>): Promise<void> => {
  const frames = new FrameDecoder(limits.executor.frameBytesMax)
  try {
    for await (const chunk of stream) {
      const completed = frames.push(chunk as Uint8Array)
      if (!completed.ok) {
        handlers.malformed(completed.code, completed.detail)
        break
      }
      for (const frame of completed.value) {
        const message = decode(frame)
        if (message.ok) await handlers.message(message.value)
        else handlers.malformed(message.code, message.detail)
      }
    }
    handlers.closed('the pipe has ended')
  } catch (error) {
    handlers.closed(describeError(error))
  } finally {
    stream.destroy()
  }
}
