/**
 * Which blocks stay: those of the payloads that orders need, of payloads stored or asked for lately, and of those
 * being added right now. The rest is swept.
 *
 * The order of the steps makes it safe beside adding and fetching: first the blocks are listed, then those in use are
 * marked, then what is listed and not marked is removed. A block that came after the listing is not on the list; one
 * that came before it hangs below a root that is marked, or is noted as being added.
 */
import type { CID } from 'multiformats/cid'
import type { SteadyClock } from '../base/clock.ts'
import { limits } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { accept } from '../base/result.ts'
import type { Millis } from '../base/brand.ts'
import type { PayloadRef } from '../record/indication.ts'
import { blockKeyOf, type BlockStore } from './block-store.ts'
import { walkDag, type Visit } from './dag-walk.ts'
import { isLeaf, planChildren, planRoot } from './payload-dag.ts'

const lanes = 16

export interface RetentionDeps {
  readonly blocks: BlockStore
  readonly clock: SteadyClock
}

export interface Adding {
  put(cid: CID, bytes: Uint8Array): Promise<void>
  end(): void
}

export class Retention {
  readonly #deps: RetentionDeps
  readonly #collecting = new Mutex()
  readonly #recent = new Map<string, { ref: PayloadRef; until: Millis }>()
  readonly #adding = new Set<Set<string>>()
  /** Kept since the last marking. */
  #unmarked: PayloadRef[] = []
  /** Settles, never fails, when the removal under way is over. */
  #removing: Promise<void> = Promise.resolve()

  constructor(deps: RetentionDeps) {
    this.#deps = deps
  }

  /** No order may name it yet. After this, what is found of it stays. */
  async keepForNow(ref: PayloadRef): Promise<void> {
    this.#recent.set(ref.cid, { ref, until: this.#deps.clock.monotonic() + limits.payload.unreferencedMsMax })
    this.#unmarked.push(ref)
    await this.#removing
  }

  /** Blocks put by way of this stay until `end`; by then they must hang below a root that is kept. */
  startAdding(): Adding {
    const keys = new Set<string>()
    this.#adding.add(keys)
    return {
      put: async (cid, bytes) => {
        keys.add(blockKeyOf(cid))
        await this.#removing // or a block that is found here might be about to go
        if (!(await this.#deps.blocks.has(cid))) await this.#deps.blocks.put(cid, bytes)
      },
      end: () => this.#adding.delete(keys)
    }
  }

  collect(needed: readonly PayloadRef[]): Promise<{ removedBlocks: number }> {
    return this.#collecting.run(async () => {
      const listed: CID[] = []
      for await (const cid of this.#deps.blocks.list()) listed.push(cid)
      const marked = new Set<string>()
      this.#unmarked = this.#takeRecent()
      for (const ref of needed) await this.#mark(ref, marked)
      let removedBlocks = 0
      for (const cid of listed) {
        for (let ref = this.#unmarked.pop(); ref !== undefined; ref = this.#unmarked.pop()) await this.#mark(ref, marked)
        const key = blockKeyOf(cid)
        if (marked.has(key) || [...this.#adding].some((keys) => keys.has(key))) continue
        const removal = this.#deps.blocks.delete(cid)
        this.#removing = settled(removal)
        await removal
        removedBlocks += 1
      }
      return { removedBlocks }
    })
  }

  #takeRecent(): PayloadRef[] {
    const now = this.#deps.clock.monotonic()
    for (const [cid, { until }] of this.#recent) if (until <= now) this.#recent.delete(cid)
    return [...this.#recent.values()].map(({ ref }) => ref)
  }

  /** Marks what is here of a payload: one that is being fetched has holes. */
  async #mark(ref: PayloadRef, marked: Set<string>): Promise<void> {
    const root = planRoot(ref)
    if (!root.ok) return
    const visit: Visit = async (node) => {
      marked.add(blockKeyOf(node.cid))
      const bytes = isLeaf(node) ? undefined : await this.#deps.blocks.load(node.cid)
      return bytes === undefined ? accept([]) : planChildren(node, bytes)
    }
    await walkDag(root.value, visit, lanes)
  }
}

const settled = (promise: Promise<void>): Promise<void> =>
  promise.then(
    () => undefined,
    () => undefined
  )
