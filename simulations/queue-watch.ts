/** When the queues of any endpoint changed last: to the moment of the look that found it. */
import { readArrival } from './queue-state.ts'
import type { Clock } from '../src/base/clock.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { Disk } from './disk.ts'

interface Watched {
  readonly key: KeyId
  readonly agentDisk: Pick<Disk, 'peek'>
}

export class QueueWatch {
  readonly #clock: Clock
  readonly #endpoints: () => readonly Watched[]
  readonly #arrivals = new Map<KeyId, number>()
  #changedAt: Millis

  constructor(clock: Clock, endpoints: () => readonly Watched[]) {
    this.#clock = clock
    this.#endpoints = endpoints
    this.#changedAt = clock.now()
  }

  get changedAt(): Millis {
    return this.#changedAt
  }

  async look(): Promise<void> {
    for (const { key, agentDisk } of this.#endpoints()) {
      const arrival = await readArrival(agentDisk.peek())
      if (arrival !== (this.#arrivals.get(key) ?? 0)) this.#changedAt = this.#clock.now()
      this.#arrivals.set(key, arrival)
    }
  }
}
