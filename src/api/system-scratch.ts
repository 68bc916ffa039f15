/**
 * Directories for the time of one command. They are named by their process, and those of processes that are gone are
 * swept by the next command: one that was killed leaves nothing for long.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { removeTree } from '../base/file-durable.ts'
import { errorCode } from '../base/errors.ts'

/** A directory of this process inside `parent`; not made yet. */
export const planScratch = (parent: string, nonce: string): string => {
  for (const name of namesIn(parent)) if (!isAlive(Number(name.split('-')[0]))) removeTree(join(parent, name))
  return join(parent, `${process.pid}-${nonce}`)
}

const namesIn = (parent: string): string[] => {
  try {
    return readdirSync(parent)
  } catch {
    return [] // not made yet
  }
}

const isAlive = (pid: number): boolean => {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
