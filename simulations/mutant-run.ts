/** Runs in a copy with a planted bug: `mutant-run.ts SCENARIO SEEDS` goes on until a checker finds something, and prints what. */
import { createSignatureMemory } from './signature-memory.ts'
import { runSimulation } from './simulation.ts'
import { scenarios } from './scenario.ts'

export interface Finding {
  /** Null where nothing was found. */
  readonly seed: number | null
  readonly checkers: readonly string[]
}

const find = async (name: string, seedsMax: number): Promise<Finding> => {
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  const checkSignature = createSignatureMemory()
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { violations } = await runSimulation({ scenario, seed, checkSignature })
    if (violations.length > 0) return { seed, checkers: [...new Set(violations.map(({ checker }) => checker))] }
  }
  return { seed: null, checkers: [] }
}

const [name = '', seedsMax = ''] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await find(name, Number(seedsMax))))
