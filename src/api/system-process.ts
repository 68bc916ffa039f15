/** Whether a node's process lives. A process id alone may be another's by now, so its open lock file decides. */
import { readdirSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** `journal` is the directory that a running executor holds open. */
export const isRunning = (pid: number, journal: string): boolean => {
  const lock = join(resolve(journal), 'LOCK')
  try {
    const descriptors = `/proc/${pid}/fd`
    return readdirSync(descriptors).some((name) => linkOf(join(descriptors, name)) === lock)
  } catch {
    return false // no such process, or not ours to look into
  }
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}
