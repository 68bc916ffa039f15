/**
 * A set of keys in the order of their code points, which is the order of their UTF-8 bytes: adding, removing and finding
 * the beginning of a range cost little however many keys there are and however these are mixed.
 */
import { compareCodePoints, compareText, isPlainText } from './bytes.ts'

/** Long enough that there are few runs, short enough that making room in one costs next to nothing. */
const runLengthMax = 512

type Compare = (left: string, right: string) => -1 | 0 | 1

export class SortedKeys {
  /** Whether all keys are such that the engine's own comparison, which is many times faster, gives the same order. */
  #isPlain = true
  /** Each in order, none empty, and all of one before all of the next. */
  readonly #runs: string[][] = []

  /** A key that is in the set already stays in it once. */
  add(key: string): void {
    this.#isPlain &&= isPlainText(key)
    const compare = this.#compareWith(key)
    const index = Math.max(0, this.#runAfter(key, compare) - 1)
    const run = this.#runs[index]
    if (run === undefined) {
      this.#runs.push([key])
      return
    }
    const place = lowerBound(run, key, compare)
    if (run[place] === key) return
    run.splice(place, 0, key)
    if (run.length > runLengthMax) this.#runs.splice(index + 1, 0, run.splice(run.length >>> 1))
  }

  delete(key: string): void {
    const compare = this.#compareWith(key)
    const index = this.#runAfter(key, compare) - 1
    const run = this.#runs[index]
    if (run === undefined) return
    const place = lowerBound(run, key, compare)
    if (run[place] !== key) return
    run.splice(place, 1)
    if (run.length === 0) this.#runs.splice(index, 1)
  }

  /** Keys from `from` on and below `to`, at most `limit` of them: the first, or with `reverse` the last, and backwards. */
  range({ from, to, reverse = false, limit = Number.POSITIVE_INFINITY }: { readonly from: string; readonly to: string; readonly reverse?: boolean; readonly limit?: number }): string[] {
    const found: string[] = []
    const compare = this.#compareWith(from + to)
    const last = this.#runAfter(to, compare) - 1
    const first = Math.max(0, this.#runAfter(from, compare) - 1)
    for (let step = 0; step <= last - first && found.length < limit; step += 1) {
      const run = this.#runs[reverse ? last - step : first + step] ?? []
      const selected = run.slice(lowerBound(run, from, compare), lowerBound(run, to, compare))
      if (reverse) selected.reverse()
      for (const key of selected.slice(0, limit - found.length)) found.push(key)
    }
    return found
  }

  /** The number of the first run that begins above `key`. */
  #runAfter(key: string, compare: Compare): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#runs[middle]?.[0] ?? '', key) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #compareWith(key: string): Compare {
    return this.#isPlain && isPlainText(key) ? compareText : compareCodePoints
  }
}

const lowerBound = (keys: readonly string[], wanted: string, compare: Compare): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(keys[middle] ?? '', wanted) < 0) low = middle + 1
    else high = middle
  }
  return low
}
