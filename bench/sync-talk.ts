/** Questions and answers of sync as they are on the wire, counted. */
import { decodeShape } from '../src/base/schema.ts'
import { encodeCbor } from '../src/base/codec.ts'
import { limits } from '../src/base/limits.ts'
import { answerSync } from '../src/queue/sync-answer.ts'
import { encodableAnswer, encodableQuestion, syncAnswerSchema, syncQuestionSchema } from '../src/queue/sync-message.ts'
import { SyncClient } from '../src/queue/sync.ts'
import { syncTime, type OpenQueue } from './sync-source.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { KeyId } from '../src/base/brand.ts'
import type { Queue } from '../src/queue/queue.ts'

export interface Talk {
  readonly bytes: number
  readonly roundTrips: number
  readonly ms: number
  readonly accepted: number
}

/** Carries an encoded question to the other endpoint and its answer back. */
export type Carry = (question: Uint8Array) => Promise<Uint8Array>

export const clientOf = ({ queue, store }: OpenQueue, chain: CharterChain): SyncClient =>
  new SyncClient({ queue, store, clock: { now: () => syncTime, monotonic: () => syncTime }, chain: () => chain, learnCharters: async () => {}, merged: () => {} })

export const answerTo = (queue: Queue, chain: CharterChain, asker: KeyId): Carry => async (bytes) => {
  const question = decodeShape(syncQuestionSchema, bytes, limits.network.messageBytesMax)
  if (!question.ok) throw new Error(question.detail)
  return encodeCbor(encodableAnswer(await answerSync(queue, chain, asker, question.value)))
}

/** Asks until there is nothing more to ask at once. */
export const talk = async ({ queue }: OpenQueue, client: SyncClient, peer: KeyId, carry: Carry): Promise<Talk> => {
  const startedAt = performance.now()
  const before = queue.history.arrival
  let [bytes, roundTrips] = [0, 0]
  for (let again = true; again; ) {
    const question = await client.question(peer)
    if (question === undefined) throw new Error('nothing was asked')
    const asked = encodeCbor(encodableQuestion(question))
    const answered = await carry(asked)
    const answer = decodeShape(syncAnswerSchema, answered, limits.network.messageBytesMax)
    if (!answer.ok) throw new Error(answer.detail)
    again = await client.take(peer, answer.value)
    roundTrips += 1
    bytes += asked.length + answered.length
  }
  return { bytes, roundTrips, ms: performance.now() - startedAt, accepted: queue.history.arrival - before }
}
