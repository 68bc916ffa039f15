/**
 * What a command sees of the terminal it was typed into. `system-terminal.ts` is the real one; tests pass their own.
 */
export interface Output {
  readonly isTerminal: boolean
  /** Whether colour codes may be written: a terminal, and NO_COLOR is not set. */
  readonly colours: boolean
  readonly columns: number
  readonly rows: number
  /** Resolves when the bytes have left this process; never rejects. */
  write(data: string | Uint8Array): Promise<void>
}

export interface Terminal {
  readonly stdout: Output
  readonly stderr: Output
  /** Somebody is there to answer: stdin and stderr are terminals. */
  readonly isInteractive: boolean
  /** Asks on stderr; the answer without its newline, empty when there is none. */
  ask(question: string): Promise<string>
  /** Calls `action` at the first Ctrl-C instead of ending the process; the returned function undoes it. */
  onInterrupt(action: () => void): () => void
}

/** One line for people, on stderr. */
export const notify = (terminal: Terminal, line: string): Promise<void> => terminal.stderr.write(`${line}\n`)
