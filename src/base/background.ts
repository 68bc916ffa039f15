/** Work that nobody waits for: its failure is logged, and a process that ends can wait for what is under way. */
import { describeError } from './errors.ts'
import type { Log } from './log.ts'

export class Background {
  readonly #log: Log
  readonly #running = new Set<Promise<void>>()

  constructor(log: Log) {
    this.#log = log
  }

  /** `failure` is what the log says if the work fails. */
  run(failure: string, work: Promise<unknown>): void {
    const running = work.then(
      () => undefined,
      (error: unknown) => this.#log.error(failure, { error: describeError(error) })
    )
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  /** Resolves when nothing is under way, not even what was started meanwhile. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
