/** What a file imports, by a scan of its text: enough for a house whose imports are all written in one way. */
import path from 'node:path'
import type { BlankedSource } from './blank.ts'

export interface Import {
  /** As written. */
  readonly specifier: string
  /** The imported file from the project's folder; undefined for a package. */
  readonly file: string | undefined
  /** Gone at run time. */
  readonly isTypeOnly: boolean
}

const statement = /^(?:import|export)\s+(?<type>type\s+(?!from\b))?(?:(?:[\w$]+\s*,\s*)?(?:\{[^{}]*\}|\*(?:\s+as\s+[\w$]+)?|[\w$]+)\s+from\s+)?(?<quote>['"])(?<inside> +)\k<quote>/gdm
const dynamic = /\bimport\s*\(\s*(?<quote>['"])(?<inside> +)\k<quote>/gd

export const findImports = (file: string, { code, uncommented }: BlankedSource): Import[] =>
  [statement, dynamic].flatMap((expression) =>
    [...code.matchAll(expression)].map((match): Import => {
      const [start, end] = match.indices?.groups?.['inside'] ?? [0, 0]
      const specifier = uncommented.slice(start, end)
      return { specifier, file: resolveFile(file, specifier), isTypeOnly: match.groups?.['type'] !== undefined }
    })
  )

const resolveFile = (from: string, specifier: string): string | undefined =>
  specifier.startsWith('.') ? path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier)) : undefined
