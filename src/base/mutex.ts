/** Runs actions one after another, in the order of their arrival; one that fails does not stop the next. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve()

  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(action)
    this.#tail = result.catch(() => undefined)
    return result
  }
}
