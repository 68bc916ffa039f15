/** The machine that this process runs on. */
import { stat, statfs } from 'node:fs/promises'
import { limits } from '../base/limits.ts'
import { probe } from './child-probe.ts'
import type { Machine } from './prerequisites.ts'
import { collectFacts } from './system-facts.ts'
import { findVersion } from './version.ts'

/** `home`: where blocks and cache are; `environment`: what programs are started with. */
export const createMachine = (home: string, environment: Readonly<Record<string, string>>): Machine => ({
  async versionOf(path, enter) {
    const [file = path, ...args] = [...enter, path, '--version']
    const { exitCode, output } = await probe(file, args, { environment, timeoutMs: limits.executor.versionTimeoutMs })
    return exitCode === 0 ? findVersion(output) : undefined
  },
  async diskOf(path) {
    try {
      const [{ dev }, { bavail, bsize }] = await Promise.all([stat(path ?? home), statfs(path ?? home)])
      return { device: dev, freeBytes: bavail * bsize }
    } catch {
      return undefined // whatever the reason: nothing can be said of it
    }
  },
  facts: collectFacts
})
