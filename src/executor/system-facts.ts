/** What is known of this machine by its names, as orders may ask for it. */
import { readFile } from 'node:fs/promises'
import { arch, availableParallelism, hostname, platform, release as kernel, totalmem } from 'node:os'
import { release } from '../base/release.ts'
import type { Facts } from './prerequisites.ts'

/** docs/FORMATS.md has the list. What a machine does not say is left out. */
export const collectFacts = async (): Promise<Facts> => ({
  arch: arch(),
  cpus: availableParallelism(),
  hostname: hostname(),
  kernel: kernel(),
  memoryBytes: totalmem(),
  platform: platform(),
  writ: release,
  ...(await readDistribution())
})

const named = new Map([['ID', 'osId'], ['VERSION_ID', 'osVersion'], ['PRETTY_NAME', 'osName']])

/** os-release(5). */
const readDistribution = async (): Promise<Facts> => {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const pairs = [...text.matchAll(/^(?<key>[A-Z_]+)=(?<quote>["']?)(?<value>.*)\k<quote>$/gm)]
  return Object.fromEntries(pairs.flatMap(({ groups }) => (named.has(groups?.['key'] ?? '') ? [[named.get(groups?.['key'] ?? ''), groups?.['value'] ?? '']] : [])))
}
