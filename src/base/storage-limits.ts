/** The bounds of stores and archives: a part of `limits.ts`, where all others are. */
const MiB = 1024 * 1024

export const storageLimits = {
  store: {
    /** Tables up to this are read whole at each start: 0.4 s at 350 MiB/s. Larger ones after an end that was not in good order. */
    alwaysCheckedBytes: 128 * MiB,
    /** Opening writes two logs of 2 MiB into tables, and a new log and manifest. */
    reopenBytesMin: 8 * MiB
  },
  audit: {
    /** Places whose signatures are given to the thread pool at once: 32 MiB of entries at their largest, usually 0.3 MiB. */
    verifiedAtOnce: 256
  },
  archive: {
    /** A piece of a file, or rows of a store up to the first beyond it, in one block of a backup. */
    pieceBytesMax: 1 * MiB,
    /** A piece and one value that it began with: entries are the largest, at 128 KiB. */
    blockBytesMax: 4 * MiB,
    /** The last block holds a number and a hash. */
    endingBytesMax: 256
  }
} as const
