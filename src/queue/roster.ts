/**
 * One order's state on every node, a byte each, by the node's number in this process: what pulls, counts and queue
 * lengths are answered from without reading a cell.
 */
import { states, type State } from './views.ts'

const codes: ReadonlyMap<State, number> = new Map(states.map((state, index) => [state, index + 1]))
const hiddenBit = 0x80

export class Roster {
  /** 0: no target. */
  #codes = new Uint8Array(64)

  /** Undefined when the node is no target. */
  stateOf(node: number): State | undefined {
    return states[((this.#codes[node] ?? 0) & ~hiddenBit) - 1]
  }

  set(node: number, state: State | undefined): void {
    if (node >= this.#codes.length) this.#grow(node)
    this.#codes[node] = state === undefined ? 0 : (codes.get(state) ?? 0) | ((this.#codes[node] ?? 0) & hiddenBit)
  }

  /** Takes the node's row out of the views; its state still counts. */
  hide(node: number): void {
    if (node >= this.#codes.length) this.#grow(node)
    this.#codes[node] = (this.#codes[node] ?? 0) | hiddenBit
  }

  isHidden(node: number): boolean {
    return ((this.#codes[node] ?? 0) & hiddenBit) !== 0
  }

  #grow(node: number): void {
    const larger = new Uint8Array(Math.max(this.#codes.length * 2, node + 1))
    larger.set(this.#codes)
    this.#codes = larger
  }
}
