/**
 * Whole outputs that an agent still owes to an endpoint. What is owed survives a restart; an endpoint that has taken an
 * output holds it for readers, and the agent's own copy ages with the store.
 */
import { decodeShape } from '../../base/schema.ts'
import { encodeCbor } from '../../base/codec.ts'
import { put, remove, withPrefix, type KeyValueStore } from '../../base/key-value-store.ts'
import { limits } from '../../base/limits.ts'
import { describeError, isWritError, WritError } from '../../base/errors.ts'
import { outputAnswerSchema, outputProtocol } from '../protocol/output.ts'
import type { KeyId, Millis } from '../../base/brand.ts'
import type { Log } from '../../base/log.ts'
import type { Network } from '../network/network.ts'
import type { Result } from '../../base/result.ts'

export interface OutputPart {
  readonly cid: string
  readonly offset: number
  /** Of the whole output. */
  readonly sizeBytes: number
  readonly bytes: Uint8Array
}

/** Where outputs lie: `FileOutputs` in production. */
export interface OutputStore {
  append(part: OutputPart): Promise<Result<{ complete: boolean }>>
  has(cid: string): Promise<boolean>
  /** Undefined when the output is not here. */
  read(cid: string): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Removes what is too old or too much. */
  prune(now: Millis): Promise<unknown>
}

const prefix = 'owed-output/'

export class OutputShelf {
  readonly #store: KeyValueStore
  readonly #outputs: OutputStore
  readonly #network: Network
  readonly #log: Log
  #paying = false

  constructor(deps: { readonly store: KeyValueStore; readonly outputs: OutputStore; readonly network: Network; readonly log: Log }) {
    this.#store = deps.store
    this.#outputs = deps.outputs
    this.#network = deps.network
    this.#log = deps.log
  }

  /** Never throws: an output that cannot be kept, as on a full disk, costs no receipt. */
  async keep(part: OutputPart): Promise<void> {
    try {
      const kept = await this.#outputs.append(part)
      if (!kept.ok) this.#log.warn('an output could not be kept', { cid: part.cid, code: kept.code, detail: kept.detail })
    } catch (error) {
      this.#log.error('an output could not be kept', { cid: part.cid, error: describeError(error) })
    }
  }

  /** From now on this output is owed to some endpoint. */
  async due(cid: string): Promise<void> {
    await this.#store.write([put(prefix + cid, new Uint8Array())], { durable: false })
  }

  /**
   * Hands everything that is owed to an endpoint; to itself when this node is one and holds it already. What the endpoint
   * refuses stays owed. Errors: `bad-answer`, and those of `Network.request` but for a refusal.
   */
  async pay(endpoint: KeyId): Promise<void> {
    if (this.#paying) return
    this.#paying = true
    try {
      for await (const [key] of this.#store.entries(withPrefix(prefix))) {
        const cid = key.slice(prefix.length)
        if (endpoint === this.#network.self || (await this.#isTaken(endpoint, cid))) await this.#store.write([remove(key)], { durable: false })
      }
    } finally {
      this.#paying = false
    }
  }

  async #isTaken(endpoint: KeyId, cid: string): Promise<boolean> {
    try {
      await this.#upload(endpoint, cid)
      return true
    } catch (error) {
      if (!isWritError(error) || error.details['by'] !== 'peer') throw error
      this.#log.warn('an endpoint refused an output; it is tried again', { endpoint, cid, code: error.code, detail: error.message })
      return false
    }
  }

  async #upload(endpoint: KeyId, cid: string): Promise<void> {
    const source = await this.#outputs.read(cid)
    if (source === undefined) return // older than what is kept
    const parts: Uint8Array[] = []
    for await (const part of source) parts.push(part)
    const whole = Buffer.concat(parts)
    for (let offset = 0; offset < whole.length; offset += limits.executor.chunkBytesMax) {
      const bytes = new Uint8Array(whole.subarray(offset, offset + limits.executor.chunkBytesMax))
      const answer = await this.#network.request(endpoint, outputProtocol, encodeCbor({ kind: 'put', cid, offset, sizeBytes: whole.length, bytes }))
      const decoded = decodeShape(outputAnswerSchema, answer, limits.network.messageBytesMax)
      if (!decoded.ok || decoded.value.kind !== 'put') throw new WritError('bad-answer', `endpoint ${endpoint} gave an answer to an output that cannot be read`)
      if (decoded.value.held) return
    }
  }
}
