/** Lets few in at a time, and of those with the same key only one, in the order of their arrival. */
interface Waiting {
  readonly key: string
  enter(): void
}

export class Turns {
  readonly #concurrentMax: number
  readonly #inside = new Set<string>()
  readonly #waiting: Waiting[] = []

  constructor(concurrentMax: number) {
    this.#concurrentMax = concurrentMax
  }

  /** Resolves with the function that leaves, or with undefined when the signal fired first. */
  enter(key: string, signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const waiting: Waiting = {
        key,
        enter: () => {
          signal.removeEventListener('abort', giveUp)
          this.#inside.add(key)
          resolve(() => {
            this.#inside.delete(key)
            this.#admit()
          })
        }
      }
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        resolve(undefined)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(waiting)
      this.#admit()
    })
  }

  #admit(): void {
    while (this.#inside.size < this.#concurrentMax) {
      const index = this.#waiting.findIndex(({ key }) => !this.#inside.has(key))
      const [first] = index < 0 ? [] : this.#waiting.splice(index, 1)
      if (first === undefined) return
      first.enter()
    }
  }
}
