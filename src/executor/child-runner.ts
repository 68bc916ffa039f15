/**
 * Runs one process in a process group of its own, without a shell, and says how it ended. Whatever goes wrong
 * is told by the report; nothing here throws or waits for ever. When the main process has ended, the rest of its group
 * is killed, and an output that someone outside the group holds open is no longer listened to after a while.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { describeError, errorCode } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Timers } from '../base/clock.ts'
import type { CapturedFile, Output } from '../record/statement.ts'
import { captureFiles } from './file-captures.ts'
import type { FileOutputs, OutputCapture } from './file-output.ts'
import type { Launch } from './format.ts'
import type { Birth } from './system-orphans.ts'

export interface RunRequest {
  readonly launch: Launch
  readonly environment: Readonly<Record<string, string>>
  readonly workDirectory: string
  /** For the captured output while it grows. */
  readonly captureDirectory: string
  /** Files that the run is to leave, relative to its work directory. */
  readonly captures: readonly string[]
  /** What makes the job's user of a program; empty where that is this process's own. */
  readonly enter: readonly string[]
  /** Called when the main process has ended: ends what else the run has started. */
  readonly sweep: (birth: Birth) => Promise<void>
}

export interface RunResult {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly spawnError: string | null
  readonly stdout: Output | null
  readonly stderr: Output | null
  readonly files: readonly CapturedFile[]
}

export interface Run {
  /** To the whole process group; nothing happens when it is gone. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void
  /** Never rejects. */
  readonly ended: Promise<RunResult>
}

export interface Runner {
  start(request: RunRequest): Run
}

type Child = ChildProcessByStdio<null, Readable, Readable>

export class ChildRunner implements Runner {
  readonly #timers: Timers
  readonly #outputs: FileOutputs

  constructor(timers: Timers, outputs: FileOutputs) {
    this.#timers = timers
    this.#outputs = outputs
  }

  start(request: RunRequest): Run {
    const { launch, environment, workDirectory } = request
    try {
      const child = spawn(launch.file, launch.args, { cwd: workDirectory, env: environment, detached: true, shell: false, stdio: ['ignore', 'pipe', 'pipe'] })
      return { signal: (signal) => killGroup(child, signal), ended: this.#follow(child, request, { pid: child.pid ?? 0, at: performance.now() }) }
    } catch (error) {
      return { signal: () => undefined, ended: Promise.resolve(unspawned(error)) } // an argument list that is too long, for one
    }
  }

  async #follow(child: Child, { captureDirectory: directory, workDirectory, captures, enter, sweep }: RunRequest, birth: Birth): Promise<RunResult> {
    const stdout = this.#outputs.capture(join(directory, 'stdout'))
    const stderr = this.#outputs.capture(join(directory, 'stderr'))
    const drained = Promise.all([drain(child.stdout, stdout), drain(child.stderr, stderr)])
    try {
      const [exitCode, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
      killGroup(child, 'SIGKILL')
      await sweep(birth)
      const cancel = this.#limitDrain(child, () => stdout.sizeBytes + stderr.sizeBytes)
      const outputs = await drained
      cancel()
      return { exitCode, signal, spawnError: null, stdout: outputs[0], stderr: outputs[1], files: await captureFiles(this.#outputs, captures, { workDirectory, directory, enter }) }
    } catch (error) {
      return unspawned(error) // `once` rejects on `error`: there was no process
    }
  }

  /** Stops listening when nothing has come for a while, or too much has. */
  #limitDrain(child: Child, takenBytes: () => number): () => void {
    let rounds = 0
    let before = takenBytes()
    let cancel = (): void => undefined
    const look = (): void => {
      rounds += 1
      if (takenBytes() === before || rounds >= limits.executor.drainRoundsMax) {
        child.stdout.destroy()
        child.stderr.destroy()
        return
      }
      before = takenBytes()
      cancel = this.#timers.after(limits.executor.drainMs, look)
    }
    cancel = this.#timers.after(limits.executor.drainMs, look)
    return () => cancel()
  }
}

const unspawned = (error: unknown): RunResult => ({ exitCode: null, signal: null, spawnError: describeError(error), stdout: null, stderr: null, files: [] })

/** Reads to the end, or until the stream is destroyed; the pipe holds the process back while the disk is slow. Never rejects. */
const drain = async (stream: Readable, capture: OutputCapture): Promise<Output> => {
  try {
    for await (const chunk of stream) await capture.write(chunk as Uint8Array)
  } catch {
    return capture.finish() // the stream was destroyed or broke: what had come by then counts
  }
  return capture.finish()
}

const killGroup = (child: Child, signal: 'SIGTERM' | 'SIGKILL'): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (errorCode(error) !== 'ESRCH' && errorCode(error) !== 'EPERM') throw error // gone, or turned into another user's
  }
}
