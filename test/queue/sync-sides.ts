/** Endpoints' queues that ask each other over encoded messages, which are counted. Of many queues only the first checks a signature. */
import { MemoryStore } from '../../src/base/memory-store.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { decodeShape } from '../../src/base/schema.ts'
import { limits } from '../../src/base/limits.ts'
import { answerSync } from '../../src/queue/sync-answer.ts'
import { encodableAnswer, encodableQuestion, syncAnswerSchema, syncQuestionSchema, type SyncAnswer, type SyncQuestion } from '../../src/queue/sync-message.ts'
import { SyncClient } from '../../src/queue/sync.ts'
import { createSignatureMemory } from '../../simulations/signature-memory.ts'
import { madeAt, signerOf, type World } from './world.ts'
import type { KeyId } from '../../src/base/brand.ts'
import type { Queue } from '../../src/queue/queue.ts'

export interface Side {
  readonly queue: Queue
  readonly store: MemoryStore
  readonly client: SyncClient
  readonly key: KeyId
}

const checkSignature = createSignatureMemory()

export const sideOf = async (world: World, name: string, options: { store?: MemoryStore; now?: () => number } = {}): Promise<Side> => {
  const { store = new MemoryStore(), now = () => madeAt } = options
  const queue = await world.queue({ store, name, checkSignature })
  const client = new SyncClient({ store, queue, clock: { now, monotonic: now }, chain: () => world.mesh.chain, learnCharters: async () => {}, merged: () => {} })
  return { queue, store, client, key: signerOf(name).key }
}

/** One question and its answer, as they were decoded at the other end. */
export interface Round {
  readonly question: SyncQuestion
  readonly answer: SyncAnswer
  /** On the wire, both ways. */
  readonly bytes: number
  readonly again: boolean
}

export const overWire = <Message>(encodable: unknown, schema: Parameters<typeof decodeShape>[0]): { message: Message; bytes: number } => {
  const encoded = encodeCbor(encodable)
  const decoded = decodeShape(schema, encoded, limits.network.messageBytesMax)
  if (!decoded.ok) throw new Error(decoded.detail)
  return { message: decoded.value as Message, bytes: encoded.length }
}

/** `bend` may make another answer of the honest one. */
export const ask = async (world: World, asker: Side, answerer: Side, bend: (answer: SyncAnswer) => SyncAnswer = (answer) => answer): Promise<Round> => {
  const wanted = await asker.client.question(answerer.key)
  if (wanted === undefined) throw new Error('nothing was asked')
  const question = overWire<SyncQuestion>(encodableQuestion(wanted), syncQuestionSchema)
  const given = bend(await answerSync(answerer.queue, world.mesh.chain, asker.key, question.message))
  const answer = overWire<SyncAnswer>(encodableAnswer(given), syncAnswerSchema)
  const again = await asker.client.take(answerer.key, answer.message)
  return { question: question.message, answer: answer.message, bytes: question.bytes + answer.bytes, again }
}

/** Asks until there is nothing more to ask at once. */
export const catchUp = async (world: World, asker: Side, answerer: Side): Promise<Round[]> => {
  const rounds: Round[] = []
  do rounds.push(await ask(world, asker, answerer))
  while (rounds.at(-1)?.again === true && rounds.length < 1000)
  return rounds
}

export const isEqualState = (left: Side, right: Side): boolean => Buffer.compare(left.queue.digest(), right.queue.digest()) === 0

/** Asks in turn until both hold the same; gives the rounds it took. Throws when it takes more than `roundsMax`. */
export const settle = async (world: World, left: Side, right: Side, roundsMax = 40): Promise<Round[]> => {
  const rounds: Round[] = []
  while (!isEqualState(left, right)) {
    rounds.push(...(await catchUp(world, left, right)), ...(await catchUp(world, right, left)))
    if (rounds.length > roundsMax) throw new Error(`still different after ${rounds.length} rounds`)
  }
  return rounds
}

export const kindsOf = (rounds: readonly Round[]): string => rounds.map(({ answer }) => answer.kind).join(' ')
export const bytesIn = (rounds: readonly Round[]): number => rounds.reduce((total, { bytes }) => total + bytes, 0)
export const entriesIn = (rounds: readonly Round[]): number => rounds.reduce((total, { answer }) => total + (answer.kind === 'ranges' ? 0 : answer.entries.length), 0)
