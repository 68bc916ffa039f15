/** A steady stream of small orders, given through the public library while everything around it is killed. */
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, errorCode } from '../../src/base/errors.ts'
import type * as api from '../../src/api/index.ts'
import type { SeededRandom } from '../../simulations/seeded-random.ts'
import { ordersName, workFor } from './effects.ts'

/** What production loads, not its source. */
export const loadLibrary = (): Promise<typeof api> => import('writ')

const intervalMsMax = 1000
const outstandingMax = 4
const targetsMax = 3

export interface LoadDeps {
  readonly admin: api.Admin
  readonly random: SeededRandom
  readonly nodes: readonly string[]
}

export interface LoadReport {
  /** Orders that an endpoint holds. */
  readonly given: number
  /** Orders that no endpoint took, by the code of the error. */
  readonly refused: Readonly<Record<string, number>>
  /** What the library should not have thrown. */
  readonly failures: readonly string[]
}

export class Load {
  readonly #deps: LoadDeps
  readonly #outstanding = new Set<Promise<void>>()
  readonly #refused: Record<string, number> = {}
  readonly #failures: string[] = []
  #given = 0
  #running: Promise<void> | undefined
  #isStopping = false

  constructor(deps: LoadDeps) {
    this.#deps = deps
  }

  get report(): LoadReport {
    return { given: this.#given, refused: this.#refused, failures: this.#failures }
  }

  /** Orders come until `stop`; their names say during what. */
  start(during: string): void {
    this.#isStopping = false
    this.#running ??= this.#run(during)
  }

  /** Resolves when no order is on its way any more. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    this.#running = undefined
    await Promise.all(this.#outstanding)
  }

  async #run(during: string): Promise<void> {
    const { random } = this.#deps
    while (!this.#isStopping) {
      if (this.#outstanding.size >= outstandingMax) await Promise.race(this.#outstanding)
      const order = this.#submit(this.#draw(during)).finally(() => this.#outstanding.delete(order))
      this.#outstanding.add(order)
      await delay(random.between(0, intervalMsMax))
    }
  }

  #draw(during: string): api.OrderDraft {
    const { random, nodes } = this.#deps
    const [seconds, idempotent] = [random.chance(0.3) ? 1 : 0, random.chance(0.3)]
    const name = `${ordersName}${during}${seconds > 0 ? ' slow' : ''}${idempotent ? ' again' : ''}`
    return { target: { kind: 'nodes', names: random.sample(nodes, random.between(1, targetsMax)) }, payload: { kind: 'command', argv: workFor(seconds) }, name, idempotent }
  }

  async #submit(draft: api.OrderDraft): Promise<void> {
    try {
      await this.#deps.admin.submit(draft)
      this.#given += 1
    } catch (error) {
      const code = errorCode(error)
      // The bundle's errors are of a class of its own.
      if (!(error instanceof Error) || error.name !== 'WritError') this.#failures.push(describeError(error))
      else this.#refused[code] = (this.#refused[code] ?? 0) + 1
    }
  }
}
