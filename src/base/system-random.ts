/** The machine's cryptographic random source. */
import { randomBytes, randomInt } from 'node:crypto'
import type { Random } from './random.ts'

const resolution = 2 ** 32

export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => randomInt(resolution) / resolution
}
