/** Writes two entries under one number, and goes on from each: half of the endpoints are shown one log, half the other. */
import { Intruder } from './intruder.ts'
import type { EndpointAddress } from '../../src/trust/home-config.ts'
import type { EntryContent } from '../../src/record/entry.ts'

const handInMs = 3_000

export class Equivocator extends Intruder {
  protected begin(): void {
    const { random, endpoints } = this.deps
    const parts = this.#writeBranches(random.between(0, 3))
    const shuffled = random.sample(endpoints, endpoints.length)
    const half = Math.ceil(shuffled.length / 2)
    const audiences: readonly EndpointAddress[][] = [shuffled.slice(0, half), shuffled.slice(half)]
    for (const [index, audience] of audiences.entries()) {
      const entries = parts[index] ?? []
      for (const endpoint of audience) this.every(handInMs, () => this.handIn(endpoint, entries))
    }
  }

  /** `shared` entries, then two of one number and some more on each side. */
  #writeBranches(shared: number): readonly [Uint8Array[], Uint8Array[]] {
    const common: Uint8Array[] = []
    let trunk = this.freshTip()
    for (let index = 0; index < shared; index += 1) {
      const { entry, tip } = this.write(trunk, index === 0 ? this.credential : say('shared'))
      common.push(entry.bytes)
      trunk = tip
    }
    const grow = (name: string): Uint8Array[] => {
      const entries = [...common]
      let tip = trunk
      for (let index = 0; index < this.deps.random.between(1, 4); index += 1) {
        const written = this.write(tip, tip.sequence === 0 ? this.credential : say(`${name} ${index}`))
        entries.push(written.entry.bytes)
        tip = written.tip
      }
      return entries
    }
    return [grow('left'), grow('right')]
  }
}

const say = (detail: string): EntryContent => ({ kind: 'fault', fault: { kind: 'story', subject: 'told', detail } })
