/**
 * The terminal that this process was started from. Everything that the commands read from it or write to it passes here.
 */
import { createInterface } from 'node:readline/promises'
import type { WriteStream } from 'node:tty'
import { errorCode } from '../base/errors.ts'
import type { Output, Terminal } from './terminal.ts'

/** `isTTY` is absent, not false, on a pipe. */
const isTerminal = (stream: { isTTY?: boolean }): boolean => stream.isTTY === true

const createOutput = (stream: WriteStream): Output => ({
  isTerminal: isTerminal(stream),
  colours: isTerminal(stream) && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb',
  get columns() {
    return stream.columns || 80
  },
  get rows() {
    return stream.rows || 24
  },
  write: (data) =>
    new Promise((resolve) => {
      stream.write(data, () => resolve())
    })
})

/** Who reads us has read enough, as `head` does: that is no error. Any other fault of the stream is. */
const endQuietly = (error: unknown): void => {
  if (errorCode(error) === 'EPIPE') process.exit(0)
  throw error
}

const ask = async (question: string): Promise<string> => {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
  try {
    return await Promise.race([lines.question(question), ended])
  } finally {
    lines.close()
  }
}

export const createSystemTerminal = (): Terminal => {
  process.stdout.on('error', endQuietly)
  process.stderr.on('error', endQuietly)
  return {
    stdout: createOutput(process.stdout),
    stderr: createOutput(process.stderr),
    isInteractive: isTerminal(process.stdin) && isTerminal(process.stderr),
    ask,
    onInterrupt(action) {
      process.once('SIGINT', action)
      return () => process.off('SIGINT', action)
    }
  }
}
