/** A run of bytes within a longer one. */
export interface ByteRange {
  readonly offset: number
  readonly sizeBytes: number
}

export const endOf = ({ offset, sizeBytes }: ByteRange): number => offset + sizeBytes

export const hasOverlap = (left: ByteRange, right: ByteRange): boolean => Math.max(left.offset, right.offset) < Math.min(endOf(left), endOf(right))
