/** The endpoint's side of `/writ/output/1`: takes outputs from agents, serves them to admins and other endpoints. */
import { createHash } from 'node:crypto'
import { decodeShape } from '../../base/schema.ts'
import { encodeCbor } from '../../base/codec.ts'
import { isWritError, WritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { rawCidOf } from '../../record/payload-location.ts'
import { outputAnswerSchema, outputProtocol, outputRequestSchema, type OutputAnswer } from '../protocol/output.ts'
import type { Admission, Network } from '../network/network.ts'
import type { OutputStore } from '../agent/output-shelf.ts'
import type { KeyId } from '../../base/brand.ts'

export interface OutputDeps {
  readonly outputs: OutputStore
  readonly network: Network
  /** Connected peers that may hold an output of `agent` which is not here. */
  readonly holders: (agent: KeyId) => readonly KeyId[]
}

/** Errors: `malformed`, `oversized`, `not-permitted`, `output-unavailable`. */
export async function* answerOutput(deps: OutputDeps, from: Admission, message: Uint8Array): AsyncIterable<Uint8Array> {
  const decoded = decodeShape(outputRequestSchema, message, limits.network.messageBytesMax)
  if (!decoded.ok) throw new WritError(decoded.code, decoded.detail)
  const request = decoded.value
  if (request.kind === 'put') {
    if (from.kind !== 'node') throw new WritError('not-permitted', 'only a node hands in outputs')
    const { cid, offset, sizeBytes, bytes } = request
    const kept = await deps.outputs.append({ cid, offset, sizeBytes, bytes })
    if (!kept.ok) throw new WritError(kept.code, kept.detail)
    yield answer({ kind: 'put', held: kept.value.complete })
    return
  }
  if (from.admin === null && !from.isEndpoint) throw new WritError('not-permitted', 'outputs are for admins and endpoints')
  const parts = (await deps.outputs.read(request.cid)) ?? (request.local ? undefined : await askHolders(deps, request.cid, request.agent))
  if (parts === undefined) throw new WritError('output-unavailable', `no endpoint holds the output ${request.cid}: it was not handed in yet, or is older than what is kept`)
  for await (const part of parts) {
    for (let start = 0; start < part.length; start += limits.executor.chunkBytesMax) yield answer({ kind: 'get', bytes: part.subarray(start, start + limits.executor.chunkBytesMax), last: false })
  }
  yield answer({ kind: 'get', bytes: new Uint8Array(), last: true })
}

/**
 * An output from one peer. Who reads it to its end has the bytes that the executor named, or hears that they are not.
 * Errors: `output-unavailable`, `bad-answer`, `bad-output`, `output-too-large`, and those of `follow`.
 */
export async function* fetchOutput(network: Network, peer: KeyId, wanted: { readonly cid: string; readonly agent: KeyId; readonly local: boolean }): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const message of network.follow(peer, outputProtocol, encodeCbor({ kind: 'get', ...wanted }))) {
    const page = decodeShape(outputAnswerSchema, message, limits.network.messageBytesMax)
    if (!page.ok || page.value.kind !== 'get') throw new WritError('bad-answer', `peer ${peer} gave an answer about an output that cannot be read`)
    if (page.value.last) {
      if (rawCidOf(new Uint8Array(hash.digest())).toString() !== wanted.cid) throw new WritError('bad-output', `peer ${peer} gave other bytes than the output ${wanted.cid} has`)
      return
    }
    sizeBytes += page.value.bytes.length
    if (sizeBytes > limits.output.streamBytesMax) throw new WritError('output-too-large', `peer ${peer} gave more than an output may have`)
    hash.update(page.value.bytes)
    yield page.value.bytes
  }
  throw new WritError('bad-answer', `peer ${peer} ended an output too early`)
}

const askHolders = async (deps: OutputDeps, cid: string, agent: KeyId): Promise<Uint8Array[] | undefined> => {
  for (const peer of deps.holders(agent)) {
    try {
      const parts: Uint8Array[] = []
      for await (const part of fetchOutput(deps.network, peer, { cid, agent, local: true })) parts.push(part)
      return parts
    } catch (error) {
      if (!isWritError(error)) throw error // a peer that has it not, or is gone: ask the next
    }
  }
  return undefined
}

const answer = (value: OutputAnswer): Uint8Array => encodeCbor(value)
