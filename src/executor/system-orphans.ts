/**
 * Ends what an executor that was killed left running: processes that carry its key and the id of one of its orders in
 * their environment, whatever group or session they are in. The same order may run on another node of this machine.
 * Looks at Linux's /proc, and finds nothing elsewhere.
 */
import { readdir, readFile } from 'node:fs/promises'
import type { IndicationId, KeyId } from '../base/brand.ts'

/** Kills them, and returns how many there were. Never throws. */
export const killOrphans = async (executor: KeyId, orders: ReadonlySet<IndicationId>): Promise<number> => {
  if (orders.size === 0) return 0
  let count = 0
  for (const name of await readdir('/proc').catch((): string[] => [])) {
    if (!/^[0-9]+$/.test(name) || !(await belongsTo(name, executor, orders))) continue
    try {
      process.kill(Number(name), 'SIGKILL')
      count += 1
    } catch {
      continue // it has ended by itself
    }
  }
  return count
}

const belongsTo = async (processName: string, executor: KeyId, orders: ReadonlySet<IndicationId>): Promise<boolean> => {
  try {
    const variables = (await readFile(`/proc/${processName}/environ`, 'latin1')).split('\0')
    return variables.includes(`WRIT_EXECUTOR=${executor}`) && variables.some((variable) => variable.startsWith(prefix) && orders.has(variable.slice(prefix.length) as IndicationId))
  } catch {
    return false // ended, or another user's: a job of ours is neither
  }
}

const prefix = 'WRIT_INDICATION='
