/**
 * The job `collect-logs PATH…`: a `logs.tar.gz` in the working directory, which the order captures. The newest files come
 * first; what would make the bundle larger than what is captured is cut at its beginning, or left out, and a row says so.
 */
import { constants, createGzip } from 'node:zlib'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { compareText } from '../../base/bytes.ts'
import { describeError, errorCode, WritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { logBundleName } from '../../record/format-options.ts'
import { encodeTarHeader, tarEnd, tarPadding } from './tar-entry.ts'
import type { Job } from './job.ts'

const { filesMax, restBytes, leastBytes, expansion } = limits.logs

interface LogFile {
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedAt: number
}

/** Errors: `stopped`, `no-logs`, and what the file system throws of the bundle itself. */
export const collectLogs: Job = async function* ({ args: paths, stopped }) {
  const found = (await Promise.all(paths.map((path) => listFiles(path)))).flat().sort((left, right) => right.modifiedAt - left.modifiedAt || compareText(left.path, right.path))
  if (found.length === 0) throw new WritError('no-logs', `none of these is a file, or a directory with files: ${paths.join(', ')}`)
  const bundle = new Bundle(logBundleName)
  const done = new Set<string>()
  for (const file of found) {
    if (stopped.aborted) throw new WritError('stopped', 'the order was ended before all logs were collected')
    if (done.has(file.path)) continue
    done.add(file.path)
    if (done.size > filesMax) yield { path: file.path, sizeBytes: file.sizeBytes, takenBytes: 0 }
    else yield await bundle.add(file)
  }
  await bundle.end()
}

/** Plain files at or below a path; links are not followed, what is missing is no file. */
const listFiles = async (path: string): Promise<LogFile[]> => {
  try {
    const stats = await lstat(path)
    if (stats.isFile()) return [{ path, sizeBytes: stats.size, modifiedAt: stats.mtimeMs }]
    if (!stats.isDirectory()) return []
    return (await Promise.all((await readdir(path)).map((name) => listFiles(join(path, name))))).flat()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [] // rotated away meanwhile, or never there
    throw error
  }
}

class Bundle {
  readonly #gzip = createGzip()
  readonly #finished: Promise<void>
  #writtenBytes = 0

  constructor(name: string) {
    this.#gzip.on('data', (chunk: Uint8Array) => {
      this.#writtenBytes += chunk.length
    })
    this.#finished = finished(this.#gzip.pipe(createWriteStream(name, { mode: 0o600 })))
    this.#finished.catch(() => undefined) // told by `end`
  }

  /** Its end, as much of it as surely has room. */
  async add({ path, sizeBytes, modifiedAt }: LogFile): Promise<Readonly<Record<string, unknown>>> {
    const room = Math.floor((limits.output.streamBytesMax - this.#writtenBytes - restBytes) / expansion)
    const takenBytes = Math.min(sizeBytes, room)
    if (takenBytes < Math.min(sizeBytes, leastBytes)) return { path, sizeBytes, takenBytes: 0 }
    let file: FileHandle
    try {
      file = await open(path, 'r')
    } catch (error) {
      return { path, sizeBytes, takenBytes: 0, error: describeError(error) }
    }
    try {
      await this.#write(encodeTarHeader({ path: path.slice(1), sizeBytes: takenBytes, modifiedAtSeconds: modifiedAt / 1000 }))
      await this.#copy(file, sizeBytes - takenBytes, takenBytes)
      await this.#write(tarPadding(takenBytes))
      await new Promise<void>((resolve) => this.#gzip.flush(constants.Z_SYNC_FLUSH, resolve)) // so that the room is known
    } finally {
      await file.close()
    }
    return { path, sizeBytes, takenBytes }
  }

  async end(): Promise<void> {
    this.#gzip.end(tarEnd)
    await this.#finished
  }

  /** A file that has shrunk meanwhile is filled up with zeros: its header says how long it is. */
  async #copy(file: FileHandle, begin: number, sizeBytes: number): Promise<void> {
    for (let copied = 0; copied < sizeBytes; ) {
      const wanted = Math.min(limits.executor.chunkBytesMax, sizeBytes - copied)
      const { bytesRead, buffer } = await file.read(new Uint8Array(wanted), 0, wanted, begin + copied)
      await this.#write(bytesRead === 0 ? buffer : buffer.subarray(0, bytesRead))
      copied += bytesRead === 0 ? wanted : bytesRead
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (!this.#gzip.write(bytes)) await Promise.race([once(this.#gzip, 'drain'), this.#finished])
  }
}
