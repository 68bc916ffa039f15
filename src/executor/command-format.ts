/** Format `command`: dag-cbor `{argv}`, started as it stands, without a shell. */
import { accept, reject } from '../base/result.ts'
import { limits } from '../base/limits.ts'
import { decodeShape } from '../base/schema.ts'
import { decodeOptions, noOptionsSchema } from '../record/format-options.ts'
import { commandPayloadSchema } from '../record/indication.ts'
import type { Executables, Format } from './format.ts'
import { missingExecutable } from './prerequisites.ts'

const { commandBytesMax } = limits.executor

export const createCommandFormat = (executables: Executables): Format => ({
  name: 'command',
  async prepare(payload, { searchPath, options }) {
    const checked = decodeOptions(noOptionsSchema, options)
    if (!checked.ok) return checked
    if (payload.sizeBytes > commandBytesMax) return reject('bad-payload', `a command of ${payload.sizeBytes} bytes, at most ${commandBytesMax} are allowed`)
    const command = decodeShape(commandPayloadSchema, await payload.readHead(commandBytesMax), commandBytesMax)
    if (!command.ok) return reject('bad-payload', `the payload is no command: ${command.detail}`)
    const [name = '', ...args] = command.value.argv
    if (command.value.argv.some((argument) => argument.includes('\0'))) return reject('bad-payload', 'an argument contains a zero byte')
    const file = await executables.find(name, searchPath)
    return file === undefined ? missingExecutable(name) : accept({ file, args })
  }
})
