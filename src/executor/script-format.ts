/**
 * Format `script`: run by the interpreter that the order names, or that its first line does, or by /bin/sh. The interpreter is given the
 * payload's own path, so that a script may carry megabytes behind its text and read them from `$0`.
 */
import { toText } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { decodeOptions, scriptOptionsSchema } from '../record/format-options.ts'
import type { Executables, Format, Launch } from './format.ts'

const { interpreterLineBytesMax } = limits.executor

export const createScriptFormat = (executables: Executables): Format => ({
  name: 'script',
  async prepare(payload, { searchPath, options }) {
    const told = decodeOptions(scriptOptionsSchema, options)
    if (!told.ok) return told
    if (told.value.interpreter !== undefined) {
      const file = await executables.find(told.value.interpreter, searchPath)
      return file === undefined ? missing(told.value.interpreter) : accept({ file, args: [payload.path] })
    }
    const interpreter = parseInterpreter(await payload.readHead(interpreterLineBytesMax))
    if (!interpreter.ok) return interpreter
    const { file, args } = interpreter.value
    for (const wanted of [file, ...programsOfEnv(file, args)]) {
      if ((await executables.find(wanted, searchPath)) === undefined) return missing(wanted)
    }
    return accept({ file, args: [...args, payload.path] })
  }
})

const missing = (interpreter: string): Rejected => reject('prerequisite-missing', `the script's interpreter ${interpreter} is missing`)

/** `#!FILE [ARGUMENT]` as Linux reads it: all behind the blank is one argument. Errors: `bad-payload`. */
export const parseInterpreter = (head: Uint8Array): Result<Launch> => {
  if (head[0] !== 0x23 || head[1] !== 0x21) return accept({ file: '/bin/sh', args: [] })
  const end = head.indexOf(0x0a)
  if (end === -1 && head.length >= interpreterLineBytesMax) return reject('bad-payload', `the first line is longer than ${interpreterLineBytesMax} bytes`)
  const line = toText(head.subarray(2, end === -1 ? head.length : end)).trim()
  if (line.includes('\0')) return reject('bad-payload', 'the first line contains a zero byte')
  const [, file = '', argument = ''] = /^(\S*)\s*(.*)$/s.exec(line) ?? []
  if (!file.startsWith('/')) return reject('bad-payload', `the first line names "${file}" as interpreter; an absolute path is needed`)
  return accept({ file, args: argument === '' ? [] : [argument] })
}

/** `env` finds the real interpreter itself, so that is asked for as well. */
const programsOfEnv = (file: string, args: readonly string[]): string[] => {
  if (!file.endsWith('/env')) return []
  const words = args.join(' ').split(/\s+/)
  const program = words.find((word) => word !== '' && !word.startsWith('-') && !word.includes('='))
  return program === undefined ? [] : [program]
}
