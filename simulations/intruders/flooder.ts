/** Says far too much, on every protocol and topic: good messages again and again, new ones of its own, and garbage. */
import { encodeCbor } from '../../src/base/codec.ts'
import { indicationsTopic, receiptsTopic } from '../../src/node/protocol/announcement.ts'
import { outputProtocol } from '../../src/node/protocol/output.ts'
import { pullProtocol } from '../../src/node/protocol/pull.ts'
import { queryProtocol } from '../../src/node/protocol/query.ts'
import { submitProtocol } from '../../src/node/protocol/submit.ts'
import { syncProtocol } from '../../src/queue/sync-message.ts'
import { Intruder, type Tip } from './intruder.ts'

const tickMs = 250
const garbageBytesMax = 4096
const protocols = [pullProtocol, syncProtocol, submitProtocol, queryProtocol, outputProtocol, '/writ/unheard-of/1'] as const

export class Flooder extends Intruder {
  #tip: Tip | undefined
  readonly #said: Uint8Array[] = []

  protected begin(): void {
    this.every(tickMs, () => this.#gossip())
    this.every(tickMs, () => this.#ask())
  }

  async #gossip(): Promise<void> {
    const { random, world } = this.deps
    const { key, addresses } = this.drawEndpoint()
    await this.network.connect(key, addresses)
    const topic = random.chance(0.5) ? receiptsTopic(world.chain.mesh) : indicationsTopic(world.chain.mesh)
    await this.network.publish(topic, random.chance(0.5) ? this.#garbage() : this.#entry())
  }

  async #ask(): Promise<void> {
    const { key, addresses } = this.drawEndpoint()
    await this.network.connect(key, addresses)
    const isFair = this.deps.random.chance(0.5)
    const message = isFair ? encodeCbor(this.pullRequest([this.#entry(), this.#entry()])) : this.#garbage()
    await this.network.request(key, isFair ? pullProtocol : this.drawOf(protocols), message)
  }

  #garbage(): Uint8Array {
    const { random } = this.deps
    return random.bytes(random.between(0, garbageBytesMax))
  }

  /** The next one of its log, or one that it has sent before. */
  #entry(): Uint8Array {
    if (this.#said.length > 0 && this.deps.random.chance(0.6)) return this.drawOf(this.#said)
    const at = this.deps.fabric.time.now()
    const { entry, tip } = this.write(this.#tip ?? this.freshTip(), this.#tip === undefined ? this.credential : { kind: 'fault', fault: { kind: 'flood', subject: 'nothing', detail: String(at) } })
    this.#tip = tip
    this.#said.push(entry.bytes)
    return entry.bytes
  }
}
