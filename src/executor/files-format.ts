/** Format `files`: a tree that takes the place of a directory as a whole, by the job of that name. */
import { accept } from '../base/result.ts'
import { decodeOptions, filesOptionsSchema } from '../record/format-options.ts'
import { decodeTree, treeHeadBytesMax } from '../record/tree.ts'
import type { Format, Launch } from './format.ts'

/** `jobs` starts the job program. */
export const createFilesFormat = (jobs: Launch): Format => ({
  name: 'files',
  async prepare(payload, { options }) {
    const told = decodeOptions(filesOptionsSchema, options)
    if (!told.ok) return told
    const tree = decodeTree(await payload.readHead(treeHeadBytesMax), payload.sizeBytes)
    if (!tree.ok) return tree
    const { to, postCheck } = told.value
    return accept({ file: jobs.file, args: [...jobs.args, 'files', payload.path, to, ...(postCheck === undefined ? [] : [postCheck])] })
  }
})
