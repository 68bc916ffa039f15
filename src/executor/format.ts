/**
 * What a plug-in for an instruction format does: from a payload in the executor's cache, whose size and digest were
 * checked, to the process that is to be started. A plug-in touches nothing outside but by what it is given.
 */
import type { IndicationId } from '../base/brand.ts'
import type { Result } from '../base/result.ts'

export interface Payload {
  /** In a directory that the executor alone may enter; the file may be executed. */
  readonly path: string
  readonly sizeBytes: number
  /** The first bytes, `sizeBytesMax` of them at most. */
  readHead(sizeBytesMax: number): Promise<Uint8Array>
}

export interface Executables {
  /** The path of an executable: a name is looked up in `searchPath` (as in PATH), a path is checked. */
  find(name: string, searchPath: string): Promise<string | undefined>
}

/** What of an order a format may look at, besides its payload. */
export interface FormatOrder {
  readonly id: IndicationId
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string
  /** What the order tells the format itself. */
  readonly options: Readonly<Record<string, string>>
}

export interface Launch {
  readonly file: string
  readonly args: readonly string[]
}

export interface Format {
  readonly name: string
  /** Errors: `bad-payload`, `bad-tree`, `bad-options`, `prerequisite-missing`; an order whose work is done already is `already-installed`. */
  prepare(payload: Payload, order: FormatOrder): Promise<Result<Launch>>
}
