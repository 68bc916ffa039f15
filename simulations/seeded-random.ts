/**
 * Randomness from a seed: the same text gives the same draws on every machine.
 * Source: xoshiro128** 1.1 by David Blackman and Sebastiano Vigna, https://prng.di.unimi.it/xoshiro128starstar.c
 */
import { sha256 } from '../src/base/codec.ts'
import { utf8 } from '../src/base/bytes.ts'
import type { Random } from '../src/base/random.ts'

const rotateLeft = (word: number, count: number): number => (word << count) | (word >>> (32 - count))

export class SeededRandom implements Random {
  readonly #seed: string
  #words: [number, number, number, number]

  constructor(seed: string) {
    this.#seed = seed
    const view = new DataView(sha256(utf8(seed)).slice().buffer)
    this.#words = [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)]
  }

  /** A stream of its own, whatever is drawn from this one: who draws more does not disturb the others. */
  stream(name: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${name}`)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let index = 0; index < length; index += 1) bytes[index] = this.#next() >>> 24
    return bytes
  }

  fraction(): number {
    return this.#next() / 2 ** 32
  }

  /** Whole, both bounds included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1))
  }

  chance(share: number): boolean {
    return this.fraction() < share
  }

  /** `count` of them, in an order of chance. */
  sample<T>(items: readonly T[], count: number): T[] {
    return items
      .map((item) => ({ item, rank: this.fraction() }))
      .sort((left, right) => left.rank - right.rank)
      .slice(0, count)
      .map(({ item }) => item)
  }

  #next(): number {
    const [first, second, third, fourth] = this.#words
    const drawn = Math.imul(rotateLeft(Math.imul(second, 5), 7), 9) >>> 0
    const mixedThird = third ^ first
    const mixedFourth = fourth ^ second
    this.#words = [first ^ mixedFourth, second ^ mixedThird, mixedThird ^ (second << 9), rotateLeft(mixedFourth, 11)]
    return drawn
  }
}
