/** Whether a machine has what an order asks for. Decides by what it is told of the machine, and touches nothing itself. */
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import type { FactDemand, Prerequisites } from '../record/indication.ts'
import type { Executables } from './format.ts'
import { compareVersions, isVersion } from './version.ts'

export type Facts = Readonly<Record<string, string | number>>

export interface Disk {
  /** Equal for paths on one file system. */
  readonly device: number
  readonly freeBytes: number
}

/** What an executor can find out about its machine. */
export interface Machine {
  /** What the program says with `--version`, called behind `enter`; undefined where it says none. */
  versionOf(file: string, enter: readonly string[]): Promise<string | undefined>
  /** The file system of a path, or of the node's home; undefined where there is no such path. */
  diskOf(path: string | null): Promise<Disk | undefined>
  facts(): Promise<Facts>
}

const missing = (detail: string): Rejected => reject('prerequisite-missing', detail)

export const missingExecutable = (name: string): Rejected => missing(name.includes('/') ? `no executable ${name}` : `no executable ${name} in the PATH of this node`)

/** Where an order's programs are looked for, and what makes its user of a program, which must not run as the executor's. */
export interface Standing {
  readonly searchPath: string
  readonly enter: readonly string[]
}

/** Errors: `prerequisite-missing`, for the first that is. */
export const checkPrerequisites = async (machine: Machine, executables: Executables, demanded: Prerequisites, { searchPath, enter }: Standing): Promise<Result<null>> => {
  for (const name of demanded.executables) if ((await executables.find(name, searchPath)) === undefined) return missingExecutable(name)
  for (const [name, least] of Object.entries(demanded.versions ?? {})) {
    const file = await executables.find(name, searchPath)
    if (file === undefined) return missingExecutable(name)
    const version = await machine.versionOf(file, enter)
    if (version === undefined) return missing(`${name} does not say its version; at least ${least} is needed`)
    if (compareVersions(version, least) === -1) return missing(`${name} is of version ${version}, at least ${least} is needed`)
  }
  const facts = new Map(Object.entries(demanded.facts === undefined ? {} : await machine.facts()))
  for (const demand of demanded.facts ?? []) {
    const found = facts.get(demand.name)
    if (found === undefined) return missing(`this node knows no fact ${demand.name}`)
    if (!isMet(demand, String(found))) return missing(`${demand.name} is ${found}, ${demand.relation} ${demand.value} is needed`)
  }
  return checkFreeDisk(machine, demanded, 0)
}

/** `comingBytes` are about to be written below the node's home, and must not eat up what is demanded. Errors: `prerequisite-missing`. */
export const checkFreeDisk = async (machine: Machine, { freeDisk = [] }: Prerequisites, comingBytes: number): Promise<Result<null>> => {
  const home = comingBytes === 0 || freeDisk.length === 0 ? undefined : await machine.diskOf(null)
  for (const { path, sizeBytes } of freeDisk) {
    const disk = await machine.diskOf(path)
    if (disk === undefined) return missing(`there is no ${path ?? 'home'} whose free space could be looked at`)
    const neededBytes = sizeBytes + (disk.device === home?.device ? comingBytes : 0)
    if (disk.freeBytes < neededBytes) return missing(`${disk.freeBytes} bytes are free at ${path ?? 'the home of this node'}, ${neededBytes} are needed`)
  }
  return accept(null)
}

const isMet = ({ relation, value }: FactDemand, found: string): boolean => {
  if (relation === '>=') return isVersion(found) && isVersion(value) && compareVersions(found, value) !== -1
  return (found === value) === (relation === '=')
}
