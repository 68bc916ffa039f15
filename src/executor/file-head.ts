/** The beginning of a file. */
import { open } from 'node:fs/promises'

/** `sizeBytes` of it, or all where it is shorter. Throws what the file system throws. */
export const readHead = async (path: string, sizeBytes: number): Promise<Uint8Array> => {
  const file = await open(path, 'r')
  try {
    const head = new Uint8Array(sizeBytes)
    let length = 0
    while (length < sizeBytes) {
      const { bytesRead } = await file.read(head, length, sizeBytes - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return head.subarray(0, length)
  } finally {
    await file.close()
  }
}
