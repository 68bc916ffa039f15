/**
 * Job `stage`: writes a release into a slot of its own, each file checked and synced. Arguments: the payload, the slot's
 * path. The slot is there as a whole or not at all; what an attempt leaves that was killed goes before the next.
 */
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { openTree, unpackTree } from '../file-tree.ts'
import { isFile } from '../../record/tree.ts'
import type { Job } from './job.ts'

/** Errors: `bad-tree`, and what the file system throws. */
export const stageRelease: Job = async function* ({ args: [payloadPath = '', slot = ''] }) {
  const tree = await openTree(payloadPath)
  const fresh = `${slot}.new`
  for (const path of [fresh, slot]) await rm(path, { recursive: true, force: true })
  try {
    await unpackTree(payloadPath, tree, fresh)
    await rename(fresh, slot)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    throw error
  }
  const parent = await open(dirname(slot), 'r')
  try {
    await parent.sync()
  } finally {
    await parent.close()
  }
  const files = tree.manifest.entries.filter(isFile)
  yield { slot: basename(slot), files: files.length, sizeBytes: files.reduce((total, { sizeBytes }) => total + sizeBytes, 0) }
}
