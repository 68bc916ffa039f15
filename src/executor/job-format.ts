/** Formats whose work is done by the job program, in a process like any other order's. */
import { accept, reject } from '../base/result.ts'
import { decodeShape } from '../base/schema.ts'
import { decodeOptions, filesOptionsSchema, logsPayloadBytesMax, logsPayloadSchema, noOptionsSchema, packageOptionsSchema } from '../record/format-options.ts'
import { decodeTree, isFile, treeHeadBytesMax } from '../record/tree.ts'
import type { Executables, Format, Launch } from './format.ts'
import { missingExecutable } from './prerequisites.ts'

const launch = (jobs: Launch, name: string, args: readonly string[]) => accept({ file: jobs.file, args: [...jobs.args, name, ...args] })

/** `files`: a tree that takes the place of a directory as a whole. */
export const createFilesFormat = (jobs: Launch): Format => ({
  name: 'files',
  async prepare(payload, { options }) {
    const told = decodeOptions(filesOptionsSchema, options)
    if (!told.ok) return told
    const tree = decodeTree(await payload.readHead(treeHeadBytesMax), payload.sizeBytes)
    if (!tree.ok) return tree
    const { to, postCheck } = told.value
    return launch(jobs, 'files', [payload.path, to, ...(postCheck === undefined ? [] : [postCheck])])
  }
})

/** `package`: Debian packages by their names, and those that the payload, a tree of `.deb` files, holds. */
export const createPackageFormat = (jobs: Launch, executables: Executables): Format => ({
  name: 'package',
  async prepare(payload, { searchPath, options }) {
    const told = decodeOptions(packageOptionsSchema, options)
    if (!told.ok) return told
    const tree = decodeTree(await payload.readHead(treeHeadBytesMax), payload.sizeBytes)
    if (!tree.ok) return tree
    const { entries } = tree.value.manifest
    if (!entries.every((entry) => isFile(entry) && /^[A-Za-z0-9][A-Za-z0-9.+~_:-]*\.deb$/.test(entry.path))) return reject('bad-payload', 'the payload holds something other than .deb files')
    const names = told.value.packages === undefined ? [] : told.value.packages.split(' ')
    if (names.length + entries.length === 0) return reject('bad-payload', 'the order names no package')
    for (const name of ['apt-get', 'dpkg-query', 'dpkg-deb']) if ((await executables.find(name, searchPath)) === undefined) return missingExecutable(name)
    return launch(jobs, 'package', [payload.path, ...names])
  }
})

/** `collect-logs`: the newest of the named files, bundled into one that the order captures. */
export const createCollectLogsFormat = (jobs: Launch): Format => ({
  name: 'collect-logs',
  async prepare(payload, { options }) {
    const told = decodeOptions(noOptionsSchema, options)
    if (!told.ok) return told
    const wanted = decodeShape(logsPayloadSchema, await payload.readHead(logsPayloadBytesMax + 1), logsPayloadBytesMax)
    return wanted.ok ? launch(jobs, 'collect-logs', wanted.value.paths) : reject('bad-payload', `the payload names no logs: ${wanted.detail}`)
  }
})

/** A job without a payload, and whatever of the node it must know. */
const createPlainFormat = (name: string, jobs: Launch, args: readonly string[]): Format => ({
  name,
  async prepare(payload, { options }) {
    const told = decodeOptions(noOptionsSchema, options)
    if (!told.ok) return told
    return payload.sizeBytes === 0 ? launch(jobs, name, args) : reject('bad-payload', `the format ${name} takes no payload`)
  }
})

/** `facts`: what this machine knows of itself. */
export const createFactsFormat = (jobs: Launch): Format => createPlainFormat('facts', jobs, [])

/** `leave`: marks the home as left, by this file. The executor stops when it has said so. */
export const createLeaveFormat = (jobs: Launch, mark: string): Format => createPlainFormat('leave', jobs, [mark])
