/**
 * Asks the operator's scanner about a payload before anything of it runs. By the convention of `clamscan`: exit code 0 is
 * clean, those that the configuration names are infected, and everything else means that nothing is known, so nothing runs.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { accept, reject, type Result } from '../base/result.ts'
import { decodeTree, treeHeadBytesMax } from '../record/tree.ts'
import type { Scanner } from '../trust/home-config.ts'
import { probe } from './child-probe.ts'
import { fillCommand } from './command-line.ts'
import { unpackTree } from './file-tree.ts'
import type { Executables, Payload } from './format.ts'

/** `directory` is the job's own; what is put there goes with it. Errors: `infected`, `scan-failed`, `bad-tree`. */
export type Scan = (payload: Payload, directory: string) => Promise<Result<null>>

export const scanNothing: Scan = async () => accept(null)

const detailLengthMax = 900
const unpackedName = 'scan'

/** One scan at a time: ClamAV takes a gigabyte of memory for its signatures. */
export const createScan = (scanner: Scanner, executables: Executables, environment: Readonly<Record<string, string>>): Scan => {
  const turns = new Mutex()
  const scan = createOneScan(scanner, executables, environment)
  return (payload, directory) => turns.run(() => scan(payload, directory))
}

const createOneScan =
  ({ command, infectedExitCodes }: Scanner, executables: Executables, environment: Readonly<Record<string, string>>): Scan =>
  async (payload, directory) => {
    const [name = '', ...args] = fillCommand(command, await pathsOf(payload, directory))
    const file = await executables.find(name, environment['PATH'] ?? '')
    if (file === undefined) return reject('scan-failed', `the scanner ${name} is not on this node`)
    const { exitCode, problem, output } = await probe(file, args, { environment, timeoutMs: limits.executor.scanTimeoutMs })
    await rm(join(directory, unpackedName), { recursive: true, force: true })
    const said = output.trim().slice(-detailLengthMax)
    if (exitCode === 0) return accept(null)
    if (exitCode === null) return reject('scan-failed', `the scanner did not end by itself: ${problem}`)
    return infectedExitCodes.includes(exitCode) ? reject('infected', said === '' ? 'the scanner calls the payload infected' : said) : reject('scan-failed', `the scanner ended with exit code ${exitCode}: ${said}`)
  }

/** Signatures look at the beginnings of files: those of a tree are laid out beside its payload, and given to the scanner too. */
const pathsOf = async (payload: Payload, directory: string): Promise<readonly string[]> => {
  const tree = decodeTree(await payload.readHead(treeHeadBytesMax), payload.sizeBytes)
  if (!tree.ok) return [payload.path]
  const unpacked = join(directory, unpackedName)
  const { root, entries } = tree.value.manifest
  const readable = { root: { ...root, mode: 0o700, owner: null, group: null }, entries: entries.map((entry) => ({ ...entry, ...(entry.kind === 'symlink' ? {} : { mode: entry.kind === 'file' ? 0o600 : 0o700 }), owner: null, group: null })) }
  await unpackTree(payload.path, { ...tree.value, manifest: readable }, unpacked)
  return [payload.path, unpacked]
}
