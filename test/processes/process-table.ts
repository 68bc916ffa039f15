/** What Linux knows of the processes on this machine, from /proc: nothing is found on other systems. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

export const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readOr(`/proc/${pid}/status`))

export const commandOf = (pid: number): string => readOr(`/proc/${pid}/cmdline`)

export const childrenOf = (pid: number): number[] => readOr(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)

/** Processes whose command line or environment names this folder. */
export const processesIn = (folder: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && (commandOf(pid).includes(folder) || readOr(`/proc/${pid}/environ`).includes(folder)) && isAlive(pid))

const readOr = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // it ended meanwhile
  }
}
