/**
 * What goes wrong in operation: a stable code, a sentence that tells a person what to do, a cause.
 * `docs/errors.md` lists every code; a test holds the two together.
 */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>

export class WritError extends Error {
  override readonly name = 'WritError'
  readonly code: string
  readonly details: ErrorDetails

  constructor(code: string, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}

export const isWritError = (error: unknown, code?: string): error is WritError =>
  error instanceof WritError && (code === undefined || error.code === code)

/** The message of anything thrown. */
export const describeError = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The `code` of a system or library error, or the empty string. */
export const errorCode = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  return typeof code === 'string' ? code : ''
}

/** A programmer's mistake: stops the process rather than going on with a broken invariant. */
export function assert(condition: unknown, message: string): asserts condition {
  if (condition === false || condition === undefined || condition === null) throw new Error(`assertion failed: ${message}`)
}
