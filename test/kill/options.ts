/** What was asked for on the command line. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { describeError } from '../../src/base/errors.ts'
import { accept, reject, type Result } from '../../src/base/result.ts'

export const usage = `usage: npm run kill -- [--kills N] [--seed X] [--json]

  --kills N  so many processes are killed while orders come; 200 when left out
  --seed X   who is killed when, and what is damaged; drawn when left out. Real processes take their own time, so the
             same seed gives the same plan, not the same run
  --json     one line of JSON on standard output
`

export interface Options {
  readonly kills: number
  readonly seed: number
  readonly json: boolean
}

const usualKills = 200
const killsMax = 100_000
const seedMax = 2 ** 32 - 1

/** Errors: `bad-usage`. */
export const readOptions = (args: readonly string[]): Result<Options> => {
  try {
    const { values } = parseArgs({ args: [...args], options: { kills: { type: 'string' }, seed: { type: 'string' }, json: { type: 'boolean', default: false } } })
    return accept({
      kills: values.kills === undefined ? usualKills : readCount('kills', values.kills, killsMax),
      seed: values.seed === undefined ? randomInt(seedMax) : readCount('seed', values.seed, seedMax),
      json: values.json
    })
  } catch (error) {
    return reject('bad-usage', describeError(error))
  }
}

const readCount = (flag: string, text: string, most: number): number => {
  const count = Number(text)
  if (!/^[0-9]+$/.test(text) || count > most) throw new Error(`--${flag} takes a whole number up to ${most}, not ${text}`)
  return count
}
