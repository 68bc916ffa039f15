/** A terminal that keeps what is written to it. */
import { concatBytes, toText, utf8 } from '../../src/base/bytes.ts'
import type { Output, Terminal } from '../../src/cli/terminal.ts'

export interface TerminalOptions {
  readonly isTerminal?: boolean
  readonly colours?: boolean
  readonly rows?: number
  readonly isInteractive?: boolean
  readonly answer?: string
}

export interface FakeTerminal extends Terminal {
  stdoutBytes(): Uint8Array
  stdoutText(): string
  stderrText(): string
  /** Presses Ctrl-C; whether somebody listened. */
  interrupt(): boolean
  readonly questions: readonly string[]
}

const createOutput = (options: TerminalOptions, parts: Uint8Array[]): Output => ({
  isTerminal: options.isTerminal ?? false,
  colours: options.colours ?? false,
  columns: 80,
  rows: options.rows ?? 24,
  async write(data) {
    parts.push(typeof data === 'string' ? utf8(data) : data)
  }
})

export const createFakeTerminal = (options: TerminalOptions = {}): FakeTerminal => {
  const stdout: Uint8Array[] = []
  const stderr: Uint8Array[] = []
  const listeners = new Set<() => void>()
  const questions: string[] = []
  return {
    stdout: createOutput(options, stdout),
    stderr: createOutput(options, stderr),
    isInteractive: options.isInteractive ?? false,
    async ask(question) {
      questions.push(question)
      return options.answer ?? ''
    },
    onInterrupt(action) {
      listeners.add(action)
      return () => listeners.delete(action)
    },
    interrupt() {
      for (const listener of listeners) listener()
      return listeners.size > 0
    },
    questions,
    stdoutBytes: () => concatBytes(stdout),
    stdoutText: () => toText(concatBytes(stdout)),
    stderrText: () => toText(concatBytes(stderr))
  }
}
