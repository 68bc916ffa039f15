/** The files that an order names, as its run has left them. */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { limits } from '../base/limits.ts'
import type { CapturedFile } from '../record/statement.ts'
import { openFileAs } from './child-reader.ts'
import type { FileOutputs, OutputCapture } from './file-output.ts'

const { fileHeadBytesMax, streamBytesMax } = limits.output
const { chunkBytesMax } = limits.executor

export interface CapturePlace {
  /** Where relative names begin. */
  readonly workDirectory: string
  /** Takes what grows meanwhile. */
  readonly directory: string
  /** What makes the job's user of a program: files are read as that user, who may not get at others by a link. Empty for this process's own. */
  readonly enter: readonly string[]
}

/** In their order; what is no plain file, or cannot be read, is left out. Never throws. */
export const captureFiles = async (outputs: FileOutputs, names: readonly string[], { workDirectory, directory, enter }: CapturePlace): Promise<CapturedFile[]> => {
  const captured: CapturedFile[] = []
  for (const [index, name] of names.entries()) {
    const capture = outputs.capture(join(directory, `capture-${index}`), fileHeadBytesMax)
    const path = resolve(workDirectory, name)
    const isWhole = await (enter.length === 0 ? readOwn(path, capture) : readAs(enter, path, capture)).catch(() => false)
    const output = await capture.finish()
    if (isWhole) captured.push({ name, output })
    else if (output.cid !== null) await outputs.release(output.cid)
  }
  return captured
}

const readOwn = async (path: string, capture: OutputCapture): Promise<boolean> => {
  const file = await openPlain(path)
  if (file === undefined) return false
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
    return true
  } finally {
    await file.close()
  }
}

const readAs = async (enter: readonly string[], path: string, capture: OutputCapture): Promise<boolean> => {
  const reading = openFileAs(enter, path, streamBytesMax)
  let takenBytes = 0
  for await (const bytes of reading.bytes) {
    takenBytes += bytes.length
    await capture.write(bytes)
  }
  const sizeBytes = await reading.sizeBytes
  capture.pass(Math.max(0, (sizeBytes ?? 0) - takenBytes))
  return sizeBytes !== undefined
}

/** Without waiting for whoever writes into a pipe. */
const openPlain = async (path: string): Promise<FileHandle | undefined> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (file === undefined || (await file.stat()).isFile()) return file
  await file.close()
  return undefined
}
