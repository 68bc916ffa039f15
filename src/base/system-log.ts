/** Logs as JSON lines on standard error, by pino, written synchronously so that nothing is lost at exit. */
import { destination, pino, stdTimeFunctions, type Logger } from 'pino'
import type { Log } from './log.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const wrap = (logger: Logger): Log => ({
  debug: (message, fields = {}) => logger.debug(fields, message),
  info: (message, fields = {}) => logger.info(fields, message),
  warn: (message, fields = {}) => logger.warn(fields, message),
  error: (message, fields = {}) => logger.error(fields, message),
  child: (fields) => wrap(logger.child(fields))
})

export const createSystemLog = (name: string, level: LogLevel): Log =>
  wrap(
    pino(
      { level, base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
      destination({ dest: 2, sync: true })
    ).child({ process: name })
  )
