/**
 * Time that passes only when nothing is left to do: events in the order of their times, and of their making where these
 * are equal. Between two events everything that waits for nothing but other code has run.
 */
import type { SteadyClock, Timers } from '../src/base/clock.ts'
import type { Millis } from '../src/base/brand.ts'

interface Event {
  readonly at: Millis
  readonly sequence: number
  /** Undefined once cancelled. */
  action: (() => void) | undefined
}

const isBefore = (left: Event, right: Event): boolean => left.at < right.at || (left.at === right.at && left.sequence < right.sequence)

/**
 * Storage in memory and signatures that are checked at once settle in microtasks. All of these run before the queue of
 * ticks is looked at again, so before this resolves, when it is called from a microtask itself.
 */
const settle = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
/** Lets the engine do what it does between its tasks, such as forgetting what nobody refers to; from then on in a microtask. */
const pauseForEngine = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const eventsBetweenPauses = 1024

export class VirtualTime implements SteadyClock, Timers {
  /** A binary heap: the first is the next. */
  readonly #heap: Event[] = []
  #now: Millis
  #sequence = 0
  #events = 0

  constructor(startAt: Millis) {
    this.#now = startAt
  }

  now(): Millis {
    return this.#now
  }

  monotonic(): Millis {
    return this.#now
  }

  /** Events that have happened. */
  get events(): number {
    return this.#events
  }

  after(delayMs: Millis, action: () => void): () => void {
    this.#sequence += 1
    const event: Event = { at: this.#now + Math.max(0, delayMs), sequence: this.#sequence, action }
    this.#add(event)
    return () => {
      event.action = undefined
    }
  }

  pause(delayMs: Millis): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Lets all happen that is due until then. */
  async runUntil(at: Millis): Promise<void> {
    await pauseForEngine()
    for (let next = this.#heap[0]; next !== undefined && next.at <= at; next = this.#heap[0]) {
      this.#removeFirst()
      const { action } = next
      if (action === undefined) continue
      this.#now = next.at
      this.#events += 1
      action()
      await (this.#events % eventsBetweenPauses === 0 ? pauseForEngine() : settle())
    }
    this.#now = at
  }

  #add(event: Event): void {
    const heap = this.#heap
    let place = heap.push(event) - 1
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || isBefore(parent, event)) break
      heap[place] = parent
      place = above
    }
    heap[place] = event
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      const [left, right] = [heap[2 * place + 1], heap[2 * place + 2]]
      const isRight = left !== undefined && right !== undefined && isBefore(right, left)
      const least = isRight ? right : left
      if (least === undefined || isBefore(last, least)) break
      heap[place] = least
      place = 2 * place + (isRight ? 2 : 1)
    }
    heap[place] = last
  }
}
