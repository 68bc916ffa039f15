/** Where the bytes of a tree are taken from: files of the running release, or the agent for the rest. Pure. */
import { endOf, type ByteRange } from '../base/byte-range.ts'
import { isFile, type Tree } from '../record/tree.ts'

export interface Part {
  readonly range: ByteRange
  /** The file that holds it; null for the agent's to bring. */
  readonly file: string | null
}

/** In order, from the first byte behind the manifest to the last. `held`: files by the SHA-256 of their bytes. */
export const planParts = ({ manifest, contentOffset }: Tree, held: ReadonlyMap<string, string>): Part[] => {
  const parts: Part[] = []
  let offset = contentOffset
  for (const { sizeBytes, sha256 } of manifest.entries.filter(isFile)) {
    const file = held.get(sha256) ?? null
    const last = parts.at(-1)
    if (file === null && last?.file === null) parts[parts.length - 1] = { range: { offset: last.range.offset, sizeBytes: last.range.sizeBytes + sizeBytes }, file }
    else if (sizeBytes > 0) parts.push({ range: { offset, sizeBytes }, file })
    offset += sizeBytes
  }
  return parts
}

/** What to ask the agent for next, up to `rangesMax` at once. */
export const planAsk = (parts: readonly Part[], rangesMax: number): { readonly ranges: readonly ByteRange[]; readonly end: number } => {
  const ranges = parts.filter(({ file }) => file === null).slice(0, rangesMax).map(({ range }) => range)
  const last = ranges.at(-1)
  return { ranges, end: last === undefined ? 0 : endOf(last) }
}
