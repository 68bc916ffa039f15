/** What came of a run, judged against what the order expects. Pure. */
import type { Millis } from '../base/brand.ts'
import type { Expected } from '../record/indication.ts'
import type { HeldLimits } from '../record/isolation.ts'
import type { CapturedFile, ExecutorState, Output } from '../record/statement.ts'

/** How a run ended, as the runner saw it. */
export interface RunReport {
  readonly exitCode: number | null
  readonly signal: string | null
  /** Why no process came to be, or null. */
  readonly spawnError: string | null
  readonly stdout: Output | null
  readonly stderr: Output | null
  readonly files: readonly CapturedFile[]
  /** The first file that the order names and that is not there; null where all are. */
  readonly missingFile: string | null
  /** Whether stdout matches the expected pattern; `matched` where none is expected. */
  readonly pattern: 'matched' | 'unmatched' | 'too-slow'
  /** What it was held to; null without limits. */
  readonly limits: HeldLimits | null
}

/** Where no process was, or none is told of. */
export const noRun: RunReport = { exitCode: null, signal: null, spawnError: null, stdout: null, stderr: null, files: [], missingFile: null, pattern: 'matched', limits: null }

/** Why the machine ended a run before its time. */
export type Ending = 'timed-out' | 'cancelled' | 'interrupted'

export interface Outcome {
  readonly state: ExecutorState
  readonly code: string | null
  readonly detail: string | null
}

const failed = (code: string, detail: string): Outcome => ({ state: 'failed', code, detail })

/**
 * Codes: `timed-out`, `stopped`, `spawn-failed`, `killed`, `unexpected-exit`, `unexpected-output`, `pattern-too-slow`,
 * `capture-missing`.
 */
export const judgeRun = (report: RunReport, ending: Ending | null, expected: Expected, timeoutMs: number): Outcome => {
  if (ending === 'cancelled') return { state: 'cancelled', code: null, detail: 'the running process was killed' }
  if (ending === 'interrupted') return { state: 'interrupted', code: 'stopped', detail: 'the node was stopped while the order ran' }
  if (ending === 'timed-out') return failed('timed-out', `the process was killed after ${timeoutMs} ms`)
  if (report.spawnError !== null) return failed('spawn-failed', report.spawnError)
  if (report.signal !== null) return failed('killed', `the process was ended by ${report.signal}`)
  if (report.exitCode !== expected.exitCode) return failed('unexpected-exit', `exit code ${report.exitCode ?? 'unknown'}, expected ${expected.exitCode}`)
  if (report.pattern === 'too-slow') return failed('pattern-too-slow', 'the expected output pattern took too long to match')
  if (report.pattern === 'unmatched') return failed('unexpected-output', `the output does not match ${expected.output ?? ''}`)
  if (report.missingFile !== null) return failed('capture-missing', `the run has left no file ${report.missingFile}`)
  return { state: 'succeeded', code: null, detail: null }
}

/** Why an order does not start. One that a restart had interrupted did start, so it is never `rejected`. */
export const judgeRefusal = (code: string, detail: string, wasStarted: boolean): Outcome => {
  if (wasStarted) return { state: 'interrupted', code, detail }
  if (code === 'expired') return { state: 'expired', code: null, detail }
  return { state: code === 'already-installed' ? 'skipped' : 'rejected', code, detail }
}

/** Verdicts that another time would change. */
export const hangsOnTime: ReadonlySet<string> = new Set(['expired', 'charter-expired'])

export const forgotten = (before: Millis): Outcome => ({
  state: 'interrupted', code: 'journal-lost', detail: `this node lost its record of orders made before ${new Date(before).toISOString()}: this one may have run, and is not started`
})

export const restarted: Outcome = { state: 'interrupted', code: 'restarted', detail: 'the executor ended while the order ran' }
