/**
 * Logs as JSON lines on standard error, written synchronously so that nothing is lost at exit. Own code, because the
 * smallest of the well-known libraries would take 4 MB in each of a server's processes for a handful of lines a day.
 */
import { writeSync } from 'node:fs'
import type { Log, LogFields } from './log.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const levels = ['debug', 'info', 'warn', 'error'] as const
const standardError = 2

/** `process` names the program in each line. Lines below `level` are not written. */
export const createSystemLog = (program: string, level: LogLevel): Log => createLog(level, { process: program })

const createLog = (level: LogLevel, bound: LogFields): Log => {
  const threshold = levels.indexOf(level)
  const writerOf = (lineLevel: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (levels.indexOf(lineLevel) < threshold) return
    try {
      writeSync(standardError, `${JSON.stringify({ level: lineLevel, time: new Date().toISOString(), ...bound, ...fields, msg: message })}\n`)
    } catch {
      return // nobody reads, or nobody reads fast enough: a log must not stop the work
    }
  }
  return { debug: writerOf('debug'), info: writerOf('info'), warn: writerOf('warn'), error: writerOf('error'), child: (fields) => createLog(level, { ...bound, ...fields }) }
}
