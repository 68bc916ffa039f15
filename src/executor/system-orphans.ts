/**
 * Ends what a job that has ended, or an executor that was killed, left running: processes that carry its key and the id of one of its orders in
 * their environment, whatever group or session they are in. The same order may run on another node of this machine.
 * Looks at Linux's /proc, and finds nothing elsewhere.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { limits } from '../base/limits.ts'
import type { IndicationId, KeyId } from '../base/brand.ts'

/** When a job's first process was made: what it has started since was made later. */
export interface Birth {
  readonly pid: number
  /** Of `performance.now`. */
  readonly at: number
}

/** Kills them, until none is found, and returns how many there were; with `birth`, of processes that are younger. Never throws. */
export const killOrphans = async (executor: KeyId, orders: ReadonlySet<IndicationId>, birth?: Birth): Promise<number> => {
  if (orders.size === 0) return 0
  const killed = new Set<string>()
  for (let sweep = 0; sweep < limits.job.sweepsMax; sweep += 1) {
    const before = killed.size
    killFound(executor, orders, killed, birth)
    if (killed.size === before) break
    await setImmediate() // other work goes on meanwhile
  }
  return killed.size
}

/**
 * One look at all processes; those that were killed may still be ending. Not by the thread pool, where each of these reads
 * would stand in line with the journal's: at some 15 µs a process, the wait would be most of it.
 */
const killFound = (executor: KeyId, orders: ReadonlySet<IndicationId>, killed: Set<string>, birth: Birth | undefined): void => {
  for (const name of (birth === undefined ? undefined : listYounger(birth)) ?? listProcesses()) if (!killed.has(name) && belongsTo(name, executor, orders) && isProcess(name) && kill(name)) killed.add(name)
}

/**
 * Numbers are given in their order, so that after a short run few have to be looked at; undefined where they may have begun
 * anew since, or where there are as many as processes.
 */
const listYounger = ({ pid, at }: Birth): string[] | undefined => {
  if (performance.now() - at > limits.job.youngMs) return undefined
  const newest = readNewest()
  return newest === undefined || newest < pid || newest - pid > limits.job.youngPidsMax ? undefined : Array.from({ length: newest - pid }, (_, index) => String(pid + 1 + index))
}

/** The number of the process that was made last. */
const readNewest = (): number | undefined => {
  try {
    return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1))
  } catch {
    return undefined // not Linux
  }
}

const listProcesses = (): string[] => {
  try {
    return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))
  } catch {
    return [] // not Linux
  }
}

/** False when it has ended by itself. */
const kill = (processName: string): boolean => {
  try {
    process.kill(Number(processName), 'SIGKILL')
    return true
  } catch {
    return false
  }
}

const belongsTo = (processName: string, executor: KeyId, orders: ReadonlySet<IndicationId>): boolean => {
  try {
    const variables = readFileSync(`/proc/${processName}/environ`, 'latin1').split('\0')
    return variables.includes(`WRIT_EXECUTOR=${executor}`) && variables.some((variable) => variable.startsWith(prefix) && orders.has(variable.slice(prefix.length) as IndicationId))
  } catch {
    return false // ended, or not ours to look at: a job of ours is neither
  }
}

/** Threads have numbers of the same kind, and their process's environment. */
const isProcess = (name: string): boolean => {
  try {
    return readFileSync(`/proc/${name}/status`, 'latin1').includes(`\nTgid:\t${name}\n`)
  } catch {
    return false // ended
  }
}

const prefix = 'WRIT_INDICATION='
