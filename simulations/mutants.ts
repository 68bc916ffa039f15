/**
 * `npm run sim:mutants`: plants each bug of the list in a copy of the source, and runs its scenario until a checker finds
 * it. Exit codes: 0 when each was found by a checker that should, 1 when one survived or can no longer be planted.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mutants, type Mutant } from './mutant-list.ts'
import { plant } from './mutant-planting.ts'
import type { Finding } from './mutant-run.ts'

const project = fileURLToPath(new URL('..', import.meta.url))

/** What was found, or why nothing could be. */
const hunt = ({ scenario, checkers, seedsMax, replacements }: Mutant, folder: string): { readonly isFound: boolean; readonly told: string } => {
  for (const part of ['src', 'simulations', 'package.json']) cpSync(join(project, part), join(folder, part), { recursive: true })
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'))
  for (const replacement of replacements) {
    const path = join(folder, replacement.file)
    writeFileSync(path, plant(readFileSync(path, 'utf8'), replacement))
  }
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(folder, 'simulations/mutant-run.ts'), scenario, String(seedsMax)], { encoding: 'utf8' })
  if (status !== 0) return { isFound: false, told: `could not be run: ${stderr.trim().split('\n').at(-1) ?? ''}` }
  const finding = JSON.parse(stdout) as Finding
  if (finding.seed === null) return { isFound: false, told: `survived ${seedsMax} seeds of ${scenario}` }
  const right = finding.checkers.filter((checker) => checkers.includes(checker))
  return { isFound: right.length > 0, told: `${scenario}, seed ${finding.seed}: ${right.length > 0 ? right.join(', ') : `found by ${finding.checkers.join(', ')}, and should be by ${checkers.join(' or ')}`}` }
}

const huntInCopy = (mutant: Mutant): boolean => {
  const folder = mkdtempSync(join(tmpdir(), 'writ-mutant-'))
  try {
    const { isFound, told } = hunt(mutant, folder)
    process.stdout.write(`${isFound ? 'ok  ' : 'FAIL'} ${mutant.name}: ${told}\n`)
    return isFound
  } catch (error) {
    process.stdout.write(`FAIL ${mutant.name}: ${error instanceof Error ? error.message : String(error)}\n`)
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const wanted = process.argv.slice(2)
const found = mutants.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word))).map(huntInCopy)
process.exitCode = found.length > 0 && found.every(Boolean) ? 0 : 1
