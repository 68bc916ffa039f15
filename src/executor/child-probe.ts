/** A program that is asked something before an order runs: it gets a bounded time, and what it says is cut. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { concatBytes, toText } from '../base/bytes.ts'
import { describeError, errorCode } from '../base/errors.ts'
import { limits } from '../base/limits.ts'

export interface Probe {
  /** Null when a signal or its time ended it, or it could not be started. */
  readonly exitCode: number | null
  /** Why there is no exit code; empty where there is one. */
  readonly problem: string
  /** The beginning of what it wrote, to whichever of both. */
  readonly output: string
}

export interface ProbeOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

const { probeOutputBytesMax } = limits.executor

/** Those that run: none outlives this process, unless it is killed. */
const running = new Set<number>()
process.on('exit', () => {
  for (const pid of running) killGroup(pid)
})

/** Never throws. Ends with its process; what that leaves of its group is killed. */
export const probe = async (file: string, args: readonly string[], { environment, timeoutMs }: ProbeOptions): Promise<Probe> => {
  const parts: Uint8Array[] = []
  let keptBytes = 0
  const keep = (chunk: Uint8Array): void => {
    const kept = chunk.subarray(0, probeOutputBytesMax - keptBytes)
    keptBytes += kept.length
    parts.push(kept)
  }
  try {
    const child = spawn(file, args, { cwd: '/', env: environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    if (child.pid !== undefined) running.add(child.pid)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const late = setTimeout(() => killGroup(child.pid), timeoutMs)
    const drained = Promise.allSettled([once(child.stdout, 'close'), once(child.stderr, 'close')])
    const [exitCode, signal] = (await once(child, 'exit').finally(() => clearTimeout(late))) as [number | null, string | null]
    if (child.pid !== undefined) running.delete(child.pid)
    killGroup(child.pid)
    const stop = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream.destroy()), limits.executor.drainMs)
    await drained
    clearTimeout(stop)
    return { exitCode, problem: exitCode === null ? `it was ended by ${signal ?? 'a signal'}, or after ${timeoutMs} ms` : '', output: toText(concatBytes(parts)) }
  } catch (error) {
    return { exitCode: null, problem: describeError(error), output: '' }
  }
}

const killGroup = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (errorCode(error) !== 'ESRCH' && errorCode(error) !== 'EPERM') throw error // gone, or turned into another user's
  }
}
