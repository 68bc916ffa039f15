/** The job `leave MARK`: from now on the node does not start again. That it also stops is the executor's part, once its agent has passed on what came of this. */
import { writeFileDurable } from '../../base/file-durable.ts'
import type { Job } from './job.ts'

/** Errors: those of `writeFileDurable`. */
export const leave: Job = async function* ({ args: [mark = ''] }) {
  writeFileDurable(mark, `${JSON.stringify({ indication: process.env['WRIT_INDICATION'] ?? null })}\n`, 0o600)
  yield { left: true }
}
