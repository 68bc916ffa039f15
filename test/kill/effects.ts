/**
 * What the orders of this suite do where they run: append a line when they start, and one when they end, to one file
 * that belongs to no node. What really happened is read from there.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The names of all orders that leave lines begin with it. */
export const ordersName = 'kill/'

export interface Effect {
  readonly indication: string
  readonly node: string
  starts: number
  ends: number
}

/** A job finds out by its home directory which node it runs on. */
export const effectsHome = (folder: string, node: string): string => {
  const home = path.join(folder, 'effects', node)
  mkdirSync(home, { recursive: true })
  return home
}

export const effectsFile = (folder: string): string => path.join(folder, 'effects', 'lines')

/** A line of this length is appended whole, whoever else appends. */
const note = (what: 'start' | 'end'): string => `echo "${what} $WRIT_INDICATION \${HOME##*/}" >> "$HOME/../lines"`

/** The payload of an order that works for so long. */
export const workFor = (seconds: number): readonly string[] => ['sh', '-c', [note('start'), ...(seconds > 0 ? [`sleep ${seconds}`] : []), note('end')].join('; ')]

/** What has happened so far, a row for each order and node. */
export const readEffects = (folder: string): Effect[] => {
  const effects = new Map<string, Effect>()
  const file = effectsFile(folder)
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  for (const line of lines) {
    const [what, indication = '', node = ''] = line.split(' ')
    const key = `${indication} ${node}`
    const effect = effects.get(key) ?? { indication, node, starts: 0, ends: 0 }
    if (what === 'start') effect.starts += 1
    else effect.ends += 1
    effects.set(key, effect)
  }
  return [...effects.values()]
}
