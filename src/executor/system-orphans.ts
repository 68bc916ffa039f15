/**
 * Ends what a job that has ended, or an executor that was killed, left running: processes that carry its key and the id of one of its orders in
 * their environment, whatever group or session they are in. The same order may run on another node of this machine.
 * Looks at Linux's /proc, and finds nothing elsewhere.
 */
import { readdir, readFile } from 'node:fs/promises'
import { limits } from '../base/limits.ts'
import type { IndicationId, KeyId } from '../base/brand.ts'

/** Kills them, until none is found, and returns how many there were. Never throws. */
export const killOrphans = async (executor: KeyId, orders: ReadonlySet<IndicationId>): Promise<number> => {
  if (orders.size === 0) return 0
  const killed = new Set<string>()
  for (let sweep = 0; sweep < limits.job.sweepsMax; sweep += 1) {
    const before = killed.size
    await killFound(executor, orders, killed)
    if (killed.size === before) break
  }
  return killed.size
}

/** One look at all processes; those that were killed may still be ending. */
const killFound = async (executor: KeyId, orders: ReadonlySet<IndicationId>, killed: Set<string>): Promise<void> => {
  const names = (await readdir('/proc').catch((): string[] => [])).filter((name) => /^[0-9]+$/.test(name) && !killed.has(name))
  while (names.length > 0) {
    await Promise.all(names.splice(0, lookedAtOnce).map(async (name) => {
      if ((await belongsTo(name, executor, orders)) && kill(name)) killed.add(name)
    }))
  }
}

const lookedAtOnce = 32

/** False when it has ended by itself. */
const kill = (processName: string): boolean => {
  try {
    process.kill(Number(processName), 'SIGKILL')
    return true
  } catch {
    return false
  }
}

const belongsTo = async (processName: string, executor: KeyId, orders: ReadonlySet<IndicationId>): Promise<boolean> => {
  try {
    const variables = (await readFile(`/proc/${processName}/environ`, 'latin1')).split('\0')
    return variables.includes(`WRIT_EXECUTOR=${executor}`) && variables.some((variable) => variable.startsWith(prefix) && orders.has(variable.slice(prefix.length) as IndicationId))
  } catch {
    return false // ended, or not ours to look at: a job of ours is neither
  }
}

const prefix = 'WRIT_INDICATION='
