/**
 * The history that sync is measured on: so many authors, whose entries arrived one of each in turn, so that no two of one
 * author stand side by side. What this process signed itself is not verified when it is put into its store.
 */
import { limits } from '../src/base/limits.ts'
import { LevelStore } from '../src/base/level-store.ts'
import { silentLog } from '../src/base/log.ts'
import { systemRandom } from '../src/base/system-random.ts'
import { Queue } from '../src/queue/queue.ts'
import { Author, benchTime, drawSigner, foundBenchMesh, sealCredential, sealOrder, transportReceipts, type BenchMesh } from './signed-logs.ts'
import type { CharterChain } from '../src/trust/charter-chain.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { EntryBody } from '../src/record/entry.ts'
import type { IndicationId } from '../src/base/brand.ts'
import type { Verified } from '../src/record/record.ts'

/** A day after the orders expired: history, which an endpoint keeps no rosters of. */
export const syncTime = benchTime + 24 * 3_600_000
const batchSize = 1000

export interface OpenQueue {
  readonly queue: Queue
  readonly store: LevelStore
}

export const openQueue = async (directory: string, chain: CharterChain, checkSignature?: CheckSignature): Promise<OpenQueue> => {
  const store = await LevelStore.open(directory, { writeBufferBytes: limits.store.queueWriteBufferBytes })
  const deps = { store, chain: () => chain, clock: { now: () => syncTime }, random: systemRandom, log: silentLog, ...(checkSignature === undefined ? {} : { checkSignature }) }
  return { store, queue: await Queue.open(deps, { retention: { mode: 'label', ageMs: 0 } }) }
}

export class SyncSource {
  readonly mesh: BenchMesh = foundBenchMesh()
  readonly authors: Author[] = []
  readonly #orders: IndicationId[] = []
  readonly #opened: OpenQueue
  #count = 0

  private constructor(mesh: BenchMesh, opened: OpenQueue) {
    this.mesh = mesh
    this.#opened = opened
  }

  /** With the orders that are reported on, and the first entry of every author. */
  static async create(directory: string, authors: number, orders: number): Promise<SyncSource> {
    const mesh = foundBenchMesh()
    const source = new SyncSource(mesh, await openQueue(directory, mesh.chain, async () => true))
    const admin = new Author(mesh.chain.mesh, mesh.admin)
    const beginning: Verified<EntryBody>[] = []
    for (let index = 0; index < orders; index += 1) {
      const order = sealOrder(mesh.chain.mesh, mesh.admin, index)
      source.#orders.push(order.id as IndicationId)
      beginning.push(admin.say({ kind: 'indication', indication: order.bytes }))
    }
    await source.#take(beginning)
    for (let start = 0; start < authors; start += batchSize) await source.#take(Array.from({ length: Math.min(batchSize, authors - start) }, (_, index) => source.#enrol(start + index)))
    return source
  }

  get queue(): Queue {
    return this.#opened.queue
  }

  get count(): number {
    return this.#count
  }

  /** One entry of each author in turn, until there are so many in all. */
  async grow(entries: number): Promise<void> {
    let turn = 0
    while (this.#count < entries) {
      for (let start = 0; start < this.authors.length && this.#count < entries; start += batchSize) {
        const some = this.authors.slice(start, Math.min(start + batchSize, start + entries - this.#count))
        await this.#take(some.map((author) => this.#report(author, turn)))
      }
      turn += 1
    }
  }

  /** `entries` new ones in all, by so many authors from all over the mesh; gives their bytes. */
  async add(entries: number, authors: number): Promise<number> {
    const chosen = Array.from({ length: authors }, (_, index) => this.authors[Math.floor((index * this.authors.length) / authors)]).flatMap((author) => author ?? [])
    const added = chosen.flatMap((author) => Array.from({ length: entries / authors }, (_, turn) => this.#report(author, turn)))
    await this.#take(added)
    return added.reduce((total, { bytes }) => total + bytes.length, 0)
  }

  async close(): Promise<void> {
    await this.#opened.store.close()
  }

  /** Closes the store while `use` runs, so that its files are whole. */
  async reopened(directory: string, use: () => Promise<void>): Promise<SyncSource> {
    await this.close()
    await use()
    const again = new SyncSource(this.mesh, await openQueue(directory, this.mesh.chain, async () => true))
    again.authors.push(...this.authors)
    again.#orders.push(...this.#orders)
    again.#count = this.#count
    return again
  }

  #enrol(index: number): Verified<EntryBody> {
    const [peer, executor] = [drawSigner(), drawSigner()]
    const author = new Author(this.mesh.chain.mesh, peer)
    this.authors.push(author)
    return author.say({ kind: 'credential', credential: sealCredential(this.mesh.chain.mesh, { ...this.mesh, peer, executor }, `agent-${index}`) })
  }

  #report(author: Author, turn: number): Verified<EntryBody> {
    const order = this.#orders[turn % this.#orders.length]
    if (order === undefined) throw new Error('a source without orders')
    return author.say({ kind: 'receipts', receipts: transportReceipts(order) })
  }

  async #take(entries: readonly Verified<EntryBody>[]): Promise<void> {
    const { accepted } = await this.queue.merge(entries.map(({ bytes }) => bytes), 'bench')
    if (accepted.length !== entries.length) throw new Error(`${accepted.length} of ${entries.length} entries were accepted`)
    this.#count += entries.length
  }
}
