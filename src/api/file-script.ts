/** A script's bytes, as they are read. */
import { createReadStream, statSync } from 'node:fs'
import { describeError, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'

/** Errors: `payload-too-large`, before anything is read; `script-unreadable`. */
export async function* readScript(file: string): AsyncIterable<Uint8Array> {
  try {
    if (statSync(file).size > limits.payload.sizeBytesMax) {
      throw new WritError('payload-too-large', `${file} is larger than the ${limits.payload.sizeBytesMax / 2 ** 20} MiB that a payload may have; let a smaller script fetch the rest`, { details: { file } })
    }
    for await (const chunk of createReadStream(file, { highWaterMark: limits.payload.blockBytesMax })) yield chunk as Uint8Array
  } catch (error) {
    if (error instanceof WritError) throw error
    throw new WritError('script-unreadable', `cannot read ${file}: ${describeError(error)}`, { details: { file }, cause: error })
  }
}
