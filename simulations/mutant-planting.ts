/** Plants one bug in the text of a file. */
import type { Replacement } from './mutant-list.ts'

/** Throws where the text to be replaced is not there exactly once: the source has changed, and the list must follow. */
export const plant = (source: string, { file, from, to }: Replacement): string => {
  const parts = source.split(from)
  if (parts.length !== 2) throw new Error(`${file} holds this ${parts.length - 1} times instead of once: ${from}`)
  return parts.join(to)
}
