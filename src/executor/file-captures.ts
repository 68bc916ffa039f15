/** The files that an order names, as its run has left them. */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { limits } from '../base/limits.ts'
import type { CapturedFile } from '../record/statement.ts'
import type { FileOutputs } from './file-output.ts'

const { fileHeadBytesMax, streamBytesMax } = limits.output
const { chunkBytesMax } = limits.executor

/**
 * In their order; what is no plain file, or cannot be read, is left out. `work` is where relative names begin, `directory`
 * takes what grows meanwhile. Never throws.
 */
export const captureFiles = async (outputs: FileOutputs, names: readonly string[], work: string, directory: string): Promise<CapturedFile[]> => {
  const captured: CapturedFile[] = []
  for (const [index, name] of names.entries()) {
    const file = await openPlain(resolve(work, name))
    if (file === undefined) continue
    const capture = outputs.capture(join(directory, `capture-${index}`), fileHeadBytesMax)
    try {
      const { size } = await file.stat()
      let offset = 0
      while (offset < streamBytesMax) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(chunkBytesMax), 0, Math.min(chunkBytesMax, streamBytesMax - offset), offset)
        if (bytesRead === 0) break
        await capture.write(buffer.subarray(0, bytesRead))
        offset += bytesRead
      }
      capture.pass(Math.max(0, size - offset))
      captured.push({ name, output: await capture.finish() })
    } catch {
      await capture.finish() // as one that cannot be opened
    } finally {
      await file.close()
    }
  }
  return captured
}

/** Without waiting for whoever writes into a pipe. */
const openPlain = async (path: string): Promise<FileHandle | undefined> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (file === undefined || (await file.stat()).isFile()) return file
  await file.close()
  return undefined
}
