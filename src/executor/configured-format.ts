/** A format of the operator's own or of a third party: a command from the node's configuration, given the payload's path. */
import { accept } from '../base/result.ts'
import { decodeOptions, noOptionsSchema } from '../record/format-options.ts'
import { fillCommand } from './command-line.ts'
import type { Executables, Format } from './format.ts'
import { missingExecutable } from './prerequisites.ts'

/** The program is looked for where the node's own are, not where an order says. */
export const createConfiguredFormat = (name: string, command: readonly string[], executables: Executables, searchPath: string): Format => ({
  name,
  async prepare(payload, { options }) {
    const told = decodeOptions(noOptionsSchema, options)
    if (!told.ok) return told
    const [program = '', ...args] = fillCommand(command, [payload.path])
    const file = await executables.find(program, searchPath)
    return file === undefined ? missingExecutable(program) : accept({ file, args })
  }
})
