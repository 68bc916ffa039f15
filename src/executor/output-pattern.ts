/**
 * Matches an expected output with a bound on its time: a pattern that backtracks without end must not hold up the
 * executor, so it runs where V8 can interrupt it.
 */
import { createContext, Script } from 'node:vm'
import { limits } from '../base/limits.ts'
import type { RunReport } from './outcome.ts'

const match = new Script(`new RegExp(source, 'mu').test(text)`)

/** `pattern` was judged to be a regular expression before. */
export const matchOutput = (pattern: string, text: string, timeoutMs: number = limits.executor.patternTimeoutMs): RunReport['pattern'] => {
  try {
    return match.runInContext(createContext({ source: pattern, text }), { timeout: timeoutMs }) === true ? 'matched' : 'unmatched'
  } catch (error) {
    // The error belongs to the script's own realm, so it is no `Error` here.
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'too-slow'
    return 'unmatched' // the pattern exhausted the stack: it did not match this text
  }
}
