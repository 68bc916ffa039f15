/**
 * What a peer sends wrong is a value, never an exception.
 */
export interface Accepted<T> {
  readonly ok: true
  readonly value: T
}

export interface Rejected {
  readonly ok: false
  /** Stable, listed in docs/errors.md. */
  readonly code: string
  /** A sentence for a person; may be empty. */
  readonly detail: string
}

export type Result<T> = Accepted<T> | Rejected

export const accept = <T>(value: T): Accepted<T> => ({ ok: true, value })
export const reject = (code: string, detail = ''): Rejected => ({ ok: false, code, detail })
