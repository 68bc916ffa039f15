/**
 * Turns this process into the launcher of a node, which starts its executor. Replacing it, rather than starting a child,
 * leaves one process fewer and lets signals and exit codes pass without a go-between.
 */
import { extname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { executorFlags } from '../executor/engine-flags.ts'
import { refuseLeft } from '../trust/file-left.ts'
import type { Service } from './service-unit.ts'
import { loadCharters, loadCredential, loadSecret, openNodeHome } from '../trust/file-home.ts'

/** Beside the bundle when this runs from it, else in the source. */
const locate = (bundled: string, source: string): string => fileURLToPath(new URL(extname(import.meta.url) === '.ts' ? `../executor/${source}` : `./${bundled}`, import.meta.url))

/** What a service manager is to know of the node of `home`. Errors: those of `openNodeHome`. */
export const describeService = (home: string): Service => {
  const { config } = openNodeHome(home)
  const command = [process.execPath, ...process.execArgv, locate('writ.js', '../cli/main.ts'), 'start', '--home', resolve(home)]
  return { command, node: config.name, mesh: config.meshName, stopGraceMs: config.stopGraceMs }
}

/** Errors: those of `openNodeHome` and of its files; what can only be told while running, such as a home in use, the executor tells. */
export const startNode = async (home: string): Promise<never> => {
  const opened = openNodeHome(home)
  refuseLeft(opened.paths)
  // The executor would start an agent that cannot read these again and again.
  loadSecret(opened.paths.peerKey, opened.agentOwner)
  loadCredential(opened, 'agent', loadCharters(opened, 'agent'))
  if (process.execve === undefined) throw new Error('this runtime cannot replace a process; Writ needs Node 24 on Linux')
  const executor = [process.execPath, ...process.execArgv, ...executorFlags, locate('executor.js', 'main.ts'), resolve(home)]
  return process.execve('/bin/sh', ['sh', locate('launcher.sh', 'launcher.sh'), resolve(home), ...executor], { ...process.env, WRIT_NODE: process.execPath })
}
