/** What was asked for on the command line. */
import { parseArgs } from 'node:util'
import { accept, reject, type Result } from '../src/base/result.ts'
import { describeError } from '../src/base/errors.ts'
import { nodesMin } from './simulation.ts'
import { scenarios, type Scenario } from './scenario.ts'

export const usage = `usage: npm run sim -- [--scenario S|all] [--seeds N|--seed X] [--nodes N] [--json] [--trace]
       npm run sim -- --chart FILE [--nodes N]

  --scenario S  one of ${scenarios.map(({ name }) => name).join(', ')}; all of them when left out
  --seeds N     the seeds 1 to N, each with a fleet of 10 to 60 nodes
  --seed X      this one seed; 1, with 53 nodes, when neither is given
  --nodes N     this many nodes, endpoints included, instead of what the seed draws
  --json        one line of JSON, and nothing else, on standard output
  --trace       everything that happens, on standard error
  --chart FILE  one order to fleets of 10 to 10,000 nodes, or up to N: convergence and messages, as an SVG
`

export interface Options {
  readonly scenarios: readonly Scenario[]
  readonly seeds: readonly number[]
  readonly nodes: number | undefined
  /** With the seeds that ever failed: not where one seed is looked at. */
  readonly withKept: boolean
  readonly json: boolean
  readonly trace: boolean
  /** Where to draw the chart of fleet sizes, which takes the place of all else. */
  readonly chart: string | undefined
}

const usualNodes = 53

/** Errors: `bad-usage`. */
export const readOptions = (args: readonly string[]): Result<Options> => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { scenario: { type: 'string', default: 'all' }, seeds: { type: 'string' }, seed: { type: 'string' }, nodes: { type: 'string' }, json: { type: 'boolean', default: false }, trace: { type: 'boolean', default: false }, chart: { type: 'string' } }
    })
    const { scenario: name, seed, json, trace, chart } = values
    if (seed !== undefined && values.seeds !== undefined) return reject('bad-usage', '--seeds and --seed exclude each other')
    const wanted = scenarios.filter((scenario) => name === 'all' || scenario.name === name)
    if (wanted.length === 0) return reject('bad-usage', `there is no scenario ${name}`)
    const isUsual = seed === undefined && values.seeds === undefined && chart === undefined
    const nodes = values.nodes === undefined ? (isUsual ? usualNodes : undefined) : readCount('nodes', values.nodes, nodesMin)
    const seeds = values.seeds === undefined ? [readCount('seed', seed ?? '1', 0)] : Array.from({ length: readCount('seeds', values.seeds, 1) }, (_, index) => index + 1)
    return accept({ scenarios: wanted, seeds, nodes, withKept: seed === undefined, json, trace, chart })
  } catch (error) {
    return reject('bad-usage', describeError(error))
  }
}

const countMax = 1_000_000_000

const readCount = (flag: string, text: string, least: number): number => {
  const count = Number(text)
  if (!/^[0-9]+$/.test(text) || count < least || count > countMax) throw new Error(`--${flag} takes a whole number from ${least} to ${countMax}, not ${text}`)
  return count
}
