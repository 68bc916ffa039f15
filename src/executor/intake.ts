/**
 * Brings the bytes of payloads into the cache, from first to last. Of a release the agent is asked for its manifest first, and
 * then only for what the release that runs lacks; the rest is read from there. The cache hashes all of it on the way, so that
 * a payload is what its order names wherever its bytes came from, and nothing of the running release goes to the agent.
 */
import { endOf, type ByteRange } from '../base/byte-range.ts'
import { concatBytes } from '../base/bytes.ts'
import { describeError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Result } from '../base/result.ts'
import { decodeTree, isFile, treeHeadBytesMax } from '../record/tree.ts'
import { planAsk, planParts, type Part } from './payload-parts.ts'
import type { IndicationId } from '../base/brand.ts'
import type { InstructionCache } from './file-cache.ts'
import type { Order } from './job-events.ts'
import type { ReleaseFiles } from './file-release-files.ts'

export interface IntakeDeps {
  /** Makes room in the cache. */
  readonly begin: (order: Order) => Promise<Result<null>>
  readonly cache: Pick<InstructionCache, 'append'>
  readonly ask: (indication: IndicationId, ranges: readonly ByteRange[]) => void
  /** Every byte is in the cache, or the agent says so. */
  readonly ended: (indication: IndicationId) => void
  readonly failed: (indication: IndicationId, code: string, detail: string) => void
  /** Null where no release is taken. */
  readonly files: ReleaseFiles | null
}

interface Incoming {
  readonly order: Order
  /** Bytes in the cache. */
  sizeBytes: number
  /** What is still to come, as far as it is known. */
  parts: Part[]
  /** Where the agent's last answer must end. */
  askedUntil: number
  /** The manifest of a release, as far as it has come; null once the parts are known. */
  head: Uint8Array | null
}

const lengthBytes = 4

const fromAgent = (offset: number, end: number): Part[] => [{ range: { offset, sizeBytes: end - offset }, file: null }]

export class PayloadIntake {
  readonly #deps: IntakeDeps
  readonly #incoming = new Map<IndicationId, Incoming>()

  constructor(deps: IntakeDeps) {
    this.#deps = deps
  }

  /** Starts anew: what came of it before counts no more. */
  async begin(order: Order): Promise<void> {
    const { id, body, bundle } = order
    const { sizeBytes } = body.payload
    const isPieced = body.format === 'release' && this.#deps.files !== null && bundle.payload === null && sizeBytes > lengthBytes
    const incoming: Incoming = { order, sizeBytes: 0, parts: fromAgent(0, isPieced ? lengthBytes : sizeBytes), askedUntil: 0, head: isPieced ? new Uint8Array() : null }
    this.#incoming.set(id, incoming)
    const begun = await this.#deps.begin(order)
    if (!this.#isCurrent(incoming)) return
    if (!begun.ok) this.#fail(incoming, begun.code, begun.detail)
    else if (bundle.payload === null) this.#ask(incoming)
    else if (await this.#append(incoming, 0, bundle.payload)) this.#end(incoming)
  }

  /** Bytes that the agent brings. */
  async receive(id: IndicationId, offset: number, bytes: Uint8Array): Promise<void> {
    const incoming = this.#incoming.get(id)
    const part = incoming?.parts[0]
    if (incoming === undefined) return
    if (part === undefined || offset + bytes.length > endOf(part.range)) return this.#fail(incoming, 'payload-mismatch', `bytes up to ${offset + bytes.length} were sent that were not asked for`)
    if (!(await this.#append(incoming, offset, bytes))) return
    if (incoming.head !== null) incoming.head = concatBytes([incoming.head, bytes])
    if (incoming.sizeBytes < endOf(part.range)) return
    incoming.parts.shift()
    await this.#copyHeld(incoming)
  }

  /** The agent has sent all that it was asked for, or says so. */
  async end(id: IndicationId): Promise<void> {
    const incoming = this.#incoming.get(id)
    if (incoming === undefined) return
    if (incoming.sizeBytes < incoming.askedUntil || incoming.sizeBytes === incoming.order.body.payload.sizeBytes) return this.#end(incoming)
    if (incoming.head !== null) await this.#plan(incoming, incoming.head)
    if (!this.#isCurrent(incoming)) return
    if (incoming.parts.length === 0) this.#end(incoming)
    else this.#ask(incoming)
  }

  /** Nothing more of it is wanted. */
  drop(id: IndicationId): void {
    this.#incoming.delete(id)
  }

  async #plan(incoming: Incoming, head: Uint8Array): Promise<void> {
    const { sizeBytes } = incoming.order.body.payload
    const headBytes = lengthBytes + new DataView(head.buffer, head.byteOffset, head.length).getUint32(0)
    if (head.length === lengthBytes && headBytes > lengthBytes && headBytes <= Math.min(sizeBytes, treeHeadBytesMax)) {
      incoming.parts = fromAgent(lengthBytes, headBytes)
      return
    }
    incoming.head = null
    const tree = decodeTree(head, sizeBytes)
    const held = tree.ok ? await this.#deps.files?.find(tree.value.manifest.entries.filter(isFile)) : undefined
    // What is no tree is fetched as it is, and judged as a whole.
    incoming.parts = tree.ok && held !== undefined ? planParts(tree.value, held) : fromAgent(incoming.sizeBytes, sizeBytes)
    await this.#copyHeld(incoming)
  }

  /** Up to what the agent is to bring next. */
  async #copyHeld(incoming: Incoming): Promise<void> {
    const { files } = this.#deps
    if (files === null) return
    for (let [part] = incoming.parts; part !== undefined && part.file !== null; [part] = incoming.parts) {
      try {
        for await (const bytes of files.read(part.file)) if (!(await this.#append(incoming, incoming.sizeBytes, bytes))) return
      } catch (error) {
        return this.#fail(incoming, 'payload-mismatch', `a file of the release that runs could no longer be read, order again: ${describeError(error)}`)
      }
      incoming.parts.shift()
    }
  }

  #ask(incoming: Incoming): void {
    const { ranges, end } = planAsk(incoming.parts, limits.executor.rangesMax)
    incoming.askedUntil = end
    this.#deps.ask(incoming.order.id, ranges)
  }

  /** Whether it goes on. */
  async #append(incoming: Incoming, offset: number, bytes: Uint8Array): Promise<boolean> {
    if (!this.#isCurrent(incoming)) return false
    const appended = await this.#deps.cache.append(incoming.order.id, offset, bytes)
    if (!this.#isCurrent(incoming)) return false
    incoming.sizeBytes += bytes.length
    if (!appended.ok) this.#fail(incoming, appended.code, appended.detail)
    return appended.ok
  }

  #isCurrent(incoming: Incoming): boolean {
    return this.#incoming.get(incoming.order.id) === incoming
  }

  #end(incoming: Incoming): void {
    this.drop(incoming.order.id)
    this.#deps.ended(incoming.order.id)
  }

  #fail(incoming: Incoming, code: string, detail: string): void {
    if (!this.#isCurrent(incoming)) return
    this.drop(incoming.order.id)
    this.#deps.failed(incoming.order.id, code, detail)
  }
}
