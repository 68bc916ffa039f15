/**
 * The order in which merges have their entries verified: one after another, as they are applied, each as soon as the one
 * before has handed over all of its entries. So the first can be applied while the next are verified and the ones after are
 * decoded, and the thread pool has enough to do but no more: what is read and written waits in the same line.
 */
import { limits } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'

export class VerificationLine {
  readonly #turn = new Mutex()
  /** Entries that are being verified, and those of merges that were begun and not applied. */
  #underway = 0
  #ahead = 0
  #resume: (() => void) | undefined

  /** `handOver` runs when all that came before has been handed over and most of it applied; to be followed by `applied` with the same count, also after a failure. */
  run<T>(count: number, handOver: () => Promise<T>): Promise<T> {
    return this.#turn.run(async () => {
      while (this.#ahead >= limits.queue.mergedAheadMax) await this.#change()
      this.#ahead += count
      return handOver()
    })
  }

  applied(count: number): void {
    this.#ahead -= count
    this.#resume?.()
  }

  /** Within `run`: resolves when the thread pool can do with more. */
  async room(): Promise<void> {
    while (this.#underway >= limits.queue.verifiedAtOnce) await this.#change()
  }

  /** Within `run`: `count` entries are being verified until `work` has ended. */
  begin(count: number, work: Promise<unknown>): void {
    this.#underway += count
    const end = (): void => {
      this.#underway -= count
      this.#resume?.()
    }
    work.then(end, end)
  }

  /** Only the one whose turn it is waits here. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
    })
  }
}
