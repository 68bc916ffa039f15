/** What happens to directories while their node is down. */
import { readdirSync, statSync, truncateSync } from 'node:fs'
import path from 'node:path'
import type { SeededRandom } from '../../simulations/seeded-random.ts'

/** Cuts some files of a LevelDB directory, at least one that holds records; says which, and to how many bytes. */
export const cutFiles = (directory: string, random: SeededRandom): string[] => {
  const files = readdirSync(directory).filter((name) => /\.(?:ldb|log)$|^MANIFEST-/.test(name)).sort()
  const holding = files.filter((name) => !name.startsWith('MANIFEST-') && statSync(path.join(directory, name)).size > 0)
  const chosen = new Set([...random.sample(holding, 1), ...files.filter(() => random.chance(0.4))])
  return [...chosen].map((name) => {
    const file = path.join(directory, name)
    // At most half is left, so that it is more than what a kill may cost.
    const sizeBytes = Math.floor((statSync(file).size * random.fraction()) / 2)
    truncateSync(file, sizeBytes)
    return `${name} to ${sizeBytes} bytes`
  })
}
