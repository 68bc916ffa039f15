/**
 * The executor's log: JSON lines on standard error, of the shape that the other processes write. Without a library,
 * because the one of the others would take 4 MB on every server for a handful of lines a day.
 */
import { writeSync } from 'node:fs'
import type { Log, LogFields } from '../base/log.ts'
import type { LogLevel } from '../base/system-log.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
const standardError = 2

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

export const createLineLog = (name: string, level: LogLevel): Log => createLog(level, { name, process: name })
