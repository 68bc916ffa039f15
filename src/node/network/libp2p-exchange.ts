/** One question and its answers on a libp2p stream of their own: the asker's half and the answerer's half. */
import { describeError, isWritError, WritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { answerOverheadBytes, decodeAnswerFrame, encodeAnswer, encodeEnd, encodeRefusal } from './answer-frame.ts'
import { Deadline } from './libp2p-deadline.ts'
import { FrameStream } from './libp2p-frames.ts'
import type { Connection, Stream } from '@libp2p/interface'
import type { KeyId, Millis } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { Admission, Answer, Handler } from './network.ts'
import type { Rejected } from '../../base/result.ts'

const { messageBytesMax } = limits.network

/** Opens a stream and puts the question. Errors: `oversized`, `protocol-unsupported`, `connection-lost`, the signal's reason. */
export const ask = async (connection: Connection, protocol: string, message: Uint8Array, signal: AbortSignal): Promise<FrameStream> => {
  if (message.length > messageBytesMax) throw new WritError('oversized', `a message of ${message.length} bytes for ${protocol}, at most ${messageBytesMax} are allowed`)
  const stream = await openStream(connection, protocol, signal)
  const frames = new FrameStream(stream, messageBytesMax + answerOverheadBytes)
  try {
    await frames.send([message], signal)
    return frames
  } catch (error) {
    frames.abort(error)
    throw error
  }
}

const openStream = async (connection: Connection, protocol: string, signal: AbortSignal): Promise<Stream> => {
  try {
    return await connection.newStream(protocol, { signal, runOnLimitedConnection: true, maxOutboundStreams: limits.network.streamsPerConnectionMax })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') throw new WritError('protocol-unsupported', `the peer does not speak ${protocol}; its release may be older`, { details: { protocol }, cause: error })
    throw new WritError('connection-lost', `the connection did not take a question: ${describeError(error)}`, { details: { protocol }, cause: error })
  }
}

/** The next answer; undefined after the last. A refusal is thrown with its code. Errors also: `malformed`, `oversized`, `connection-lost`. */
export const readAnswer = async (frames: FrameStream, peer: KeyId, protocol: string, signal: AbortSignal): Promise<Uint8Array | undefined> => {
  const frame = await frames.next(signal)
  if (frame === undefined) throw new WritError('connection-lost', `the peer broke off before its answer on ${protocol} was complete`, { details: { peer, protocol } })
  const decoded = decodeAnswerFrame(frame)
  if (!decoded.ok) throw new WritError(decoded.code, `the peer's answer on ${protocol} cannot be read: ${decoded.detail}`, { details: { peer, protocol } })
  if (decoded.value.kind === 'refused') throw new WritError(decoded.value.code, decoded.value.detail, { details: { by: 'peer', peer, protocol } })
  return decoded.value.kind === 'end' ? undefined : decoded.value.bytes
}

export interface Service {
  readonly protocol: string
  readonly who: (admission: Admission) => boolean
  readonly handler: Handler
}

export interface Serving {
  readonly service: Service
  readonly frames: FrameStream
  readonly admission: Admission
  readonly log: Log
  /** How long the question may take to arrive. */
  readonly patienceMs: Millis
  /** Resolves when a question of so many bytes may be answered; whoever asks much waits. */
  readonly turn: (sizeBytes: number, signal: AbortSignal) => Promise<void>
}

/**
 * Answers one question; resolves, once its stream is gone, with the refusal if that is the asker's own doing. Never
 * throws: what goes wrong is told to the asker, or logged when that is gone.
 */
export const serve = async (serving: Serving): Promise<Pick<Rejected, 'code' | 'detail'> | undefined> => {
  const { service: { protocol }, frames, admission, log } = serving
  try {
    await answer(serving)
    await frames.close()
    await frames.left()
    return undefined
  } catch (error) {
    const refusal = frames.gone.aborted ? undefined : refusalOf(error)
    if (refusal?.code === 'internal-error') log.error('a question could not be answered', { peer: admission.peer, protocol, error })
    if (refusal === undefined) log.debug('an answer did not reach its asker', { peer: admission.peer, protocol, reason: describeError(error) })
    else await frames.dismiss(encodeRefusal(refusal))
    return isOfThird(error) ? undefined : refusal
  }
}

const answer = async ({ service, frames, admission, patienceMs, turn }: Serving): Promise<void> => {
  if (!service.who(admission)) throw new WritError('not-permitted', `${service.protocol} is not for this ${admission.role ?? admission.kind}`)
  const question = await readQuestion(frames, patienceMs)
  await turn(question.length, frames.gone)
  const answers = service.handler(admission, question, frames.gone)
  if (Symbol.asyncIterator in answers) {
    for await (const item of answers) await frames.send([encodeAnswer(bytesOf(item))], frames.gone)
    await frames.send([encodeEnd()], frames.gone)
  } else {
    await frames.send([encodeAnswer(bytesOf(await answers)), encodeEnd()], frames.gone)
  }
}

const readQuestion = async (frames: FrameStream, patienceMs: Millis): Promise<Uint8Array> => {
  const deadline = new Deadline(patienceMs, frames.gone)
  try {
    const question = await frames.next(deadline.signal)
    if (question !== undefined) return question
  } catch (error) {
    throw deadline.isOver ? new WritError('request-timeout', `no question came within ${patienceMs / 1000} s`) : error
  } finally {
    deadline.clear()
  }
  throw new WritError('malformed', 'there was no question')
}

/** What this node did wrong, or a peer that it asked in its turn, is no fault of the asker. */
const isOfThird = (error: unknown): boolean => isWritError(error) && (error.details['by'] !== undefined || error.details['peer'] !== undefined)

const bytesOf = (item: Answer): Uint8Array => {
  if (!(item instanceof Uint8Array)) throw new WritError(item.code, item.detail)
  if (item.length > messageBytesMax) throw new WritError('oversized', `an answer of ${item.length} bytes, at most ${messageBytesMax} are allowed`, { details: { by: 'self' } })
  return item
}

const refusalOf = (error: unknown): { code: string; detail: string } =>
  isWritError(error) ? { code: error.code, detail: error.message } : { code: 'internal-error', detail: 'the peer failed to answer; its log says why' }
