/** What nodes log belongs to the trace: it is the same for the same seed, and tells a person what led to a violation. */
import type { Log, LogFields } from '../src/base/log.ts'
import type { Trace } from './trace.ts'

export const createTraceLog = (trace: Trace, name: string): Log => {
  const note = (level: string) => (message: string, fields?: LogFields): void => trace.note(`${level} ${name}: ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`)
  return { debug: () => undefined, info: note('info'), warn: note('warn'), error: note('error'), child: () => createTraceLog(trace, name) }
}
