/** Format `release`: a tree that becomes a slot, by the job that stages it; the update machine does the rest. */
import { accept, reject } from '../base/result.ts'
import { storeFormat } from '../base/store-format.ts'
import { decodeOptions, releaseOptionsSchema } from '../record/format-options.ts'
import { decodeTree, isFile, treeHeadBytesMax } from '../record/tree.ts'
import { compareVersions } from './version.ts'
import type { Format, Launch } from './format.ts'
import type { Slots } from './file-slots.ts'

export interface ReleaseFormatDeps {
  /** Starts the job program. */
  readonly jobs: Launch
  /** The version that runs. */
  readonly running: string
  readonly platform: () => string
  /** Null where no launcher runs this executor. */
  readonly launcher: { readonly protocol: number; readonly slots: Pick<Slots, 'pathOf'> } | null
}

/** Errors of `prepare`: `bad-options`, `bad-tree`, `no-launcher`, `launcher-too-old`, `wrong-platform`, `already-installed`, `downgrade`, `release-too-far`, `store-too-new`. */
export const createReleaseFormat = ({ jobs, running, platform, launcher }: ReleaseFormatDeps): Format => ({
  name: 'release',
  async prepare(payload, { id, options }) {
    const told = decodeOptions(releaseOptionsSchema, options)
    if (!told.ok) return told
    const { version, minimumPrevious, launcherProtocol } = told.value
    const tree = decodeTree(await payload.readHead(treeHeadBytesMax), payload.sizeBytes)
    if (!tree.ok) return tree
    if (!tree.value.manifest.entries.some((entry) => isFile(entry) && entry.path === 'start')) return reject('bad-tree', 'the payload is no release: it has no file "start"')
    if (launcher === null) return reject('no-launcher', 'this node was started without its launcher, which alone can change the release; start it with: writ start')
    if (Number(launcherProtocol) > launcher.protocol) return reject('launcher-too-old', `the release needs a launcher of protocol ${launcherProtocol}, that of this node speaks ${launcher.protocol}: install the package of release ${version} on the node, then start it again with: writ start`)
    if (told.value.platform !== platform()) return reject('wrong-platform', `the release is for ${told.value.platform}, this node is ${platform()}`)
    const order = compareVersions(version, running)
    if (order === 0) return reject('already-installed', `release ${running} runs already`)
    if (order === -1 && told.value.downgrade === undefined) return reject('downgrade', `release ${running} runs, and the order does not allow to go back to ${version}`)
    if (compareVersions(running, minimumPrevious) === -1) return reject('release-too-far', `release ${version} can follow ${minimumPrevious} and later, but ${running} runs`)
    if (Number(told.value.storeFormat ?? 1) > storeFormat.readMax) return reject('store-too-new', `release ${version} writes stores of form ${told.value.storeFormat}, of which release ${running} reads ${storeFormat.readMax} at most: it could not be given back`)
    return accept({ file: jobs.file, args: [...jobs.args, 'stage', payload.path, launcher.slots.pathOf(version, id)] })
  }
})
