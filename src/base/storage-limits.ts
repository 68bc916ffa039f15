/** The bounds of stores and archives: a part of `limits.ts`, where all others are. */
import { MiB } from './units.ts'

export const storageLimits = {
  store: {
    /** Tables up to this are read whole at each start: 0.4 s at 350 MiB/s. Larger ones after an end that was not in good order. */
    alwaysCheckedBytes: 128 * MiB,
    /** What is written is gathered in memory up to this, twice, before it becomes a table: most stores see little. */
    writeBufferBytes: 2 * MiB,
    /** An endpoint's queues: every receipt of the fleet is four rows, and with a small buffer tables are merged all the time, a fifth of the work; with 16 an endpoint catches up an eighth sooner than with 8. */
    queueWriteBufferBytes: 16 * MiB,
    /** Tables of 2 MiB that are open: LevelDB maps each into memory, with its index and filter. More are opened again when they are read; bench `sync` holds the measurement. */
    openTablesMax: 64,
    /** Opening writes two full buffers into tables; besides them a new log and manifest. */
    reopenBytesMin: 4 * MiB
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
