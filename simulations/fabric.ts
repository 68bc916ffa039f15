/**
 * What lies between the nodes: links, and messages that take their time, get lost, come twice or in another order, or
 * meet a cut. Everything is drawn from the seed.
 */
import { limits } from '../src/base/limits.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Weather {
  /** Most messages take little more than the least, a few nearly the most. */
  readonly delayMsMin: Millis
  readonly delayMsMax: Millis
  /** Of messages and dials. A message that is lost is waited for until its asker gives up. */
  readonly lossShare: number
  /** Of gossip alone: streams repeat nothing. */
  readonly duplicateShare: number
  /** How much a link carries in one direction; without it the size of a message does not matter. */
  readonly bytesPerSecond?: number
}

export const calmWeather: Weather = { delayMsMin: 1, delayMsMax: 20, lossShare: 0, duplicateShare: 0 }

export interface Host {
  readonly self: KeyId
  readonly name: string
  /** Started, and its cable plugged in. */
  readonly isUp: boolean
  addresses(): string[]
}

/** One connection; once closed, what is still under way on it arrives nowhere. */
export interface Link<H extends Host> {
  isOpen: boolean
  readonly ends: readonly [H, H]
}

export const otherEnd = <H extends Host>({ ends: [first, second] }: Link<H>, one: H): H => (first === one ? second : first)

export type MessageKind = 'gossip' | 'ask' | 'answer' | 'end'

export interface Message {
  readonly kind: MessageKind
  /** The protocol; nothing for gossip. */
  readonly of?: string
  readonly bytes: Uint8Array
}

/** Messages that were sent, those included that were lost. */
export type MessageCounts = Readonly<Record<MessageKind, number>>

export interface FabricDeps {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly trace: Trace
  readonly weather: Weather
  /** A handler threw what it never should. */
  readonly onFault: (what: string) => void
}

export class Fabric<H extends Host> {
  readonly time: VirtualTime
  readonly onFault: (what: string) => void
  weather: Weather
  /** Of one link, from host to host: undefined where it is that of all. */
  weatherOf: (from: KeyId, to: KeyId) => Weather | undefined = () => undefined
  /** Whether messages of one host do not come through to another: one-way cuts included. */
  isCut: (from: KeyId, to: KeyId) => boolean = () => false
  readonly #random: SeededRandom
  readonly #trace: Trace
  readonly #sent: Record<MessageKind, number> = { gossip: 0, ask: 0, answer: 0, end: 0 }
  readonly #hosts = new Map<KeyId, H>()

  constructor({ time, random, trace, weather, onFault }: FabricDeps) {
    this.time = time
    this.weather = weather
    this.onFault = onFault
    this.#random = random
    this.#trace = trace
  }

  get sent(): MessageCounts {
    return { ...this.#sent }
  }

  join(host: H): void {
    this.#hosts.set(host.self, host)
  }

  /** Undefined where nobody of that key listens at one of these addresses. */
  find(peer: KeyId, addresses: readonly string[]): H | undefined {
    const host = this.#hosts.get(peer)
    return host !== undefined && addresses.some((address) => host.addresses().includes(address)) ? host : undefined
  }

  /** Whether a dial from one gets an answer of the other, by chance too. */
  isReached(from: H, to: H): boolean {
    const isLost = this.#random.chance(this.#between(from, to).lossShare)
    return from.isUp && to.isUp && !isLost && !this.isCut(from.self, to.self) && !this.isCut(to.self, from.self)
  }

  drawDelayMs(weather = this.weather, sizeBytes = 0): Millis {
    const { delayMsMin, delayMsMax, bytesPerSecond = Infinity } = weather
    return Math.round(delayMsMin + (delayMsMax - delayMsMin) * this.#random.fraction() ** 3 + (1000 * sizeBytes) / bytesPerSecond)
  }

  /** How long a host does not notice that the other end is gone. */
  drawNoticeMs(): Millis {
    return this.#random.between(0, limits.network.pingIntervalMs)
  }

  /** Brings one message over a link, or not. */
  carry(link: Link<H>, from: H, { kind, of, bytes }: Message, arrive: () => void): void {
    const to = otherEnd(link, from)
    const route = `${from.name} > ${to.name} ${kind}${of === undefined ? '' : ` ${of}`}`
    this.#sent[kind] += 1
    const weather = this.#between(from, to)
    if (this.#random.chance(weather.lossShare) || this.isCut(from.self, to.self)) return this.#trace.note(`lost ${route}`, bytes)
    this.time.after(this.drawDelayMs(weather, bytes.length), () => {
      if (!link.isOpen || this.isCut(from.self, to.self)) return this.#trace.note(`dropped ${route}`, bytes)
      this.#trace.note(route, bytes)
      arrive()
    })
  }

  /** As `carry`, for what may come twice. */
  spread(link: Link<H>, from: H, message: Message, arrive: () => void): void {
    const copies = this.#random.chance(this.#between(from, otherEnd(link, from)).duplicateShare) ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) this.carry(link, from, message, arrive)
  }

  #between(from: H, to: H): Weather {
    return this.weatherOf(from.self, to.self) ?? this.weather
  }

  note(what: string): void {
    this.#trace.note(what)
  }
}
