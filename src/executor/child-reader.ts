/** Reads a file as another user does: by a program of theirs, which may see no more than they. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { toText } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'

export interface Reading {
  /** The first bytes. Throws when the stream breaks. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Of the whole file; undefined where it is no plain file, or could not be read to the end in time. Never rejects. */
  readonly sizeBytes: Promise<number | undefined>
}

/** What is no plain file is not opened; the size goes to standard error, so that nothing but the file is in the output. */
const script = '[ -f "$1" ] && stat -L -c %s -- "$1" >&2 && exec head -c "$2" -- "$1"'

/** `enter` makes the user of a program; `sizeBytesMax` bytes at most are read. */
export const openFileAs = (enter: readonly string[], path: string, sizeBytesMax: number): Reading => {
  const [file = '', ...args] = enter
  const child = spawn(file, [...args, '/bin/sh', '-c', script, 'sh', path, String(sizeBytesMax)], { cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'pipe', 'pipe'] })
  const late = setTimeout(() => child.kill('SIGKILL'), limits.job.readTimeoutMs)
  const told: Uint8Array[] = []
  child.stderr.on('data', (bytes: Uint8Array) => told.push(bytes))
  const end = async (): Promise<number | undefined> => {
    const [exitCode] = (await once(child, 'close')) as [number | null]
    const said = toText(Buffer.concat(told)).trim()
    return exitCode === 0 && /^[0-9]+$/.test(said) ? Number(said) : undefined
  }
  return { bytes: child.stdout, sizeBytes: end().catch(() => undefined).finally(() => clearTimeout(late)) }
}
