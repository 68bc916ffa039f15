/** Where programs are on this machine. */
import { access, constants, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Executables } from './format.ts'

export const fileExecutables: Executables = {
  async find(name, searchPath) {
    if (name === '') return undefined
    if (name.includes('/')) return isAbsolute(name) && (await isExecutable(name)) ? name : undefined
    for (const directory of searchPath.split(':')) {
      const path = join(directory, name)
      if (isAbsolute(path) && (await isExecutable(path))) return path
    }
    return undefined
  }
}

const isExecutable = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false // whatever the reason: it cannot be started
  }
}
